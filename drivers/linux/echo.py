"""Sending ICMP echo requests from sandboxes and from the host, and saying where they end.

A socket belongs to the namespace where it was made, so a thread enters a sandbox only to make one,
and waits for all answers at once. Nothing that a sandbox sends makes the wait longer.
"""

import errno
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Final

from mynet.drivers.api import IPV4, IPAddress
from mynet.drivers.errors import DriverError
from mynet.drivers.linux import netns
from mynet.drivers.linux.links.lookup import default_routes
from mynet.drivers.linux.netlink.addresses import neighbour_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.echo import EchoRequest

WAIT: Final = 2.0  # seconds for all answers to requests that are sent together
_AT_ONCE: Final = 64  # requests; each has a socket
_ICMP = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_REQUEST, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_TOKEN_BYTES: Final = 16
_IP_RECVERR, _IPV6_RECVERR = (socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)
_UNKNOWN_NEIGHBOUR: Final = frozenset({errno.ENOENT, errno.ENODEV})


class Probes:
    """Implements :class:`~mynet.drivers.linux.interface.probes.Probes` with raw sockets."""

    def echo(self, requests: Sequence[EchoRequest], deadline: float) -> Sequence[str | None]:
        """Like: ip netns exec NAME ping -c 1 -I DEVICE ADDRESS, for many at once."""
        outcomes: list[str | None] = []
        for start in range(0, len(requests), _AT_ONCE):
            left = min(WAIT, deadline - time.monotonic())
            batch = requests[start : start + _AT_ONCE]
            outcomes += _send(batch, left) if left > 0 else [None] * len(batch)
        return outcomes


def _send(requests: Sequence[EchoRequest], seconds: float) -> list[str | None]:
    """Send requests together; return for each why no answer came, "" if one did."""
    token = secrets.token_bytes(_TOKEN_BYTES)
    outcomes: list[str | None] = ["no answer"] * len(requests)
    with ExitStack() as stack:
        waiting: dict[int, tuple[int, socket.socket]] = {}
        for place, request in enumerate(requests):
            try:
                sock = stack.enter_context(_open(request))
                sock.send(_packet(request.target, token))
            except OSError as error:
                outcomes[place] = f"it cannot be sent: {os.strerror(error.errno or errno.EIO)}"
            except DriverError as error:
                outcomes[place] = f"it cannot be sent: {error}"
            else:
                waiting[sock.fileno()] = place, sock
        _receive(waiting, requests, token, outcomes, time.monotonic() + seconds)
        for place, _ in waiting.values():
            outcomes[place] = _no_answer(requests[place])
    return outcomes


def _receive(
    waiting: dict[int, tuple[int, socket.socket]],
    requests: Sequence[EchoRequest],
    token: bytes,
    outcomes: list[str | None],
    end: float,
) -> None:
    """Read answers until all are there or the time is over; remove their sockets from waiting."""
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            place, sock = waiting[descriptor]
            try:
                data = sock.recv(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError as error:
                outcomes[place] = f"{os.strerror(error.errno or errno.EIO)}, as a router says"
            else:
                if not _is_answer(data, requests[place].target, token):
                    continue
                outcomes[place] = ""
            poll.unregister(descriptor)
            del waiting[descriptor]


def _inside(request: EchoRequest) -> AbstractContextManager[None]:
    return netns.entered(request.sandbox) if request.sandbox else nullcontext()


def _open(request: EchoRequest) -> socket.socket:
    """Return a socket in the place of a request that receives from its target alone."""
    version = request.target.version
    protocol = socket.IPPROTO_ICMP if version == IPV4 else socket.IPPROTO_ICMPV6
    with _inside(request):
        sock = socket.socket(_FAMILIES[version], socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    try:
        level, option = _IP_RECVERR if version == IPV4 else _IPV6_RECVERR
        sock.setsockopt(level, option, 1)
        if request.interface:
            device = request.interface.encode() + b"\0"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        sock.connect((str(request.target), 0))
    except BaseException:
        sock.close()
        raise
    return sock


def _packet(target: IPAddress, token: bytes) -> bytes:
    """Return an echo request; the kernel adds the checksum of IPv6."""
    header = _ICMP.pack(_REQUEST[target.version], 0, 0, 0, 1)
    if target.version != IPV4:
        return header + token
    total = sum(struct.unpack(f"!{(len(header) + len(token)) // 2}H", header + token))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return _ICMP.pack(_REQUEST[IPV4], 0, checksum, 0, 1) + token


def _is_answer(data: bytes, target: IPAddress, token: bytes) -> bool:
    """Return whether a datagram is the reply to our request; IPv4 has its header before it."""
    if target.version == IPV4 and data:
        data = data[(data[0] & 0xF) * 4 :]
    return data[:1] == bytes([_REPLY[target.version]]) and data[_ICMP.size :] == token


def _no_answer(request: EchoRequest) -> str:
    """Return where a request without an answer ended: at the neighbour it is handed to, or beyond.

    Like: ``ip neigh get ADDRESS dev DEVICE``.
    """
    hop = request.hop or request.target
    if not request.interface:
        return "no answer"
    way = "ARP" if hop.version == IPV4 else "neighbour discovery"
    try:
        with _inside(request), Netlink() as nl:
            index = nl.index(request.interface)
            if request.hop and not any(
                route.device == index for route in default_routes(nl, hop.version)
            ):
                return f"the sandbox has no IPv{hop.version} default route by {request.interface}"
            message = neighbour_requests.get_neighbour(index, hop)
            reply = nl.get(Request(message, f"look up {hop}", "neighbours", _UNKNOWN_NEIGHBOUR))
    except DriverError as error:
        return f"no answer: {error}"
    if reply and neighbour_requests.is_resolved(reply):
        return f"no answer; the MAC address of {hop} is known"
    return f"no answer to {way} for {hop}"

"""Flows of UDP that the kernel remembers, and that a published port has to make it forget.

Conntrack holds on to a flow, and to where it leads, for as long as packets come: a client that goes
on sending to a port would reach whoever had it before, for ever. Every flow to the *host's* port is
forgotten when a port is published and when that ends; the next packet then begins a new one.
"""

import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mynet.drivers.api import IPAddress, PortProtocol
from mynet.drivers.linux.netlink import route_replies, route_requests
from mynet.drivers.linux.netlink.attributes import attribute, find, nested
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.ports import Forward

_NETLINK_NETFILTER: Final = 12
_NFNL_SUBSYS_CTNETLINK: Final = 1
_GET: Final = _NFNL_SUBSYS_CTNETLINK << 8 | 1
_DELETE: Final = _NFNL_SUBSYS_CTNETLINK << 8 | 2

_TUPLE_ORIGINAL, _TUPLE_REPLY, _FILTER = 1, 2, 25
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
_SOURCE, _DESTINATION = {4: 1, 6: 3}, {4: 2, 6: 4}  # of the attributes in _TUPLE_IP, by IP version
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_FILTER_ORIGINAL = 1
_BY_NUMBER, _BY_DESTINATION_PORT = 1 << 3, 1 << 5

_UDP: Final = 17
_FAMILIES = {4: 2, 6: 10}
_HEADER = struct.Struct("@IHHII")
_NFGEN = struct.Struct("!BBH")  # family, version, resource
_BODY = _HEADER.size + _NFGEN.size
_PORT = struct.Struct("!H")
_FLAGS = struct.Struct("@I")

_GONE = frozenset({errno.ENOENT})


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow: where its first packet went, and from where that is answered.

    ``tuple`` is the kernel's own writing of what tells it from all others.
    """

    to: IPAddress
    to_port: int
    answers_from: IPAddress
    answers_from_port: int
    tuple: bytes


def forget(forwards: Sequence[Forward]) -> int:
    """Forget the flows of UDP to ports of the host; say how many that were.

    Those at the host's addresses, wherever they lead, and those that lead to the endpoint, at
    whichever address: the host may have lost that in the meantime.
    Like: ``conntrack -D -p udp --orig-port-dst PORT``.
    """
    ours: dict[int, list[Forward]] = {}
    for forward in forwards:
        if forward.protocol is PortProtocol.UDP:
            ours.setdefault(forward.target.version, []).append(forward)
    if not ours:
        return 0
    with Netlink(_NETLINK_NETFILTER) as nl:
        to_ports = {version: _flows_to(nl, version, _ports(ours[version])) for version in ours}
        # A host with many networks has thousands of addresses: they are listed if anyone asks.
        local = _addresses() if any(to_ports.values()) else frozenset[IPAddress]()
        found = {
            flow.tuple: version
            for version, flows in to_ports.items()
            for flow in flows
            if any(is_of(flow, forward, local) for forward in ours[version])
        }
        for written, version in found.items():
            nl.ask(_forgetting(written, version))
    return len(found)


def _ports(forwards: Iterable[Forward]) -> frozenset[int]:
    """Return the host's ports that lead somewhere."""
    return frozenset(
        number
        for forward in forwards
        for number in range(forward.host_port, forward.host_port + forward.count)
    )


def is_of(flow: Flow, forward: Forward, local: frozenset[IPAddress]) -> bool:
    """Say whether a flow is one to the ports: to the host's, or by way of them to the endpoint."""
    number = flow.to_port - forward.host_port
    if not 0 <= number < forward.count:
        return False
    if (flow.answers_from, flow.answers_from_port) == (
        forward.target,
        forward.target_port + number,
    ):
        return True
    if forward.host is not None:
        return flow.to == forward.host
    return flow.to in local or flow.to.is_loopback  # all of 127.0.0.0/8, of which one is listed


def _flows_to(nl: Netlink, version: int, ports: frozenset[int]) -> list[Flow]:
    """List flows of UDP of the family to any of the ports.

    The kernel takes 5 ms to go through its table, whatever it is asked for, and picks out one port;
    where there are several, all flows are listed once.
    """
    flags, wanted = _BY_NUMBER, attribute(_NUMBER, bytes([_UDP]))
    if len(ports) == 1:
        flags |= _BY_DESTINATION_PORT
        wanted += attribute(_DESTINATION_PORT, _PORT.pack(*ports))
    body = nested(_TUPLE_ORIGINAL, nested(_TUPLE_PROTOCOL, wanted)) + nested(
        _FILTER, attribute(_FILTER_ORIGINAL, _FLAGS.pack(flags))
    )
    request = Request(_message(_GET, version, body), "list flows of UDP", "flows of UDP")
    return [_read(answer, version) for answer in nl.dump(request) if _port_of(answer) in ports]


def _port_of(answer: bytes) -> int:
    """Read the port that a flow's first packet went to, and no more: there may be many others."""
    original = find(memoryview(answer)[_BODY:], _TUPLE_ORIGINAL)
    number: int = _PORT.unpack(find(find(original, _TUPLE_PROTOCOL), _DESTINATION_PORT))[0]
    return number


def _read(answer: bytes, version: int) -> Flow:
    body = memoryview(answer)[_BODY:]
    original, reply = find(body, _TUPLE_ORIGINAL), find(body, _TUPLE_REPLY)
    ip = find(original, _TUPLE_IP)
    back, back_protocol = find(reply, _TUPLE_IP), find(reply, _TUPLE_PROTOCOL)
    return Flow(
        to=ip_address(bytes(find(ip, _DESTINATION[version]))),
        to_port=_port_of(answer),
        answers_from=ip_address(bytes(find(back, _SOURCE[version]))),
        answers_from_port=_PORT.unpack(find(back_protocol, _SOURCE_PORT))[0],
        tuple=nested(_TUPLE_ORIGINAL, bytes(original)),
    )


def _forgetting(written: bytes, version: int) -> Request:
    """Ask for the end of a flow; one that has ended by itself is fine."""
    return Request(_message(_DELETE, version, written), "forget a flow of UDP", "flow", _GONE)


def _message(kind: int, version: int, body: bytes) -> bytes:
    header = _NFGEN.pack(_FAMILIES[version], 0, 0)
    return _HEADER.pack(_HEADER.size + len(header + body), kind, 0, 0, 0) + header + body


def _addresses() -> frozenset[IPAddress]:
    """List the host's own addresses. Like: ``ip addr``."""
    with Netlink() as nl:
        found = nl.dump(Request(route_requests.get_addresses(), "list addresses", "addresses"))
    return frozenset(route_replies.read_address(data)[1].ip for data in found)

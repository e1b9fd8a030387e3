"""Who listens to the kernel's notifications: a thread with two sockets.

The kernel tells everybody everything, our own changes too, so a window of some time is read at
once: what we make ourselves is whole again by then, and a thread that wakes up for each message
would cost those who work. What does not fit into a socket is lost, and the kernel says so.
"""

import errno
import logging
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from typing import Final

from mynet.drivers.linux.firewall.set_elements import NETLINK_NETFILTER
from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.netlink import route_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.watch.filter import ANYTHING, HERE, Notification, Sieve, touches_our_table

logger = logging.getLogger(__name__)

WINDOW: Final = 0.05  # seconds from the first notification to when it is looked at
_ROOM: Final = 8 << 20  # bytes for notifications that are not read yet; taken only when needed
_MOST: Final = 8192  # datagrams read of a window; what is behind them is of the next
_DATAGRAM: Final = 1 << 16

# linux/rtnetlink.h, linux/netfilter/nfnetlink.h
_RTNLGRP_LINK, _RTNLGRP_IPV4_IFADDR, _RTNLGRP_IPV6_IFADDR = 1, 5, 9
_RTNLGRP_IPV4_NETCONF, _RTNLGRP_IPV6_NETCONF = 24, 25
_NFNLGRP_NFTABLES = 7

_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NETLINK_LISTEN_ALL_NSID = 270, 1, 8
_SO_RCVBUFFORCE = 33
_INT = struct.Struct("@i")
_LENGTH = struct.Struct("@I")


class Listener:
    """Tells ``notice`` of damage until it is closed. It listens where its maker's thread is.

    ``authors`` are the netlink ports of those who change the firewall's table on our behalf.
    """

    def __init__(self, notice: Callable[[frozenset[str]], None], authors: Container[int]) -> None:
        self._notice = notice
        self._authors = authors
        self._sieve = Sieve()
        self._links = _subscribed(
            socket.NETLINK_ROUTE,
            *(_RTNLGRP_LINK, _RTNLGRP_IPV4_IFADDR, _RTNLGRP_IPV6_IFADDR),
            *(_RTNLGRP_IPV4_NETCONF, _RTNLGRP_IPV6_NETCONF),
        )
        self._firewall = _subscribed(NETLINK_NETFILTER, _NFNLGRP_NFTABLES)
        with suppress(PermissionError):  # CAP_NET_BROADCAST: without it, sandboxes are not heard
            self._links.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
        self._learn()
        self._end, self._ending = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and let go of the sockets."""
        os.close(self._ending)
        self._thread.join()
        os.close(self._end)
        self._links.close()
        self._firewall.close()

    def _learn(self) -> None:
        """Learn of all links that are there."""
        with Netlink() as nl:
            self._sieve.learn(
                nl.dump(Request(route_requests.get_link(), "list links", "interfaces"))
            )

    def _listen(self) -> None:
        waiting = select.poll()
        for each in (self._links.fileno(), self._firewall.fileno(), self._end):
            waiting.register(each, select.POLLIN)
        ending = select.poll()
        ending.register(self._end, select.POLLIN)
        while True:
            waiting.poll()
            if ending.poll(1000 * WINDOW):
                return
            try:
                damaged = self._read()
                if damaged is not None:
                    self._notice(damaged)
            except Exception:  # whatever it is, the next notification has its turn
                logger.exception("reading the kernel's notifications failed")

    def _read(self) -> frozenset[str] | None:
        """Read what was notified; return what may be damaged, None where nothing is."""
        links, lost_links = _drained(self._links)
        firewall, lost = _drained(self._firewall)
        if lost_links:
            self._learn()
        damaged = self._sieve.damaged(links)
        if lost_links or lost or touches_our_table((each for _, each in firewall), self._authors):
            return ANYTHING
        return damaged


def _subscribed(protocol: int, *groups: int) -> socket.socket:
    """Open a socket that is notified."""
    with refusals("listen to the kernel's notifications", "netlink"):
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        made.bind((0, 0))
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        for group in groups:
            made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
    return made


def _drained(notified: socket.socket) -> tuple[list[Notification], bool]:
    """Read what a socket holds, each message with its namespace; say whether some were lost."""
    found: list[Notification] = []
    lost = False
    for _ in range(_MOST):
        try:
            data, notes, _, _ = notified.recvmsg(_DATAGRAM, 64)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            lost = True
            continue
        found += [(_namespace(notes), message) for message in _messages(data)]
    return found, lost


def _namespace(notes: list[tuple[int, int, bytes]]) -> int:
    """Tell which other namespace a datagram is from."""
    for level, kind, data in notes:
        if (level, kind) == (_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID):
            (number,) = _INT.unpack(data)
            return int(number)
    return HERE


def _messages(data: bytes) -> Iterator[bytes]:
    """Cut a datagram into its messages."""
    offset = 0
    while offset < len(data):
        (length,) = _LENGTH.unpack_from(data, offset)
        yield data[offset : offset + length]
        offset += (length + 3) & ~3

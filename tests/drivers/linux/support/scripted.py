"""Sockets that record a netlink conversation, or replace the kernel in it."""

import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

from mynet.drivers.linux.netlink.netlink_socket import Netlink

HEADER = struct.Struct("@IHHII")
ERROR, DONE = 2, 3
DUMP_INTERRUPTED = 0x10


class Watched:
    """A real socket that keeps what is sent, and calls ``between`` after each read."""

    def __init__(self, real: socket.socket, between: Callable[[], None] = lambda: None) -> None:
        self.real = real
        self.sent: list[bytes] = []
        self._between = between

    def send(self, data: bytes) -> int:
        self.sent.append(bytes(data))
        return self.real.send(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = self.real.recv(size, flags)
        self._between()
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Scripted:
    """A kernel with prepared replies: each datagram gets the next list of them.

    Every reply has the sequence number of the first request in the datagram.
    """

    def __init__(self, *rounds: Iterable[tuple[int, int, bytes]]) -> None:
        self._rounds = list(rounds)
        self._waiting: list[bytes] = []
        self.asked = 0

    def send(self, data: bytes) -> int:
        (_, _, _, sequence, _) = HEADER.unpack_from(data)
        self.asked += 1
        for kind, flags, payload in self._rounds.pop(0):
            length = HEADER.size + len(payload)
            self._waiting.append(HEADER.pack(length, kind, flags, sequence, 0) + payload)
        return len(data)

    def recv(self, _size: int, flags: int = 0) -> bytes:
        if not self._waiting and flags & socket.MSG_DONTWAIT:
            raise BlockingIOError
        return self._waiting.pop(0)

    def close(self) -> None:
        pass


def put_in(nl: Netlink, sock: Watched | Scripted) -> None:
    """Replace the socket of a conversation. Its own socket stays open if ``sock`` uses it."""
    if isinstance(sock, Scripted):
        nl._socket.close()
    nl._socket = sock  # type: ignore[assignment]


def errno_of(number: int) -> bytes:
    return struct.pack("@i", -number)

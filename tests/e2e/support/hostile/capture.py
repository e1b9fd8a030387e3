"""Sending frames from a namespace, and seeing which of them arrive in others."""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from tests.e2e.support.hostile.scene import Attack
from tests.e2e.support.namespace import PATIENCE, Namespace

_ETH_P_ALL, _SO_RCVBUFFORCE = 0x0003, 33
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_BUFFER = 64 << 20  # bytes for what was not read yet
_LONGEST = 1 << 16


class Wire:
    """A raw socket at an interface of a namespace: it sends frames, and receives all."""

    def __init__(self, where: Namespace, interface: str) -> None:
        self._socket = where.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.settimeout(0)

    def send(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self._socket.send(frame)

    def read(self) -> Iterator[bytes]:
        """Yield what has arrived since the last time."""
        with suppress(BlockingIOError):
            while True:
                yield self._socket.recv(_LONGEST)

    def close(self) -> None:
        self._socket.close()


class Datagrams:
    """UDP sockets of a namespace that receive at all its addresses."""

    def __init__(self, where: Namespace, port: int) -> None:
        self._sockets = [
            where.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
            where.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
        ]
        ipv4, ipv6 = self._sockets
        ipv6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        ipv4.bind(("", port))
        ipv6.bind(("", port))
        for sock in self._sockets:
            sock.settimeout(0)

    def read(self) -> Iterator[bytes]:
        """Yield what has arrived since the last time."""
        for sock in self._sockets:
            with suppress(BlockingIOError):
                while True:
                    yield sock.recv(_LONGEST)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


def launch(
    attacks: Iterable[Attack],
    sender: Wire,
    fence: Attack,
    receivers: Mapping[str, Wire | Datagrams],
    fenced: str,
) -> dict[str, set[str]]:
    """Send all attacks; return where each one arrived, by its name.

    ``fence`` is an honest frame that is sent last, and must arrive at the receiver ``fenced``.
    """
    attacks = list(attacks)
    for receiver in receivers.values():
        list(receiver.read())
    sender.send(attack.frame for attack in attacks)
    sender.send([fence.frame])
    arrived: dict[str, list[bytes]] = {name: [] for name in receivers}
    end = time.monotonic() + PATIENCE
    while not any(fence.needle in frame for frame in arrived[fenced]):
        assert time.monotonic() < end, "an honest frame of the tenant did not arrive"
        for name, receiver in receivers.items():
            arrived[name] += receiver.read()
    for name, receiver in receivers.items():
        arrived[name] += receiver.read()
    everything = {name: b"\n".join(frames) for name, frames in arrived.items()}
    return {
        attack.name: places
        for attack in attacks
        if (places := {name for name, data in everything.items() if attack.needle in data})
    }

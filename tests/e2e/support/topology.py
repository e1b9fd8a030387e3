"""Networks of every kind on one host, and which namespace reaches which.

All namespaces listen while one connects to the others at once, over TCP, and sends each a datagram,
which needs no way back. That a connection did not come through is proven at its listener: a
witness connects there afterwards, and is the first to be accepted.
"""

import select
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox

SILENCE = 0.3  # seconds to wait for an answer that is not expected; others take 0.001
PAYLOAD = bytes(range(256)) * 16

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ROUTED = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
_ISOLATED = {"gateway_mode_ipv4": "isolated", "gateway_mode_ipv6": "isolated"}


@dataclass(frozen=True)
class Kind:
    """A kind of network."""

    number: int  # in its addresses
    sandboxes: int
    fields: Mapping[str, Any]  # of the request that creates it

    def subnet(self, version: int) -> str:
        return f"10.{self.number}.0.0/24" if version == 4 else f"fd{self.number}::/64"

    def address(self, place: int, version: int) -> str:
        return str(ip_network(self.subnet(version))[place])


KINDS = {
    "blue": Kind(88, 2, {}),
    "red": Kind(77, 1, {}),
    "apart": Kind(66, 2, {"options": {"icc": "false"}}),
    "open": Kind(55, 1, {"options": _ROUTED}),
    "shop": Kind(54, 2, {"options": {**_ROUTED, "icc": "false"}}),
    "half": Kind(53, 1, {"options": {"gateway_mode_ipv4": "routed"}}),
    "inner": Kind(44, 2, {"internal": True}),
    "cells": Kind(43, 2, {"internal": True, "options": {"icc": "false"}}),
    "sealed": Kind(42, 2, {"internal": True, "options": _ISOLATED}),
}
SANDBOXES = {
    f"{name}{number}": (name, number + 1)  # the gateway is the first
    for name, kind in KINDS.items()
    for number in range(1, kind.sandboxes + 1)
}


class Topology:
    """The namespaces by name: ``host``, ``outside``, and the sandboxes, such as ``blue1``."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._sandboxes = {name: Sandbox(daemon.testbed, name) for name in SANDBOXES}
        self.namespaces: dict[str, Namespace] = {
            "host": daemon.testbed,
            "outside": daemon.testbed.outside,
            **self._sandboxes,
        }
        for name, kind in KINDS.items():
            daemon.create(name, kind.subnet(4), kind.subnet(6), **kind.fields)
        for name, (network, _) in SANDBOXES.items():
            daemon.connect(name, network=network)
        for version in (4, 6):
            self._add_routes(version)

    def _add_routes(self, version: int) -> None:
        """Give every namespace a route to every other: the firewall alone keeps them apart."""
        for name, kind in KINDS.items():
            route = ("ip", "route", "replace", kind.subnet(version), "via")
            self.namespaces["outside"].run(*route, HOST[version == 6])
            if not kind.fields.get("internal"):
                continue
            bridge = self.namespaces["host"].links()[f"br-{name}"]["address"]
            gateway = kind.address(1, version)
            for sandbox in (box for box, (where, _) in SANDBOXES.items() if where == name):
                run = self.namespaces[sandbox].run
                run("ip", "neigh", "replace", gateway, "lladdr", bridge, "dev", "eth0")
                run("ip", "route", "add", "default", "via", gateway, "dev", "eth0")

    def close(self) -> None:
        """Delete the networks, the routes and the sandboxes."""
        self._daemon.clear()
        for kind in KINDS.values():
            for version in (4, 6):
                self.namespaces["outside"].run("ip", "route", "del", kind.subnet(version))
        for sandbox in self._sandboxes.values():
            sandbox.close()

    def address(self, name: str, version: int, *, caller: str = "") -> str:
        """Return a namespace's address; ``gateway`` is that of the caller's own network."""
        if name in SANDBOXES:
            network, place = SANDBOXES[name]
            return KINDS[network].address(place, version)
        if name == "gateway":
            return KINDS[SANDBOXES[caller][0]].address(1, version)
        return {"host": HOST, "outside": OUTSIDE}[name][version == 6]

    def own_address(self, caller: str, callee: str, version: int) -> str:
        """Return the source address of a connection that is not translated."""
        if caller == "host" and callee in SANDBOXES:
            return KINDS[SANDBOXES[callee][0]].address(1, version)
        return self.address(caller, version)

    def require_reached(
        self, caller: str, callees: list[str], version: int, expected: Mapping[str, str]
    ) -> None:
        """Connect to all of these at once. Raise AssertionError unless ``expected`` accept, alone.

        They must see the caller by the source address that ``expected`` has. A datagram must come
        through where the connection does, and the witness must reach the others.
        """
        with ExitStack() as stack:
            listeners = {
                callee: stack.enter_context(self._listening(callee, version)) for callee in callees
            }
            receivers = {
                callee: stack.enter_context(self._receiving(callee, version)) for callee in callees
            }
            for callee, receiver in receivers.items():
                self._send(caller, caller, self._target(callee, caller, version, receiver))
            connections = {
                callee: stack.enter_context(
                    self._connecting(caller, self._target(callee, caller, version, listener))
                )
                for callee, listener in listeners.items()
            }
            answered = _answered(connections, expected)
            sources = {callee: _talk(answered[callee], listeners[callee]) for callee in answered}
            assert sources == expected
            for callee in listeners.keys() - expected.keys():
                witness = _witness(callee)
                target = self._target(callee, caller, version, listeners[callee])
                with self.namespaces[witness].dial(*target) as sock:
                    source = _talk(sock, listeners[callee])
                assert source == self.own_address(witness, callee, version), (callee, source)
            for callee, receiver in receivers.items():
                self._send(_witness(callee), "", self._target(callee, caller, version, receiver))
            words = {callee: receiver.recv(100).decode() for callee, receiver in receivers.items()}
            assert words == {callee: caller if callee in expected else "" for callee in callees}

    def _target(
        self, callee: str, caller: str, version: int, listener: socket.socket
    ) -> tuple[str, int]:
        return self.address(callee, version, caller=caller), listener.getsockname()[1]

    @contextmanager
    def _listening(self, name: str, version: int) -> Iterator[socket.socket]:
        where = self.namespaces["host" if name == "gateway" else name]
        with where.listen("0.0.0.0" if version == 4 else "::") as listener:  # noqa: S104 - a test's
            yield listener

    @contextmanager
    def _receiving(self, name: str, version: int) -> Iterator[socket.socket]:
        where = self.namespaces["host" if name == "gateway" else name]
        with where.inside(lambda: socket.socket(_FAMILIES[version], socket.SOCK_DGRAM)) as sock:
            sock.settimeout(PATIENCE)
            sock.bind(("", 0))
            yield sock

    def _send(self, name: str, word: str, target: tuple[str, int]) -> None:
        """Send a datagram. Where there is no way to send it, it does not arrive either."""
        family = _FAMILIES[6 if ":" in target[0] else 4]
        with (
            self.namespaces[name].inside(lambda: socket.socket(family, socket.SOCK_DGRAM)) as sock,
            suppress(OSError),
        ):
            sock.sendto(word.encode(), target)

    @contextmanager
    def _connecting(self, name: str, target: tuple[str, int]) -> Iterator[socket.socket]:
        """Begin to connect, and do not wait."""
        make: Callable[[], socket.socket] = lambda: socket.socket(  # noqa: E731
            _FAMILIES[6 if ":" in target[0] else 4]
        )
        with self.namespaces[name].inside(make) as sock:
            sock.settimeout(0)
            sock.connect_ex(target)
            yield sock


def _answered(
    connections: Mapping[str, socket.socket], expected: Collection[str]
) -> dict[str, socket.socket]:
    """Return the connections that were accepted: those expected, and others within SILENCE."""
    waiting = {sock.fileno(): callee for callee, sock in connections.items()}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLOUT)
    answered: dict[str, socket.socket] = {}
    while waiting:
        missing = set(expected) & set(waiting.values())
        ready = poll.poll(1000 * (PATIENCE if missing else SILENCE))
        if not ready:
            break
        for number, _ in ready:
            poll.unregister(number)
            callee = waiting.pop(number)
            if connections[callee].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                answered[callee] = connections[callee]
    return answered


def _talk(near: socket.socket, listener: socket.socket) -> str:
    """Accept the first connection, and send a payload there and back. Return its source address."""
    far, (source, *_) = listener.accept()
    with far:
        for sender, receiver in ((near, far), (far, near)):
            sender.settimeout(PATIENCE)
            receiver.settimeout(PATIENCE)
            sender.sendall(PAYLOAD)
            received = b""
            while len(received) < len(PAYLOAD):
                part = receiver.recv(len(PAYLOAD))
                assert part, "the connection was closed"
                received += part
            assert received == PAYLOAD
    return str(source)


def _witness(callee: str) -> str:
    """Return a namespace that always reaches this one."""
    if callee.startswith("sealed"):  # the host has no address there
        return {"sealed1": "sealed2", "sealed2": "sealed1"}[callee]
    return "outside" if callee in {"host", "gateway"} else "host"

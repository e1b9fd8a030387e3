"""A district: networks of every kind on one host, and who in it hears whom.

Everybody listens while one calls all the others at once, over TCP, and sends each a datagram, which
needs no way back. A call that is to fail is proven by its listener: a witness calls there
afterwards, and is the first that it hears.
"""

import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox

PATIENCE = 0.3  # seconds for a call that nobody answers; one that is answered takes 0.001
PAYLOAD = bytes(range(256)) * 16

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ROUTED = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
_ISOLATED = {"gateway_mode_ipv4": "isolated", "gateway_mode_ipv6": "isolated"}


@dataclass(frozen=True)
class Kind:
    """A kind of network: its number in the addresses, its sandboxes, and what it is asked to be."""

    number: int
    sandboxes: int
    fields: Mapping[str, Any]

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


class District:
    """Everybody in it by name: ``host``, ``outside``, and the sandboxes, such as ``blue1``."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._sandboxes = {name: Sandbox(daemon.testbed, name) for name in SANDBOXES}
        self.people: dict[str, Namespace] = {
            "host": daemon.testbed,
            "outside": daemon.testbed.outside,
            **self._sandboxes,
        }
        for name, kind in KINDS.items():
            daemon.create(name, kind.subnet(4), kind.subnet(6), **kind.fields)
        for name, (network, _) in SANDBOXES.items():
            daemon.connect(name, network=network)
        for version in (4, 6):
            self._open_ways(version)

    def _open_ways(self, version: int) -> None:
        """Let everybody know a way to everybody: whoever is not heard then was kept out."""
        for name, kind in KINDS.items():
            route = ("ip", "route", "replace", kind.subnet(version), "via")
            self.people["outside"].run(*route, HOST[version == 6])
            if not kind.fields.get("internal"):
                continue
            bridge = self.people["host"].links()[f"br-{name}"]["address"]
            gateway = kind.address(1, version)
            for sandbox in (each for each, (where, _) in SANDBOXES.items() if where == name):
                run = self.people[sandbox].run
                run("ip", "neigh", "replace", gateway, "lladdr", bridge, "dev", "eth0")
                run("ip", "route", "add", "default", "via", gateway, "dev", "eth0")

    def close(self) -> None:
        """Take everything down."""
        self._daemon.clear()
        for kind in KINDS.values():
            for version in (4, 6):
                self.people["outside"].run("ip", "route", "del", kind.subnet(version))
        for sandbox in self._sandboxes.values():
            sandbox.close()

    def address(self, name: str, version: int, *, caller: str = "") -> str:
        """Tell where somebody is called; ``gateway`` is that of the caller's own network."""
        if name in SANDBOXES:
            network, place = SANDBOXES[name]
            return KINDS[network].address(place, version)
        if name == "gateway":
            return KINDS[SANDBOXES[caller][0]].address(1, version)
        return {"host": HOST, "outside": OUTSIDE}[name][version == 6]

    def own_address(self, caller: str, callee: str, version: int) -> str:
        """Tell the address that a call has which nobody translates."""
        if caller == "host" and callee in SANDBOXES:
            return KINDS[SANDBOXES[callee][0]].address(1, version)
        return self.address(caller, version)

    def heard(self, caller: str, callees: list[str], version: int) -> dict[str, str]:
        """Call all of these at once; return by whose address each was called that heard it.

        Raises AssertionError where one that did not hear the caller does not hear a witness, and
        where a datagram came through that a call did not, or the other way round.
        """
        with ExitStack() as stack:
            listeners = {
                callee: stack.enter_context(self._listening(callee, version)) for callee in callees
            }
            ears = {
                callee: stack.enter_context(self._all_ears(callee, version)) for callee in callees
            }
            for callee, ear in ears.items():
                self._send(caller, caller, self._target(callee, caller, version, ear))
            calls = {
                callee: stack.enter_context(
                    self._calling(caller, self._target(callee, caller, version, listener))
                )
                for callee, listener in listeners.items()
            }
            answered = _answered(calls)
            found = {callee: _talk(answered[callee], listeners[callee]) for callee in answered}
            for callee in listeners.keys() - found.keys():
                witness = _witness(callee)
                target = self._target(callee, caller, version, listeners[callee])
                with self.people[witness].dial(*target) as sock:
                    source = _talk(sock, listeners[callee])
                assert source == self.own_address(witness, callee, version), (callee, source)
            for callee, ear in ears.items():
                self._send(_witness(callee), "", self._target(callee, caller, version, ear))
            words = {callee: ear.recv(100).decode() for callee, ear in ears.items()}
            expected = {callee: caller if callee in found else "" for callee in callees}
            assert words == expected, (words, expected)
            return found

    def _target(
        self, callee: str, caller: str, version: int, listener: socket.socket
    ) -> tuple[str, int]:
        return self.address(callee, version, caller=caller), listener.getsockname()[1]

    @contextmanager
    def _listening(self, name: str, version: int) -> Iterator[socket.socket]:
        where = self.people["host" if name == "gateway" else name]
        with where.listen("0.0.0.0" if version == 4 else "::") as listener:  # noqa: S104 - a test's
            yield listener

    @contextmanager
    def _all_ears(self, name: str, version: int) -> Iterator[socket.socket]:
        where = self.people["host" if name == "gateway" else name]
        with where._inside(lambda: socket.socket(_FAMILIES[version], socket.SOCK_DGRAM)) as sock:
            sock.settimeout(5)
            sock.bind(("", 0))
            yield sock

    def _send(self, name: str, word: str, target: tuple[str, int]) -> None:
        """Send a datagram. Where there is no way to send it, it does not arrive either."""
        family = _FAMILIES[6 if ":" in target[0] else 4]
        with (
            self.people[name]._inside(lambda: socket.socket(family, socket.SOCK_DGRAM)) as sock,
            suppress(OSError),
        ):
            sock.sendto(word.encode(), target)

    @contextmanager
    def _calling(self, name: str, target: tuple[str, int]) -> Iterator[socket.socket]:
        """Begin to call."""
        make: Callable[[], socket.socket] = lambda: socket.socket(  # noqa: E731
            _FAMILIES[6 if ":" in target[0] else 4]
        )
        with self.people[name]._inside(make) as sock:
            sock.settimeout(0)
            sock.connect_ex(target)
            yield sock


def _answered(calls: Mapping[str, socket.socket]) -> dict[str, socket.socket]:
    """Wait for answers; whoever has not answered by the end of the time does not."""
    waiting = {sock.fileno(): callee for callee, sock in calls.items()}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLOUT)
    answered = {}
    end = time.monotonic() + PATIENCE
    while waiting and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            callee = waiting.pop(number)
            if calls[callee].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                answered[callee] = calls[callee]
    return answered


def _talk(near: socket.socket, listener: socket.socket) -> str:
    """Send a payload there and back; return by whose address the listener was called, first."""
    far, (source, *_) = listener.accept()
    with far:
        for sender, receiver in ((near, far), (far, near)):
            sender.settimeout(5)
            receiver.settimeout(5)
            sender.sendall(PAYLOAD)
            received = b""
            while len(received) < len(PAYLOAD):
                part = receiver.recv(len(PAYLOAD))
                assert part, "the connection was closed"
                received += part
            assert received == PAYLOAD
    return str(source)


def _witness(callee: str) -> str:
    """Tell who is always heard by somebody."""
    if callee.startswith("sealed"):  # where not even the host is
        return {"sealed1": "sealed2", "sealed2": "sealed1"}[callee]
    return "outside" if callee in {"host", "gateway"} else "host"

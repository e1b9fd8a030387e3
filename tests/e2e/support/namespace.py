"""A network namespace as the system shows it: ``ip``, ``nft``, a ping, a TCP connection."""

import ctypes
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.support import fork_client
from tests.e2e.support.network_state import network_state

T = TypeVar("T")

BIN = Path(sys.executable).parent
PATIENCE = 60.0  # seconds for what has to come about, however busy the machine is

# The sets that have the ports of the host's programs.
PROGRAMS = ("programs4", "programs6")
_ELEMENTS_OF_PROGRAMS = re.compile(r"(set programs[46] \{\n[^\n]*)\n\t\telements = \{[^}]*\}")

_CLONE_NEWNET = 0x40000000
_PAYLOAD = bytes(range(256)) * 32  # several packets, and still less than a socket takes at once

_libc = ctypes.CDLL(None, use_errno=True)


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a user who has mynet installed and has set nothing of it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MYNET_") and not name.lower().endswith("_proxy")
    }
    return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin", **extra}


class Namespace:
    """A network namespace, by a path that leads to it from here."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._enter = ["nsenter", f"--net={path}"]
        self._namespaces: Sequence[str] = [path]

    def attempt(self, *command: str | Path, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a program in this namespace; return its exit status and output."""
        if fork_client.can_fork(command, environ):
            return fork_client.run(command, environment(**environ), self._namespaces, PATIENCE)
        return subprocess.run(
            [*self._enter, *command],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment(**environ),
            timeout=PATIENCE,
        )

    def run(self, *command: str | Path) -> str:
        """Run a program that must succeed; return what it printed."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def json(self, *command: str) -> Any:
        """Run a program that prints JSON; return the value. No output is an empty list."""
        return json.loads(self.run(*command) or "[]")

    def links(self) -> dict[str, dict[str, Any]]:
        """Return the links, by name. Like: ``ip -j link``."""
        return {link["ifname"]: link for link in self.json("ip", "-j", "link")}

    def addresses(self, link: str) -> set[str]:
        """Return the addresses of a link, without link-local ones. Like: ``ip addr show LINK``."""
        (shown,) = self.json("ip", "-j", "addr", "show", "dev", link)
        return {
            f"{address['local']}/{address['prefixlen']}"
            for address in shown["addr_info"]
            if address["scope"] != "link"
        }

    def firewall(self) -> dict[str, list[Any]]:
        """Return the elements of the firewall's sets and maps that have some. Like: ``nft -j``."""
        listed = self.json("nft", "-j", "list", "ruleset")["nftables"]
        sets = [entry[kind] for entry in listed for kind in ("set", "map") if kind in entry]
        return {
            item["name"]: item["elem"]
            for item in sets
            if item.get("elem") and not item["name"].startswith(PROGRAMS)
        }

    def ruleset(self) -> str:
        """Return all rules and elements, without the ports of programs, which come and go.

        Like: ``nft -s list ruleset``.
        """
        return _ELEMENTS_OF_PROGRAMS.sub(r"\1", self.run("nft", "-s", "list", "ruleset"))

    def state(self) -> Mapping[str, object]:
        """Return this network's links, addresses, routes, routing rules and firewall."""
        return {**self.inside(network_state), "firewall": self.ruleset()}

    def pings(self, address: str, *, within: float = PATIENCE / 2) -> bool:
        """Return whether one packet, sent now, comes back within so many seconds."""
        return self.attempt("ping", "-q", "-c1", f"-W{within}", address).returncode == 0

    def listen(self, address: str, port: int = 0) -> socket.socket:
        """Listen at an address of this namespace, on a port that other sockets may share."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = self.inside(
            lambda: socket.create_server((address, port), family=family, reuse_port=True)
        )
        listener.settimeout(PATIENCE)
        return listener

    def dial(self, address: str, port: int) -> socket.socket:
        """Open a TCP connection from this namespace."""
        return self.inside(lambda: socket.create_connection((address, port), timeout=PATIENCE))

    def inside(self, make: Callable[[], T]) -> T:
        """Run a function in a thread that enters this namespace, and ends there."""

        def go() -> T:
            with Path(self.path).open() as file:
                if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {self.path}")
            return make()

        with ThreadPoolExecutor(1) as executor:
            return executor.submit(go).result()


def talk(client: Namespace, server: Namespace, address: str) -> str:
    """Send a payload to ``address`` and back over TCP; return the source that the server saw."""
    with (
        server.listen(address) as listener,
        client.dial(address, listener.getsockname()[1]) as near,
        listener.accept()[0] as far,
    ):
        for sender, receiver in ((near, far), (far, near)):
            receiver.settimeout(PATIENCE)
            sender.sendall(_PAYLOAD)
            assert _received(receiver) == _PAYLOAD
        peer: str = far.getpeername()[0]
        return peer


def _received(connection: socket.socket) -> bytes:
    received = b""
    while len(received) < len(_PAYLOAD):
        received += connection.recv(len(_PAYLOAD)) or b"(closed)" * len(_PAYLOAD)
    return received

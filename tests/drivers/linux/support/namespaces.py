"""Network namespaces for tests, and what the system's own programs say of them.

Nothing here asks the code under test what it did: ``ip``, ``nft`` and sockets answer.
"""

import ctypes
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mynet.drivers.api import Sandbox
from mynet.drivers.linux import netns

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace that lives as long as its descriptor is open here."""

    def __init__(self) -> None:
        self.fd = _unshared()
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.run("ip", "link", "set", "lo", "up")

    @property
    def sandbox(self) -> Sandbox:
        return netns.identify(self.path)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    @contextmanager
    def entered(self) -> Iterator[None]:
        with netns.inside(self.fd):
            yield

    def run(self, *command: str, check: bool = True, text: str | None = None) -> str:
        """Run a program in here, with ``text`` as its input, and return what it printed."""
        with self.entered():
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, input=text, timeout=30
            )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *command: str) -> Any:
        return json.loads(self.run(*command) or "[]")

    def link(self, name: str) -> dict[str, Any] | None:
        """Say what ``ip`` says of a link."""
        found = [one for one in self.json("ip", "-d", "-j", "link") if one["ifname"] == name]
        return found[0] if found else None

    def names(self) -> set[str]:
        return {one["ifname"] for one in self.json("ip", "-j", "link")}

    def addresses(self, name: str) -> set[str]:
        """List the addresses of a link; one that is tentative says so."""
        (found,) = self.json("ip", "-j", "addr", "show", "dev", name)
        return {
            f"{one['local']}/{one['prefixlen']}" + (" tentative" if one.get("tentative") else "")
            for one in found["addr_info"]
        }

    def configuration(self) -> list[tuple[Any, ...]]:
        """List all links with what somebody set on them.

        Whether there is a carrier, and whether an address is nobody else's, is left out: the
        kernel finds that in its own time.
        """
        keys = ("ifindex", "ifname", "address", "mtu", "master", "group", "ifalias", "addr_info")
        links = self.json("ip", "-d", "-j", "addr")
        for address in (each for one in links for each in one["addr_info"]):
            address.pop("tentative", None)
        return [(*(one.get(key) for key in keys), "UP" in one["flags"]) for one in links]

    def default_routes(self, version: int) -> list[tuple[str, int]]:
        """List the next hops of the default routes, with their metrics."""
        routes = self.json("ip", f"-{version}", "-j", "route", "show", "default")
        return [(one["gateway"], one["metric"]) for one in routes]

    def table(self) -> str:
        """Say what nft says of mynet's table; nothing where there is none."""
        return self.run("nft", "-s", "list", "table", "inet", "mynet", check=False)

    def pings(self, address: str) -> bool:
        """Say whether one packet, sent now, comes back; a neighbour may be asked for twice."""
        return "1 received" in self.run("ping", "-c1", "-W2", address, check=False)

    def setting(self, name: str) -> str:
        """Read a sysctl by its path below /proc/sys/net."""
        with self.entered():
            return (Path("/proc/sys/net") / name).read_text().strip()

    def set(self, name: str, value: str) -> None:
        """Write a sysctl."""
        with self.entered():
            (Path("/proc/sys/net") / name).write_text(value)


def _unshared() -> int:
    """Make a namespace in a thread that ends at once, and keep a descriptor of it."""
    made: list[int] = []

    def make() -> None:
        if _libc.unshare(netns.CLONE_NEWNET) == 0:
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    (fd,) = made
    return fd


def open_descriptors() -> int:
    """Count the descriptors of this process; counting takes one more, every time."""
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def playing_host() -> Iterator[Namespace]:
    """Let this thread, and what it starts, be on a host of its own for the time of the block."""
    namespace = Namespace()
    assert namespace.sandbox.cookie != netns.identify("/proc/thread-self/ns/net").cookie
    stop_forwarding(namespace)
    try:
        with namespace.entered():
            yield namespace
    finally:
        namespace.close()


def stop_forwarding(namespace: Namespace) -> None:
    """Let a namespace begin as a fresh machine: a new one has what the machine's own has."""
    namespace.set("ipv4/ip_forward", "0")
    namespace.set("ipv6/conf/all/forwarding", "0")


def give_uplink(host: Namespace, world: Namespace) -> None:
    """Join the host's ``up0`` (203.0.113.2, 2001:db8::2) to ``out0`` (.1, ::1) of a world outside.

    The host has default routes there; the world knows no way to any network of ours.
    """
    host.run("ip", "link", "add", "up0", "type", "veth", "peer", "out0", "netns", world.path)
    for namespace, name, number in ((host, "up0", 2), (world, "out0", 1)):
        namespace.run("ip", "link", "set", name, "addrgenmode", "none")
        namespace.run("ip", "link", "set", name, "up")
        namespace.run("ip", "addr", "add", f"203.0.113.{number}/24", "dev", name)
        for address in (f"2001:db8::{number}/64", f"fe80::{number}/64"):
            namespace.run("ip", "addr", "add", address, "dev", name, "nodad")
    host.run("ip", "route", "add", "default", "via", "203.0.113.1")
    host.run("ip", "route", "add", "default", "via", "2001:db8::1")


def decoded(layout: Any, data: bytes) -> Any:
    """Read a netlink message as pyroute2 does, which has no types."""
    message = layout(data)
    message.decode()
    return message

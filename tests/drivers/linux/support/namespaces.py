"""Network namespaces for tests, and what the system's own programs say of them.

The answers come from ``ip``, ``nft`` and sockets, never from the code under test.
"""

import ctypes
import gc
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
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace that exists until it is closed."""

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
        """Run a program in the namespace, with ``text`` as its input; return what it printed."""
        with self.entered():
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, input=text, timeout=30
            )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *command: str) -> Any:
        return json.loads(self.run(*command) or "[]")

    def link(self, name: str) -> dict[str, Any] | None:
        """Return what ``ip`` says of a link, None if there is none."""
        links = self.json("ip", "-d", "-j", "link")
        return next((link for link in links if link["ifname"] == name), None)

    def names(self) -> set[str]:
        return {link["ifname"] for link in self.json("ip", "-j", "link")}

    def addresses(self, name: str) -> set[str]:
        """Return the addresses of a link, those that are tentative with that word."""
        (link,) = self.json("ip", "-j", "addr", "show", "dev", name)
        return {
            f"{address['local']}/{address['prefixlen']}"
            + (" tentative" if address.get("tentative") else "")
            for address in link["addr_info"]
        }

    def configuration(self) -> list[tuple[Any, ...]]:
        """Return all links with what programs set on them.

        The carrier, and whether an address is still tentative, are left out, since the kernel
        changes them in its own time.
        """
        keys = ("ifindex", "ifname", "address", "mtu", "master", "group", "ifalias", "addr_info")
        links = self.json("ip", "-d", "-j", "addr")
        for address in (address for link in links for address in link["addr_info"]):
            address.pop("tentative", None)
        return [(*(link.get(key) for key in keys), "UP" in link["flags"]) for link in links]

    def default_routes(self, version: int) -> list[tuple[str, int]]:
        """Return the next hops of the default routes, with their metrics."""
        routes = self.json("ip", f"-{version}", "-j", "route", "show", "default")
        return [(route["gateway"], route["metric"]) for route in routes]

    def table(self) -> str:
        """Return mynet's tables as nft lists them, "" for those that do not exist."""
        listings = (
            self.run("nft", "-s", "list", "table", family, "mynet", check=False)
            for family in ("inet", "bridge")
        )
        return "".join(listings)

    def pings(self, address: str) -> bool:
        """Return whether an echo request is answered within two seconds."""
        return "1 received" in self.run("ping", "-c1", "-W2", address, check=False)

    def setting(self, name: str) -> str:
        """Return a sysctl by its path below /proc/sys/net."""
        with self.entered():
            return (Path("/proc/sys/net") / name).read_text().strip()

    def set(self, name: str, value: str) -> None:
        """Write a sysctl."""
        with self.entered():
            (Path("/proc/sys/net") / name).write_text(value)


def _unshared() -> int:
    """Create a namespace in a thread that ends at once; return a descriptor of it."""
    descriptors: list[int] = []

    def create() -> None:
        if _libc.unshare(netns.CLONE_NEWNET) == 0:
            descriptors.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=create)
    thread.start()
    thread.join()
    (fd,) = descriptors
    return fd


def open_descriptors() -> int:
    """Return the number of this process's descriptors, always with the one that counts them.

    Sockets of kernel objects that an earlier test did not close are closed first.
    """
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def playing_host() -> Iterator[Namespace]:
    """Run the block, and what it starts, on a host of its own."""
    namespace = Namespace()
    assert namespace.sandbox.cookie != netns.identify("/proc/thread-self/ns/net").cookie
    stop_forwarding(namespace)
    try:
        with namespace.entered():
            yield namespace
    finally:
        namespace.close()


def stop_forwarding(namespace: Namespace) -> None:
    """Turn off forwarding, which a new namespace may inherit from the machine."""
    namespace.set("ipv4/ip_forward", "0")
    namespace.set("ipv6/conf/all/forwarding", "0")


def give_uplink(host: Namespace, world: Namespace) -> None:
    """Connect the host's ``up0`` (203.0.113.2, 2001:db8::2) with ``out0`` (.1, ::1) of ``world``.

    The host has default routes over it. The world has no route to any network of the daemon.
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


def forget_all_flows(namespace: Namespace) -> None:
    """Like: conntrack -F."""
    delete_all = nlmsg.pack_netfilter(0x102, family=nlmsg.NFPROTO_UNSPEC)  # IPCTNL_MSG_CT_DELETE
    with namespace.entered(), Netlink(nlmsg.NETLINK_NETFILTER) as nl:
        nl.ask(Request(delete_all, "forget all flows", "flows"))


def decoded(layout: Any, data: bytes) -> Any:
    """Return a netlink message as pyroute2 decodes it; pyroute2 has no types."""
    message = layout(data)
    message.decode()
    return message

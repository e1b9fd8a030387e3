"""The two kernels, each with what other programs do to it, and what they see of it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Bridge, Veth
from tests.drivers.linux.support.namespaces import Namespace


@dataclass(frozen=True)
class SeenLink:
    """A link as another program sees it."""

    kind: str
    mark: str
    master: str
    mac: str
    mtu: int
    up: bool
    isolated: bool = False


class KernelTestbed(Protocol):
    """A kernel, and what other programs do to it."""

    @property
    def kernel(self) -> Kernel: ...
    def add_sandbox(self) -> Sandbox: ...
    def end_sandbox(self, sandbox: Sandbox) -> None: ...
    def add_link(
        self, name: str, sandbox: Sandbox | None = None, *, mark: str = "", kind: str = "bridge"
    ) -> None: ...
    def delete_link(self, name: str, sandbox: Sandbox | None = None) -> None: ...
    def links(self, sandbox: Sandbox | None = None) -> dict[str, SeenLink]: ...
    def begin_bridge(self, bridge: Bridge) -> None: ...
    def begin_pair(self, veth: Veth) -> None: ...
    def flush_firewall(self) -> None: ...
    def firewalled(self) -> set[str]: ...
    def forwarding(self) -> set[int]: ...


class FakeTestbed:
    """A kernel in memory."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self._count = 0

    def add_sandbox(self) -> Sandbox:
        self._count += 1
        return self.kernel.add_sandbox(f"/run/netns/box{self._count}")

    def end_sandbox(self, sandbox: Sandbox) -> None:
        self.kernel.delete_sandbox(sandbox.path)

    def add_link(
        self, name: str, sandbox: Sandbox | None = None, *, mark: str = "", kind: str = "bridge"
    ) -> None:
        self.kernel.add_link(name, kind=kind, mark=mark, sandbox=sandbox)

    def delete_link(self, name: str, sandbox: Sandbox | None = None) -> None:
        self.kernel.delete_link(name, sandbox=sandbox)

    def links(self, sandbox: Sandbox | None = None) -> dict[str, SeenLink]:
        names = {link.index: link.name for link in self.kernel.list_links()}
        return {
            link.name: SeenLink(
                link.kind,
                link.mark,
                names.get(link.master, ""),
                link.mac,
                link.mtu,
                link.up,
                link.port.isolated,
            )
            for link in self.kernel.list_links(sandbox)
        }

    def begin_bridge(self, bridge: Bridge) -> None:
        self.kernel.control.fail("links.ensure_bridge.mark")
        with suppress(KernelError):
            self.kernel.links.ensure_bridge(bridge)

    def begin_pair(self, veth: Veth) -> None:
        self.kernel.control.fail("links.attach.mark")
        with suppress(KernelError):
            self.kernel.links.attach(veth)

    def flush_firewall(self) -> None:
        self.kernel.flush_firewall()

    def firewalled(self) -> set[str]:
        return set(self.kernel.firewall.networks)

    def forwarding(self) -> set[int]:
        return set(self.kernel.host.forwarding)


class LinuxTestbed:
    """The real kernel, in a namespace that the test is in."""

    def __init__(self, host: Namespace, new_sandbox: Callable[[], Namespace]) -> None:
        self.kernel = LinuxKernel()
        self._host = host
        self._new_sandbox = new_sandbox
        self._boxes: dict[int, Namespace] = {}

    def add_sandbox(self) -> Sandbox:
        box = self._new_sandbox()
        self._boxes[box.sandbox.cookie] = box
        return box.sandbox

    def end_sandbox(self, sandbox: Sandbox) -> None:
        """Close the namespace, and wait until the kernel has deleted its links.

        They are gone when the host's ends are.
        """
        before = self._host.names()
        inside = len(self._boxes[sandbox.cookie].names()) - 1
        self._boxes.pop(sandbox.cookie).close()
        deadline = time.monotonic() + 60
        while len(before) - len(self._host.names()) < inside:
            assert time.monotonic() < deadline, "the ended sandbox left its links"
            time.sleep(0.005)

    def _namespace(self, sandbox: Sandbox | None) -> Namespace:
        return self._boxes[sandbox.cookie] if sandbox else self._host

    def add_link(
        self, name: str, sandbox: Sandbox | None = None, *, mark: str = "", kind: str = "bridge"
    ) -> None:
        namespace = self._namespace(sandbox)
        namespace.run("ip", "link", "add", name, "type", kind)
        namespace.run("ip", "link", "set", name, "alias", mark)

    def delete_link(self, name: str, sandbox: Sandbox | None = None) -> None:
        self._namespace(sandbox).run("ip", "link", "del", name)

    def links(self, sandbox: Sandbox | None = None) -> dict[str, SeenLink]:
        return {
            link["ifname"]: SeenLink(
                link["linkinfo"]["info_kind"],
                link.get("ifalias", ""),
                link.get("master", ""),
                link["address"],
                link["mtu"],
                "UP" in link["flags"],
                link["linkinfo"].get("info_slave_data", {}).get("isolated", False),
            )
            for link in self._namespace(sandbox).json("ip", "-d", "-j", "link")
            if link["ifname"] != "lo"
        }

    def begin_bridge(self, bridge: Bridge) -> None:
        with Netlink() as nl:
            nl.ask(Request(link_requests.new_bridge(bridge), "begin a bridge", "interface"))

    def begin_pair(self, veth: Veth) -> None:
        fd = self._namespace(veth.sandbox).fd if veth.sandbox else None
        with Netlink() as nl:
            message = link_requests.new_veth(veth, nl.index(veth.bridge), fd)
            nl.ask(Request(message, "begin a pair", "interface"))

    def flush_firewall(self) -> None:
        self._host.run("nft", "flush", "ruleset")

    def firewalled(self) -> set[str]:
        listing = self._host.json("nft", "-j", "list", "set", "inet", "mynet", "br_all")
        sets = [entry["set"] for entry in listing["nftables"] if "set" in entry]
        return {name for elements in sets for name in elements.get("elem", ())}

    def forwarding(self) -> set[int]:
        settings = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}
        return {version for version, name in settings.items() if self._host.setting(name) == "1"}

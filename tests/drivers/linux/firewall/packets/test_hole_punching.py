"""Two sandboxes behind two hosts talk with each other, as a server in the middle introduces them.

This is what STUN, WebRTC, Tailscale and games do (RFC 5128): both send to the address that the
server has seen of the other, and each way opens for the other's packets.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace, stop_forwarding

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
LENGTHS = {4: 24, 6: 64}
# The middle is the first address of each host's own subnet, and the host the second.
SUBNETS = {4: ("198.51.100.", "203.0.113."), 6: ("2001:db8:1::", "2001:db8:2::")}


class Sites:
    """A host with a sandbox on either side of ``middle``, which knows no network of theirs."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self.middle = self._namespace()
        self.middle.set("ipv4/ip_forward", "1")
        self.middle.set("ipv6/conf/all/forwarding", "1")
        self.sandboxes = [self._site(place, folder) for place in (0, 1)]

    def _namespace(self) -> Namespace:
        made = Namespace()
        self._stack.callback(made.close)
        stop_forwarding(made)
        return made

    def _site(self, place: int, folder: Path) -> Namespace:
        host, sandbox = self._namespace(), self._namespace()
        link = f"site{place}"
        host.run(
            "ip", "link", "add", "up0", "type", "veth", "peer", link, "netns", self.middle.path
        )
        for namespace, name, number in ((self.middle, link, 1), (host, "up0", 2)):
            namespace.run("ip", "link", "set", name, "up")
            for version, subnets in SUBNETS.items():
                address = f"{subnets[place]}{number}/{LENGTHS[version]}"
                nodad = ["nodad"] if version == 6 else []
                namespace.run("ip", "addr", "add", address, "dev", name, *nodad)
        for subnets in SUBNETS.values():
            host.run("ip", "route", "add", "default", "via", f"{subnets[place]}1")
        network = sample_network(1)
        with host.entered():
            driver = BridgeDriver(DriverContext(f"site{place}", folder), LinuxKernel())
            self._stack.callback(driver.close)
            driver.create(SampleCall(), network)
            driver.connect(SampleCall(), sample_endpoint(network, 1, sandbox=sandbox.sandbox))
        return sandbox

    def socket(self, namespace: Namespace, version: int, port: int = 0) -> socket.socket:
        with namespace.entered():
            sock = self._stack.enter_context(socket.socket(FAMILIES[version], socket.SOCK_DGRAM))
        sock.settimeout(30)
        sock.bind(("", port))
        return sock


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with ExitStack() as stack:
        yield Sites(stack, tmp_path_factory.mktemp("sites"))


@pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])
def test_two_sandboxes_behind_two_hosts_punch_a_hole(sites: Sites, version: int) -> None:
    server = sites.socket(sites.middle, version)
    ends = [sites.socket(sandbox, version) for sandbox in sites.sandboxes]
    seen = []
    for place, end in enumerate(ends):
        end.sendto(b"who am I?", (f"{SUBNETS[version][place]}1", server.getsockname()[1]))
        _, source = server.recvfrom(100)
        server.sendto(b"known", source[:2])
        assert end.recv(100) == b"known"
        seen.append(source[:2])
    ends[0].sendto(b"punch", seen[1])  # opens the way back; the other host may refuse it
    ends[1].sendto(b"hello", seen[0])
    assert ends[0].recvfrom(100)[0] == b"hello"
    ends[0].sendto(b"welcome", seen[1])
    words = [ends[1].recv(100)]
    assert words in ([b"welcome"], [b"punch"])
    while words[-1] != b"welcome":
        words.append(ends[1].recv(100))

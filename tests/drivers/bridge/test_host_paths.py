"""What the driver finds out about the way of packets on a real host, and how it leads replies."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext, Endpoint, Network, NetworkUpdate, ProbeState, Subnet
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace, stop_forwarding
from tests.e2e.recovery.test_paths import RESTORE
from tests.e2e.support.obstacles import OBSTACLES

OUTSIDE = {4: "203.0.113.2", 6: "2001:db8::2"}
BLUE = replace(
    sample_network(),
    interface="br-blue",
    subnets=(
        Subnet(ip_network("10.88.0.0/24"), ip_address("10.88.0.1")),
        Subnet(ip_network("fd88::/64"), ip_address("fd88::1")),
    ),
)
BY_INGRESS = replace(BLUE, options={"reply_by_ingress": "true"})
RULES = ("ip rule show pref 1010", "ip -6 rule show pref 1010")


class Scene:
    """A host with an uplink, a host outside, and two endpoints on a network."""

    def __init__(self, folder: Path) -> None:
        self.host, self.outside, *boxes = (Namespace() for _ in range(4))
        self.namespaces = (self.host, self.outside, *boxes)
        stop_forwarding(self.host)
        self.add_uplink("uplink", ("203.0.113.{}/24", "2001:db8::{}/64"))
        for address in OUTSIDE.values():
            self.host.run("ip", "route", "add", "default", "via", address)
        with self.host.entered():
            self.driver = BridgeDriver(DriverContext("paths", folder), LinuxKernel())
            self.driver.create(SampleCall(), BLUE)
            self.endpoints = tuple(self._connect(*numbered) for numbered in enumerate(boxes, 2))
        self.network = replace(BLUE, endpoints=self.endpoints)

    def add_uplink(self, name: str, addresses: tuple[str, ...]) -> None:
        """Connect the host with the outside. The host's address ends in 1, the other one in 2."""
        ends = ("ip", "link", "add", name, "type", "veth", "peer", f"{name}-out")
        self.host.run(*ends, "netns", self.outside.path)
        for where, link, number in ((self.host, name, 1), (self.outside, f"{name}-out", 2)):
            where.run("ip", "link", "set", link, "addrgenmode", "none", "up")
            for address in addresses:
                where.run("ip", "addr", "add", address.format(number), "dev", link, "nodad")

    def _connect(self, number: int, box: Namespace) -> Endpoint:
        sample = sample_endpoint(BLUE, number, sandbox=box.sandbox)
        endpoint = replace(
            sample,
            addresses=(ip_interface(f"10.88.0.{number}/24"), ip_interface(f"fd88::{number}/64")),
            gateways=(ip_address("10.88.0.1"), ip_address("fd88::1")),
        )
        self.driver.connect(SampleCall(), endpoint)
        return endpoint

    def commands(self, network: Network) -> list[str]:
        """Return the commands of all conditions of a network."""
        with self.host.entered():
            conditions = self.driver.conditions(SampleCall(), [network])[network.id]
        return [command for condition in conditions for command in condition.commands]

    def probes(self) -> dict[str, tuple[ProbeState, str]]:
        """Return where packets end, by target."""
        with self.host.entered():
            probes = self.driver.probe(SampleCall(), [self.network])
        return {probe.target: (probe.state, probe.reason) for probe in probes}

    def update(self, network: Network) -> None:
        """Change the network's options."""
        with self.host.entered():
            self.driver.update(
                SampleCall(), NetworkUpdate(replace(network, endpoints=()), self.endpoints)
            )

    def rules(self) -> list[str]:
        """Return the policy rules that lead replies."""
        return [line for command in RULES for line in self.host.run(*command.split()).splitlines()]

    def close(self) -> None:
        with self.host.entered():
            self.driver.close()
        for namespace in self.namespaces:
            namespace.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("paths"))
    yield made
    made.close()


# Those that need no daemon, which would heal the bridge's own routes meanwhile.
FOREIGN = [
    obstacle
    for obstacle in OBSTACLES
    if not obstacle.startswith(("ip address", "ip -6 address", "ip rule add iif br-blue"))
    and "lo table local" not in obstacle
]


@pytest.mark.parametrize("obstacle", FOREIGN)
def test_what_is_in_the_way_is_a_condition_with_the_command_that_removes_it(
    scene: Scene, obstacle: str
) -> None:
    try:
        scene.host.run("sh", "-euc", obstacle)
        assert scene.commands(scene.network) == [OBSTACLES[obstacle]]
        scene.host.run("sh", "-euc", OBSTACLES[obstacle])
        assert scene.commands(scene.network) == []
    finally:
        scene.host.run("sh", "-c", RESTORE)
        scene.update(BLUE)


def test_packets_show_what_answers_and_what_does_not(scene: Scene) -> None:
    targets = {"gateway 10.88.0.1", "gateway fd88::1", "next hop 203.0.113.2"}
    answered = scene.probes()
    assert targets < answered.keys()
    assert set(answered.values()) == {(ProbeState.ANSWERED, "")}
    for version in ("ipv4.icmp_echo_ignore_all", "ipv6.icmp.echo_ignore_all"):
        scene.host.run("sysctl", "-qw", f"net.{version}=1")
    silent = scene.probes()
    for version in ("ipv4.icmp_echo_ignore_all", "ipv6.icmp.echo_ignore_all"):
        scene.host.run("sysctl", "-qw", f"net.{version}=0")
    assert silent["gateway 10.88.0.1"][0] is ProbeState.UNANSWERED
    assert silent["next hop 203.0.113.2"] == (ProbeState.ANSWERED, "")


def test_replies_are_led_to_each_uplink_until_the_option_is_gone(scene: Scene) -> None:
    before = scene.host.run("ip", "route", "show", "table", "all")
    scene.add_uplink("second", ("198.51.100.{}/24", "2001:db8:2::{}/64"))
    for default in ("198.51.100.2", "2001:db8:2::2"):
        scene.host.run("ip", "route", "add", "default", "via", default, "table", "7")
    try:
        scene.update(BY_INGRESS)
        assert len(scene.rules()) == 4  # two uplinks, two families
        with scene.host.entered():
            assert scene.driver.check_network(SampleCall(), BY_INGRESS) == []
        scene.host.run("ip", "rule", "del", "pref", "1010")
        with scene.host.entered():
            assert len(scene.driver.check_network(SampleCall(), BY_INGRESS)) == 1
        scene.update(BY_INGRESS)
        assert len(scene.rules()) == 4
    finally:
        scene.update(BLUE)
        scene.host.run("ip", "link", "del", "second")
    assert scene.rules() == []
    assert scene.host.run("ip", "route", "show", "table", "all") == before

"""What the driver finds out about the way of packets on a real host, and how it leads replies."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext, Endpoint, Network, NetworkUpdate, ProbeState, Subnet
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import InvalidOptions
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace, stop_forwarding
from tests.e2e.doctor.test_paths import RESTORE
from tests.e2e.support.surroundings.obstacles import OBSTACLES

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

    def notes(self) -> list[str]:
        """Return the policy rules that the driver does not compare."""
        with self.host.entered():
            return list(self.driver.notes(SampleCall(), [self.network]))

    def probes(self, call: SampleCall | None = None) -> dict[str, tuple[ProbeState, str]]:
        """Return where packets end, by target."""
        with self.host.entered():
            probes = self.driver.probe(call or SampleCall(), [self.network])
        return {probe.target: (probe.state, probe.reason) for probe in probes}

    def reasons(self, target: str) -> set[str]:
        """Return where the packets of all endpoints to a target end."""
        with self.host.entered():
            probes = self.driver.probe(SampleCall(), [self.network])
        return {probe.reason for probe in probes if probe.target == target}

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


def test_packets_that_have_no_time_are_not_sent(scene: Scene) -> None:
    ended = scene.probes(SampleCall(deadline=time.monotonic()))
    assert set(ended.values()) >= {(ProbeState.NOT_SENT, "there was no time for it")}


def test_a_sandbox_without_a_route_or_a_link_is_told_apart(scene: Scene) -> None:
    box, endpoint = scene.namespaces[2], scene.endpoints[0]
    box.run("ip", "route", "del", "default")
    assert scene.reasons("next hop 203.0.113.2") == {
        f"the sandbox has no IPv4 default route by {endpoint.interface}",
        "",  # of the other sandbox
    }
    box.run("ip", "link", "set", endpoint.interface, "name", "away")
    seen = scene.reasons(f"{scene.endpoints[1].interface} at 10.88.0.3")
    box.run("ip", "link", "set", "away", "name", endpoint.interface)
    with scene.host.entered():
        scene.driver.connect(SampleCall(), endpoint)
    assert seen == {"it cannot be sent: No such device"}


@pytest.mark.parametrize(
    "obstacle",
    ["ip address add 10.88.0.2/32 dev uplink", "ip route add local 10.88.0.2 dev lo table local"],
)
def test_an_address_of_an_endpoint_on_the_host_is_a_condition(scene: Scene, obstacle: str) -> None:
    scene.host.run("sh", "-euc", obstacle)
    commands = scene.commands(scene.network)
    scene.host.run("sh", "-euc", OBSTACLES[obstacle])
    scene.update(BLUE)
    assert commands == [OBSTACLES[obstacle]]
    assert scene.commands(scene.network) == []


def test_rules_by_marks_are_noted(scene: Scene) -> None:
    assert scene.notes() == []
    scene.host.run("ip", "rule", "add", "fwmark", "7", "lookup", "77", "pref", "100")
    (note,) = scene.notes()
    scene.host.run("ip", "rule", "del", "pref", "100")
    assert "fwmark" in note


def test_the_network_leaves_by_an_address_that_the_host_has(scene: Scene) -> None:
    with pytest.raises(InvalidOptions, match=r"203\.0\.113\.99 is not an address of this host"):
        scene.update(replace(BLUE, options={"host_ipv4": "203.0.113.99"}))
    scene.host.run("ip", "address", "add", "203.0.113.7/24", "dev", "uplink")
    with ExitStack() as stack:
        with scene.namespaces[2].entered():
            inside = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        with scene.outside.entered():
            outside = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        outside.settimeout(60)
        outside.bind(("203.0.113.2", 0))
        inside.connect(outside.getsockname())
        sources = []
        for options in ({}, {"host_ipv4": "203.0.113.7"}, {}):
            scene.update(replace(BLUE, options=options))
            inside.send(b"from where?")
            sources.append(outside.recvfrom(100)[1][0])
    scene.host.run("ip", "address", "del", "203.0.113.7/24", "dev", "uplink")
    assert sources == ["203.0.113.1", "203.0.113.7", "203.0.113.1"]


def test_strict_reverse_paths_of_a_second_uplink_are_a_condition(scene: Scene) -> None:
    scene.add_uplink("second", ("198.51.100.{}/24",))
    route = ("default", "via", "198.51.100.2", "table", "7")
    scene.host.run("ip", "route", "add", *route)
    scene.host.run("sysctl", "-qw", "net.ipv4.conf.second.rp_filter=1")
    try:
        scene.update(BY_INGRESS)
        cure = "sysctl -w net.ipv4.conf.second.rp_filter=2"
        assert scene.commands(BY_INGRESS) == [cure]
        scene.host.run("sh", "-c", cure)
        assert scene.commands(BY_INGRESS) == []
    finally:
        scene.update(BLUE)
        scene.host.run("ip", "link", "del", "second")


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

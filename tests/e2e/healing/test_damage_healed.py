"""A real daemon heals what another program damages in the kernel, as soon as it is notified."""

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.healing.scene import JSON, WITHOUT_SURVEYS, Scene, lines, require_healed
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Testbed
from tests.support.matrix import matrix

DAMAGES = {
    "the bridge is deleted": "ip link del br-blue",
    "the bridge is down": "ip link set br-blue down",
    "a veth is deleted": "ip link del {veth}",
    "a veth is deleted in its sandbox": "ip -n one link del eth0",
    "a veth is down": "ip link set {veth} down",
    "a veth is out of its bridge": "ip link set {veth} nomaster",
    "a veth is in another link group": "ip link set {veth} group default",
    "a veth learns and floods": "bridge link set dev {veth} learning on locked off flood on",
    "a veth's MAC address is forgotten": "bridge fdb flush dev br-blue brport {veth}",
    "a sandbox's end is down": "ip -n one link set eth0 down",
    "the table is deleted": "nft delete table inet mynet",
    "the table is flushed": "nft flush table inet mynet",
    "a chain is flushed": "nft flush chain inet mynet publish4",
    "a rule is in the way": "nft insert rule inet mynet forward drop",
    "the table sleeps": "nft add table inet mynet { flags dormant ; }",
    "a set is flushed": "nft flush set inet mynet br_all",
    "a map is flushed": "nft flush map inet mynet pub4",
    "the bridge loses its IPv4 address": "ip addr del 10.88.0.1/24 dev br-blue",
    "the bridge loses its IPv6 address": "ip addr del fd88::1/64 dev br-blue",
    "a sandbox loses its address": "ip -n one addr del 10.88.0.2/24 dev eth0",
    "the bridge loses its IPv4 route": "ip route del 10.88.0.0/24 dev br-blue",
    "the bridge loses all IPv4 routes": "ip route flush dev br-blue",
    "the bridge loses its IPv6 route": "ip -6 route del fd88::/64 dev br-blue",
    "the bridge loses all IPv6 routes": "ip -6 route flush dev br-blue",
    "the gateway has no local route": "ip route del local 10.88.0.1 dev br-blue table local",
    "IPv4 from the bridge is not forwarded": "sysctl -qw net.ipv4.conf.br-blue.forwarding=0",
    "IPv6 from the bridge is not forwarded": "sysctl -qw net.ipv6.conf.br-blue.forwarding=0",
    "the bridge has no ARP": "ip link set br-blue arp off",
    "the bridge has no multicast": "ip link set br-blue multicast off",
    "the forwarding database is flushed": "bridge fdb flush dev br-blue",
    "the bridge's MAC address is not its own": "bridge fdb del {mac} dev br-blue self",
    "IPv6 is off on the bridge": "sysctl -qw net.ipv6.conf.br-blue.disable_ipv6=1",
    "IPv6 was off on the bridge for a moment": (
        "sysctl -qw net.ipv6.conf.br-blue.disable_ipv6=1 net.ipv6.conf.br-blue.disable_ipv6=0"
    ),
    "a neighbour is fixed to another MAC address": (
        "ip neigh replace 10.88.0.2 lladdr 02:00:00:00:00:09 dev br-blue nud permanent"
    ),
    "IPv4 is not forwarded": "sysctl -qw net.ipv4.ip_forward=0",
    "IPv6 is not forwarded": "sysctl -qw net.ipv6.conf.all.forwarding=0",
}


SHORT = {
    "the bridge is deleted",
    "a veth is deleted in its sandbox",
    "a veth's MAC address is forgotten",
    "a chain is flushed",
    "a map is flushed",
    "the bridge loses its IPv6 address",
    "the bridge loses its IPv4 route",
    "the bridge loses all IPv6 routes",
    "the bridge's MAC address is not its own",
    "IPv6 was off on the bridge for a moment",
    "IPv4 is not forwarded",
}
by_damage = pytest.mark.parametrize(
    "damage",
    [
        pytest.param(DAMAGES[name.values[0]], id=name.values[0], marks=name.marks)
        for name in matrix(DAMAGES, short=SHORT.__contains__)
    ],
)


@pytest.fixture(scope="module")
def scene(testbed: Testbed) -> Iterator[Scene]:
    """The scene of all tests that leave it as it was. Its daemon makes no surveys."""
    daemon = Daemon(testbed, *JSON, program=WITHOUT_SURVEYS)
    yield Scene(testbed, daemon)
    daemon.stop()


@by_damage
def test_damage_is_healed_when_the_kernel_tells_of_it_and_is_counted_and_logged(
    scene: Scene, damage: str
) -> None:
    scene.works()
    require_healed(scene, damage)
    scene.works()
    totals = [event["total"] for event in scene.daemon.events() if event["event"] == "healed"]
    assert totals == list(range(1, len(totals) + 1))
    assert lines(scene.daemon, "not healed") == []


@by_damage
def test_damage_of_the_time_it_was_down_is_healed_by_a_start(down: Scene, damage: str) -> None:
    down.daemon.signal(signal.SIGKILL)
    down.daemon.wait()
    down.damage(damage)
    down.daemon = Daemon(down.testbed, *JSON)
    down.works()
    assert lines(down.daemon, "healed") == []


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene whose daemon is killed by each test."""
    testbed = Testbed(tmp_path_factory.mktemp("down"))
    made = Scene(testbed, Daemon(testbed, *JSON))
    yield made
    made.daemon.stop()
    testbed.close()


@pytest.mark.parametrize("networks", matrix([30, 199], short=2))
def test_among_many_networks_damage_is_healed_too(empty_testbed: Testbed, networks: int) -> None:
    daemon = Daemon(empty_testbed, *JSON, program=WITHOUT_SURVEYS)
    for number in range(networks):
        daemon.create(f"n{number}", f"10.99.{number}.0/24")
    scene = Scene(empty_testbed, daemon)
    scene.works()
    for damage in ("nft delete table inet mynet", "ip link del br-blue"):
        require_healed(scene, damage)
        scene.works()
    daemon.stop()

"""A real daemon heals what another program damages in the kernel, as soon as it is notified."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import (
    ENDPOINT_STATE_FAILED,
    ENDPOINT_STATE_READY,
    ConnectRequest,
    PortMapping,
)
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import talk
from tests.e2e.support.published_ports import WEB
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed
from tests.support.matrix import matrix

FOREIGN = """
table inet shop {
  set shelf { type inet_service; elements = { 80, 443 }
  }
  chain till { type filter hook input priority 10; policy accept
    tcp dport @shelf accept
  }
}
"""
JSON = ("--log-format", "json")
WITHOUT_SURVEYS = (str(Path(__file__).parents[1] / "programs" / "daemon_without_surveys.py"),)

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


class Scene:
    """A host on which everything works, until a test damages it."""

    def __init__(self, testbed: Testbed, daemon: Daemon) -> None:
        self.testbed, self.daemon = testbed, daemon
        self.one, self.two = Sandbox(testbed, "one"), Sandbox(testbed, "two")
        testbed.run("sh", "-c", f"nft -f - <<.\n{FOREIGN}\n.")
        daemon.create("blue")
        self.endpoint = daemon.connect("one", ports=[WEB])
        daemon.connect("two")
        self.foreign = self._foreign()

    def _foreign(self) -> str:
        return self.testbed.run("nft", "-a", "list", "table", "inet", "shop")

    def damage(self, command: str) -> None:
        """Run a command; {veth} is the host's end of container one, {mac} of the bridge."""
        mac = self.testbed.links().get("br-blue", {}).get("address", "")
        command = command.replace("{veth}", self.endpoint.host_interface).replace("{mac}", mac)
        self.testbed.run(*command.split())

    def works(self) -> None:
        """Require that traffic flows between sandboxes, to the outside and to the published port.

        The firewall table of the other program must be as it was.
        """
        assert talk(self.one, self.two, "10.88.0.3") == "10.88.0.2"
        assert talk(self.two, self.one, "fd88::2") == "fd88::3"
        assert talk(self.one, self.testbed.outside, OUTSIDE[0]) == HOST[0]
        assert talk(self.one, self.testbed.outside, OUTSIDE[1]) == HOST[1]
        with self.one.listen("10.88.0.2", 80) as listener:
            for caller, address in ((self.testbed.outside, HOST[0]), (self.testbed, "127.0.0.1")):
                with caller.dial(address, 8080), listener.accept()[0]:
                    pass
        assert self._foreign() == self.foreign


def lines(daemon: Daemon, event: str) -> list[str]:
    """Return the problems that the daemon has logged with this event."""
    return [line["problem"] for line in daemon.events() if line["event"] == event]


def states(daemon: Daemon) -> dict[str, int]:
    """Return the states of all endpoints by id."""
    return {endpoint.id: endpoint.state for endpoint in daemon.endpoints()}


def quiet(daemon: Daemon) -> int:
    """Wait until nothing more is healed; return how much was."""
    before = -1
    while before != (now := len(lines(daemon, "healed"))):
        before = now
        time.sleep(0.3)
    return now


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


def require_healed(scene: Scene, damage: str) -> None:
    before = quiet(scene.daemon)
    scene.damage(damage)
    eventually(lambda: len(lines(scene.daemon, "healed")) > before)
    eventually(lambda: scene.daemon.problems(scene.endpoint) == [])
    quiet(scene.daemon)


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


# Each is some 10 MB of notifications, in a second or two.
STORMS = {
    "firewall changes": """awk 'BEGIN {
        print "add table inet storm; add set inet storm s { type mark; }"
        for (i = 1; i <= 60000; i++)
            printf("add element inet storm s { %d comment \\"%0120d\\" }\\n", i, i)
    }' | nft -f -""",
    "links": """ip link add storm type bridge; ip link set storm up
        for n in $(seq 6000); do echo link set storm alias x$n; done | ip -batch -""",
}


@pytest.mark.parametrize(
    ("storm", "damage"),
    matrix(
        [
            ("firewall changes", "nft delete table inet mynet"),
            ("links", "nft delete table inet mynet"),
            ("firewall changes", "ip link del br-blue"),
            ("links", "ip link del br-blue"),
        ],
        short=3,
    ),
)
def test_damage_in_a_storm_that_overflows_the_socket_is_healed(
    empty_testbed: Testbed, storm: str, damage: str
) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, *JSON))
    quiet(scene.daemon)
    # While it cannot read, all that fits is the beginning of the storm.
    scene.daemon.signal(signal.SIGSTOP)
    scene.testbed.run("sh", "-euc", STORMS[storm])
    scene.damage(damage)
    scene.daemon.signal(signal.SIGCONT)
    eventually(lambda: lines(scene.daemon, "healed"))
    quiet(scene.daemon)
    scene.works()
    scene.daemon.stop()


def test_what_the_daemon_does_itself_is_not_damage(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, *JSON)
    names = [f"c{number}" for number in range(8)]
    for name in names:
        Sandbox(empty_testbed, name)

    def life(name: str) -> None:
        for _ in range(3):
            daemon.create(name, subnet(name))
            daemon.connect(name, network=name, ports=[PortMapping(container_port=80)])
            daemon.connect(name, network=name, ports=[PortMapping(container_port=80)])
            daemon.net.Connect(ConnectRequest(container_id=f"{name}-loose", network=name))
            daemon.disconnect(name)
            daemon.delete(name)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(life, names))
    time.sleep(0.5)
    assert {event["event"] for event in daemon.events()} & {
        "healed",
        "not healed",
        "found",
    } == set()
    daemon.stop()


def subnet(name: str) -> str:
    return f"10.99.{name[1:]}.0/24"


def test_an_endpoint_whose_namespace_was_deleted_waits_for_its_container(
    empty_testbed: Testbed,
) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, *JSON))
    before = quiet(scene.daemon)
    scene.one.close()
    eventually(lambda: scene.endpoint.host_interface not in scene.testbed.links())
    assert quiet(scene.daemon) == before
    eventually(lambda: states(scene.daemon)[scene.endpoint.id] == ENDPOINT_STATE_FAILED)
    (condition,) = next(
        endpoint.conditions
        for endpoint in scene.daemon.endpoints()
        if endpoint.id == scene.endpoint.id
    )
    assert condition.problem == (
        "It could not be repaired: Its sandbox, which was at /run/netns/one, is gone."
    )
    listed = scene.testbed.run("mynetctl", "endpoint", "ls")
    assert "failed" in next(line for line in listed.splitlines() if " one " in line)
    scene.one = Sandbox(scene.testbed, "one")
    again = scene.daemon.connect("one", ports=[WEB])
    assert (again.id, again.addresses) == (scene.endpoint.id, scene.endpoint.addresses)
    assert set(states(scene.daemon).values()) == {ENDPOINT_STATE_READY}
    scene.works()
    assert lines(scene.daemon, "healed") == lines(scene.daemon, "not healed") == []
    scene.daemon.stop()


def test_a_device_that_took_a_bridge_s_name_is_reported_once_and_not_touched(
    empty_testbed: Testbed,
) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, *JSON))
    scene.daemon.signal(signal.SIGSTOP)
    scene.damage("ip link del br-blue")
    scene.damage("ip link add br-blue type bridge")
    scene.daemon.signal(signal.SIGCONT)
    eventually(lambda: lines(scene.daemon, "not healed"))
    device = scene.testbed.links()["br-blue"]
    time.sleep(2)  # in which it tries again
    assert scene.testbed.links()["br-blue"] == device
    (told,) = [line for line in lines(scene.daemon, "not healed") if "network blue" in line]
    assert "The interface br-blue is not the network's bridge." in told
    scene.damage("ip link del br-blue")
    eventually(lambda: scene.daemon.problems(scene.endpoint) == [])
    quiet(scene.daemon)
    scene.works()
    scene.daemon.stop()


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


def test_healing_does_not_hold_up_the_end(empty_testbed: Testbed) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, "--shutdown-grace", "3600", *JSON))
    scene.damage("ip link del br-blue")
    scene.damage("nft flush ruleset")
    scene.daemon.stop()
    empty_testbed.spoilt = True  # by what the daemon had not healed yet


def test_with_no_heal_damage_stays(empty_testbed: Testbed) -> None:
    scene = Scene(empty_testbed, Daemon(empty_testbed, "--no-heal", *JSON))
    scene.damage("ip link del br-blue")
    time.sleep(1)
    assert "br-blue" not in scene.testbed.links()
    scene.daemon.stop()
    found = scene.testbed.findings()
    assert found[0].startswith("kernel: network blue: The bridge br-blue is not there.")
    Daemon(empty_testbed).stop()

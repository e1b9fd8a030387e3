"""What other programs put in the way of packets is a condition, and its commands remove it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.surroundings.obstacles import OBSTACLES
from tests.e2e.support.testbed import OUTSIDE, Sandbox, Testbed
from tests.support.matrix import matrix

SHORT = {
    "ip route add 10.88.0.0/25 via 203.0.113.2",
    "ip -6 route add fd88::/65 via 2001:db8::2",
    "sysctl -qw net.ipv4.conf.uplink.forwarding=0",
    "ip rule add iif br-blue blackhole",
    "ip route add 10.0.0.0/8 via 203.0.113.2 table 77; ip rule add iif uplink lookup 77",
    "ip rule del pref 0",
}
# The rules of every host. The kernel marks its own with a protocol that a program cannot set.
RESTORE = """
ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default
ip -6 rule flush; ip -6 rule add pref 32766 lookup main
ip rule show pref 0 | grep -q local || ip rule add pref 0 lookup local
ip route flush table 77 2>/dev/null; ip -6 route flush table 77 2>/dev/null
true
"""


@dataclass(frozen=True)
class Scene:
    """A host, its daemon, and a sandbox."""

    daemon: Daemon
    host: Testbed
    one: Sandbox

    def passes(self) -> bool:
        """Return whether packets pass between the sandbox, the host and the world outside."""
        self.one.run("ip", "neigh", "flush", "dev", "eth0")
        ways: list[tuple[Namespace, str]] = []
        ways += [(self.one, address) for address in ("10.88.0.1", "fd88::1", *OUTSIDE)]
        ways += [(self.host, address) for address in ("10.88.0.2", "fd88::2")]
        return all(place.pings(address, within=1) for place, address in ways)


@pytest.fixture(scope="module")
def scene(testbed: Testbed) -> Iterator[Scene]:
    """A host with an endpoint, on which all packets pass."""
    daemon = Daemon(testbed)
    daemon.create("blue")
    one = Sandbox(testbed, "one")
    daemon.connect("one")
    yield Scene(daemon, testbed, one)
    daemon.stop()


def commands(daemon: Daemon) -> list[str]:
    """Return the commands of all findings of doctor."""
    findings = daemon.net.Doctor(network_pb2.DoctorRequest()).findings
    return [command for finding in findings for command in finding.commands]


@pytest.mark.parametrize("obstacle", matrix(OBSTACLES, short=SHORT.__contains__))
def test_doctor_has_the_command_that_removes_what_is_in_the_way(
    scene: Scene, obstacle: str
) -> None:
    eventually(lambda: commands(scene.daemon) == [])
    try:
        scene.host.run("sh", "-euc", obstacle)
        eventually(lambda: not scene.passes())  # a neighbour may be known again at once
        eventually(lambda: commands(scene.daemon) == [OBSTACLES[obstacle]])
        scene.host.run("sh", "-euc", OBSTACLES[obstacle])
        eventually(lambda: commands(scene.daemon) == [])
        eventually(scene.passes)
    finally:
        scene.host.run("sh", "-c", RESTORE)


@pytest.mark.parametrize(
    "harmless",
    [
        "ip route add 10.99.0.0/16 via 203.0.113.2",
        "ip route add 10.0.0.0/8 via 203.0.113.2",
        "ip rule add from 10.88.0.0/24 lookup main pref 77",
        "ip rule add fwmark 7 lookup 77 pref 77",
        "ip route add blackhole 10.88.0.77",
    ],
)
def test_routes_and_rules_that_lead_no_endpoint_elsewhere_are_no_condition(
    scene: Scene, harmless: str
) -> None:
    scene.host.run(*harmless.split())
    found = commands(scene.daemon)
    scene.host.run(*harmless.replace(" add ", " del ").split())
    assert found == []


def test_a_network_that_is_shown_has_the_condition_too(scene: Scene) -> None:
    scene.host.run(*["ip", "route", "add", "10.88.0.0/25", "via", "203.0.113.2"])
    (shown,) = scene.daemon.networks()
    scene.host.run(*["ip", "route", "del", "10.88.0.0/25", "via", "203.0.113.2"])
    (condition,) = shown.conditions
    assert condition.problem == (
        "The route 10.88.0.0/25 via 203.0.113.2 dev uplink leads packets to 10.88.0.2 elsewhere."
        " Endpoints on br-blue cannot exchange IPv4 packets with the outside."
    )
    assert condition.remedy == "If no other program needs it as it is, run as root:"

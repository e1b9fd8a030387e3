"""``mynetctl doctor --probe``: real packets say where they end."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import OUTSIDE, Sandbox, Testbed

ANSWERED = network_pb2.PROBE_STATE_ANSWERED
UNANSWERED = network_pb2.PROBE_STATE_UNANSWERED
NOT_SENT = network_pb2.PROBE_STATE_NOT_SENT
IGNORE = (
    "ip netns exec outside sysctl -qw net.ipv4.icmp_echo_ignore_all={0}"
    " net.ipv6.icmp.echo_ignore_all={0}"
)
ONE = "eth0 at 10.88.0.2 on network blue"


@dataclass(frozen=True)
class Scene:
    """A host without healing, with networks of several kinds."""

    daemon: Daemon
    host: Testbed

    def probe(self) -> dict[tuple[str, str], tuple[int, str]]:
        """Return state and reason by source and target."""
        answer = self.daemon.net.Doctor(network_pb2.DoctorRequest(probe=True))
        return {
            (probe.source, probe.target): (probe.state, probe.reason) for probe in answer.probes
        }


@pytest.fixture(scope="module")
def scene(testbed: Testbed) -> Iterator[Scene]:
    daemon = Daemon(testbed, "--no-heal")
    daemon.create("blue")
    daemon.create("inner", "10.77.0.0/24", internal=True)
    daemon.create("apart", "10.66.0.0/24", options={"icc": "false"})
    daemon.create("open", "10.55.0.0/24", options={"gateway_mode_ipv4": "routed"})
    isolated = {"gateway_mode_ipv4": "isolated"}
    daemon.create("sealed", "10.44.0.0/24", internal=True, options=isolated)
    daemon.create("empty", "10.33.0.0/24")
    for network in ("blue", "inner", "apart", "open", "sealed"):
        for number in (1, 2, 3):
            name = f"{network}{number}"
            Sandbox(testbed, name)
            daemon.connect(name, network=network)
    yield Scene(daemon, testbed)
    daemon.stop()


def test_every_kind_of_network_is_probed_with_few_packets_that_are_answered(scene: Scene) -> None:
    probes = scene.probe()
    assert set(probes.values()) == {(ANSWERED, "")}
    targets = {
        network: [target for source, target in probes if source.endswith(f"network {network}")]
        for network in ("blue", "inner", "apart", "open", "sealed", "empty")
    }
    assert sorted(targets["blue"][:6]) == [
        "eth0 at 10.88.0.3",
        "eth0 at fd88::3",
        "gateway 10.88.0.1",
        "gateway fd88::1",
        f"next hop {OUTSIDE[1]}",
        f"next hop {OUTSIDE[0]}",
    ]
    assert targets["inner"] == [
        *("gateway 10.77.0.1", "eth0 at 10.77.0.3"),
        *("gateway 10.77.0.1", "eth0 at 10.77.0.2"),
    ]
    assert targets["apart"] == 2 * ["gateway 10.66.0.1", f"next hop {OUTSIDE[0]}"]
    assert targets["open"][0] == "gateway 10.55.0.1"
    assert not any("next hop" in target for target in targets["open"])
    assert targets["sealed"] == ["eth0 at 10.44.0.3", "eth0 at 10.44.0.2"]
    assert targets["empty"] == []


# By the commands of another program, and of undoing them: source, target, state and reason.
DAMAGES = {
    "ip link set br-blue arp off": (
        "ip link set br-blue arp on",
        "gateway 10.88.0.1",
        "no answer",
    ),
    "tc qdisc replace dev br-blue root tbf rate 8bit burst 10b limit 1": (
        "tc qdisc del dev br-blue root",
        "gateway 10.88.0.1",
        "no answer",
    ),
    """nft 'add table ip wall; add chain ip wall f { type filter hook forward priority 0; };
    add rule ip wall f reject with icmp type admin-prohibited'""": (
        "nft delete table ip wall",
        f"next hop {OUTSIDE[0]}",
        "No route to host, as a router says",
    ),
    "ip -n blue1 route del default": (
        "ip -n blue1 route add default via 10.88.0.1 metric 1001000000",
        f"next hop {OUTSIDE[0]}",
        "the sandbox has no IPv4 default route by eth0",
    ),
    IGNORE.format(1): (IGNORE.format(0), "", ""),
}


@pytest.mark.parametrize("damage", list(DAMAGES), ids=range(len(DAMAGES)))
def test_a_packet_that_is_not_answered_says_where_it_ended(scene: Scene, damage: str) -> None:
    undo, target, reason = DAMAGES[damage]
    scene.host.run("sh", "-euc", damage)
    probes = scene.probe()
    scene.host.run("sh", "-euc", undo)
    if not target:
        next_hops = [state for (_, to), (state, _) in probes.items() if to.startswith("next hop")]
        assert set(next_hops) == {NOT_SENT}
        return
    state, said = probes[ONE, target]
    assert state == UNANSWERED
    assert said.startswith(reason)
    assert probes["eth0 at 10.77.0.2 on network inner", "gateway 10.77.0.1"] == (ANSWERED, "")


def test_a_sandbox_that_is_gone_is_not_probed_and_others_are(scene: Scene) -> None:
    Sandbox(scene.host, "lost")
    scene.daemon.create("lost", "10.22.0.0/24")
    scene.daemon.connect("lost", network="lost")
    scene.host.run("ip", "netns", "del", "lost")
    probes = scene.probe()
    scene.daemon.delete("lost")
    gone = [reason for (source, _), (_, reason) in probes.items() if "10.22.0.2 on" in source]
    assert gone
    assert all(reason.startswith("it cannot be sent: ") for reason in gone)
    assert probes[ONE, "gateway 10.88.0.1"] == (ANSWERED, "")

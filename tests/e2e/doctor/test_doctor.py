"""A real daemon finds what was damaged in the kernel or on the disk, at a start and when asked."""

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import Network
from tests.e2e.support.daemon import STATE, Daemon
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.e2e.support.unrecorded import delete_unrecorded
from tests.ipam.support.databases import noise
from tests.support.matrix import matrix

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    return ["--no-heal"]


def doctor(daemon: Daemon, *, repair: bool = False) -> list[tuple[str, str, bool]]:
    answer = daemon.net.Doctor(network_pb2.DoctorRequest(repair=repair))
    return [(finding.object, finding.problem, finding.repaired) for finding in answer.findings]


def kill(daemon: Daemon) -> None:
    daemon.signal(signal.SIGKILL)
    daemon.wait()


def test_a_bridge_and_an_interface_that_were_deleted_are_found_and_made_again(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    endpoint = daemon.connect("one")
    daemon.connect("two")
    assert doctor(daemon) == []
    daemon.testbed.run("ip", "link", "del", "br-blue")
    daemon.testbed.run("ip", "-n", "one", "link", "del", "eth0")
    network, *endpoints = doctor(daemon)
    assert network == ("network blue", "The bridge br-blue is not there.", False)
    assert [endpoint[0].split()[-1] for endpoint in endpoints] == ["one", "two"]
    assert doctor(daemon) == [network, *endpoints]
    assert all(repaired for _, _, repaired in doctor(daemon, repair=True))
    assert doctor(daemon) == []
    assert daemon.problems(endpoint) == []
    assert talk(one, two, "10.88.0.3") == "10.88.0.2"
    assert talk(one, two, "fd88::3") == "fd88::2"


@pytest.mark.parametrize(
    ("damage", "problems"),
    [
        ("ip addr del fd88::1/64 dev br-blue", ["br-blue lacks the address fd88::1/64."]),
        ("nft flush table inet mynet", ["The firewall's rules are not as they were loaded."]),
        (
            'nft delete element inet mynet br_all { "br-blue" }',
            ['The firewall lacks "br-blue" in the set br_all.'],
        ),
        (
            "sysctl -qw net.ipv4.ip_forward=0",
            [
                (
                    "br-blue does not forward IPv4 (net.ipv4.conf.br-blue.forwarding is 0)."
                    " The host does not forward IPv4 (net.ipv4.ip_forward is 0)."
                )
            ],
        ),
        (
            "sysctl -qw net.ipv6.conf.all.forwarding=0",
            [
                (
                    "br-blue does not forward IPv6 (net.ipv6.conf.br-blue.forwarding is 0)."
                    " The host does not forward IPv6 (net.ipv6.conf.all.forwarding is 0)."
                )
            ],
        ),
        (
            "nft flush map inet mynet pub4",
            ["The firewall does not lead TCP port 8080 to 10.88.0.2:80."],
        ),
        (
            "ip link set {veth} type bridge_slave hairpin off",
            ["{veth} is not in hairpin mode."],
        ),
        (
            "sysctl -qw net.ipv4.conf.br-blue.route_localnet=0",
            ["br-blue drops packets from 127.0.0.1 (route_localnet is 0)."],
        ),
    ],
)
def test_each_damage_is_named_and_repaired(
    daemon: Daemon, blue: Network, one: Sandbox, damage: str, problems: list[str]
) -> None:
    port = network_pb2.PortMapping(container_port=80, host_port=8080)
    veth = daemon.connect("one", ports=[port]).host_interface
    assert doctor(daemon) == []
    rules = daemon.testbed.ruleset()
    daemon.testbed.run(*damage.replace("{veth}", veth).split())
    found = [problem for _, problem, _ in doctor(daemon)]
    assert found == [problem.replace("{veth}", veth) for problem in problems]
    assert all(repaired for _, _, repaired in doctor(daemon, repair=True))
    assert doctor(daemon) == []
    assert daemon.testbed.ruleset() == rules


def test_a_link_without_a_record_is_removed_and_foreign_links_are_not(
    daemon: Daemon, blue: Network
) -> None:
    instance = daemon.testbed.run("cat", "/var/lib/mynet/mynet.json").split('"instance": "')[1][:16]
    for name, alias in (("br-lost", f"mynet:{instance}:lost"), ("br-mine", "not mynet's")):
        daemon.testbed.run("ip", "link", "add", name, "type", "bridge")
        daemon.testbed.run("ip", "link", "set", name, "alias", alias)
    assert [subject for subject, _, _ in doctor(daemon)] == ["interface br-lost"]
    doctor(daemon, repair=True)
    links = daemon.testbed.run("ip", "-brief", "link")
    assert "br-lost" not in links
    assert "br-mine" in links
    daemon.testbed.run("ip", "link", "del", "br-mine")


@pytest.fixture
def killed(empty_testbed: Testbed) -> Testbed:
    """A testbed whose daemon, with network blue and containers one and two, was killed."""
    for name in ("one", "two"):
        Sandbox(empty_testbed, name)
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    for name in ("one", "two"):
        daemon.connect(name)
    kill(daemon)
    return empty_testbed


# The log is damaged after so many eighths of it, and either way.
DAMAGES = [(eighths, by) for by in ("cut", "noise") for eighths in range(8)]
by_damage = pytest.mark.parametrize(("eighths", "by"), matrix(DAMAGES, short=5))


def damage(log: Path, eighths: int, by: str) -> None:
    """Cut a write-ahead log after some eighths, or write 500 bytes of noise there."""
    whole = log.read_bytes()
    at = len(whole) * eighths // 8
    log.write_bytes(whole[:at] if by == "cut" else whole[:at] + noise(500) + whole[at + 500 :])


@by_damage
def test_addresses_that_the_backend_lost_are_taken_from_the_daemon_s_records(
    killed: Testbed, eighths: int, by: str
) -> None:
    damage(killed.root / STATE / "ipam/bitmap/bitmap.db-wal", eighths, by)
    again = Daemon(killed)
    assert "has lost its newest commits" in again.log.read_text()
    assert doctor(again) == []
    holders = again.allocations()
    for endpoint in again.endpoints():
        for address in endpoint.addresses:
            assert holders.pop(address.split("/")[0]) == f"endpoint:{endpoint.id}"
    assert set(holders) == {"10.88.0.1", "fd88::1"}  # the gateways
    Sandbox(killed, "three")
    assert again.connect("three").addresses[0] not in ("10.88.0.2/24", "10.88.0.3/24")


@by_damage
def test_what_the_daemon_s_records_lost_is_removed_from_the_backend_and_found_in_the_kernel(
    killed: Testbed, eighths: int, by: str
) -> None:
    damage(killed.root / STATE / "mynet.db-wal", eighths, by)
    require_consistent(killed)


@pytest.mark.parametrize("eighths", matrix(range(8), short=4))
def test_when_both_databases_lost_commits_they_are_made_consistent(
    killed: Testbed, eighths: int
) -> None:
    damage(killed.root / STATE / "mynet.db-wal", eighths, "cut")
    damage(killed.root / STATE / "ipam/bitmap/bitmap.db-wal", 7 - eighths, "noise")
    require_consistent(killed)


def require_consistent(testbed: Testbed) -> None:
    """Start, and require that the log names the loss, and that records and kernel agree.

    What a sandbox may need is kept until it is deleted.
    """
    again = Daemon(testbed)
    assert "has lost its newest commits" in again.log.read_text()
    delete_unrecorded(again)
    assert doctor(again) == []
    records = {f"endpoint:{endpoint.id}" for endpoint in again.endpoints()}
    records |= {f"network:{network.id}" for network in again.networks()}
    assert set(again.allocations().values()) == records
    assert testbed.run("ip", "-d", "link").count("alias mynet:") == len(records)
    again.stop()
    assert testbed.findings() == []


def test_after_a_reboot_networks_are_made_again_and_endpoints_are_not(
    empty_testbed: Testbed,
) -> None:
    Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    before = daemon.connect("one")
    daemon.stop()
    # A reboot leaves the files, and another boot id.
    empty_testbed.run("ip", "link", "del", "br-blue")
    empty_testbed.run("ip", "netns", "del", "one")
    empty_testbed.run("nft", "flush", "ruleset")
    empty_testbed.run(
        "sh", "-c", f"echo another-boot >/run/boot && mount --bind /run/boot {BOOT_ID}"
    )
    again = Daemon(empty_testbed)
    assert again.endpoints() == []
    assert [network.name for network in again.networks()] == ["blue"]
    assert "It is of an earlier boot of this host." in again.log.read_text()
    assert "10.88.0.1" in empty_testbed.run("ip", "-brief", "address", "show", "br-blue")
    Sandbox(empty_testbed, "one")
    assert again.connect("one").addresses == before.addresses  # by its sticky key


def test_a_daemon_does_not_start_where_another_state_directory_has_networks(
    empty_testbed: Testbed,
) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    daemon.stop()
    before = empty_testbed.state()
    process = empty_testbed.start(
        "sh", "-c", "exec mynetd --state-dir /var/lib/other >/run/other.log 2>&1"
    )
    assert process.wait(30) == 1
    said = (empty_testbed.root / "run/other.log").read_text()
    assert "networks of another mynetd are in this network namespace (br-blue)" in said
    assert empty_testbed.state() == before
    assert [network.name for network in Daemon(empty_testbed).networks()] == ["blue"]

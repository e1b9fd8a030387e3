"""Hosts that refuse mynetd something: one line says what to do, and the log has no traceback."""

from collections.abc import Iterator

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import EXECUTED, Daemon, connect, create, refusal, restricted
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import OUTSIDE, Sandbox, Testbed

# What a host with a read-only /proc/sys sets in advance, as docs/mynetd.md says.
ON_THE_HOST = {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
    "net.ipv4.conf.default.route_localnet": "1",
}
IN_SANDBOXES = {
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
}
PORT = network_pb2.PortMapping(host_port=8080, container_port=80)


def set_up(where: Testbed | Sandbox, sysctls: dict[str, str]) -> None:
    where.run("sysctl", "-qw", *(f"{name}={value}" for name, value in sysctls.items()))


@pytest.fixture
def read_only(empty_testbed: Testbed) -> Iterator[Daemon]:
    """A daemon that may not write to /proc/sys, on a host where all is set up for it."""
    set_up(empty_testbed, ON_THE_HOST)
    made = Daemon(empty_testbed, program=restricted("read-only-sysctls"))
    yield made
    made.clear()
    made.stop()
    assert "Traceback" not in made.log.read_text()


def test_with_read_only_sysctls_that_are_right_everything_works(
    read_only: Daemon, empty_testbed: Testbed
) -> None:
    one, two = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    for box in (one, two):
        set_up(box, IN_SANDBOXES)
    read_only.create()
    first = read_only.connect("one", ports=[PORT])
    read_only.connect("two")
    for address in ("10.88.0.1", "fd88::1", "10.88.0.3", "fd88::3"):
        assert one.pings(address)
    talk(one, empty_testbed.outside, OUTSIDE[0])
    with one.listen("10.88.0.2", 80), empty_testbed.dial("127.0.0.1", 8080):
        pass
    assert read_only.problems(first) == []
    (finding,) = read_only.net.Doctor(network_pb2.DoctorRequest()).findings
    assert "may not write to /proc/sys" in finding.problem


@pytest.mark.parametrize(
    ("wrong", "command"),
    [
        ({"net.ipv4.ip_forward": "0"}, "net.ipv4.ip_forward=1"),
        ({"net.ipv6.conf.all.forwarding": "0"}, "net.ipv6.conf.all.forwarding=1"),
        ({"net.ipv6.conf.default.accept_ra": "1"}, "net.ipv6.conf.default.accept_ra=0"),
        ({"net.ipv6.conf.default.disable_ipv6": "1"}, "net.ipv6.conf.default.disable_ipv6=0"),
    ],
)
def test_a_network_that_needs_another_value_names_it_and_the_command(
    read_only: Daemon, empty_testbed: Testbed, wrong: dict[str, str], command: str
) -> None:
    set_up(empty_testbed, wrong)
    refused = refusal(read_only.net.CreateNetwork, create())
    assert refused.reason == "KERNEL_ERROR"
    assert "Read-only file system; run as root" in refused.message
    assert f": sysctl -w {command}; " in refused.message
    assert "docs/mynetd.md" in refused.message
    assert read_only.networks() == []
    assert "br-blue" not in empty_testbed.links()
    empty_testbed.run("sysctl", "-qw", command)
    read_only.create()


@pytest.mark.parametrize(
    ("wrong", "command"),
    [
        ({"net.ipv6.conf.default.accept_ra": "1"}, "net.ipv6.conf.default.accept_ra=0"),
        ({"net.ipv6.conf.default.disable_ipv6": "1"}, "net.ipv6.conf.default.disable_ipv6=0"),
    ],
)
def test_a_sandbox_that_needs_another_value_names_it_and_the_command(
    read_only: Daemon, empty_testbed: Testbed, wrong: dict[str, str], command: str
) -> None:
    box = Sandbox(empty_testbed, "one")
    set_up(box, IN_SANDBOXES | wrong)
    read_only.create()
    refused = refusal(read_only.net.Connect, connect("one"))
    assert f"before it is made: sysctl -w {command}; " in refused.message
    assert read_only.endpoints() == []
    box.run("sysctl", "-qw", command)
    read_only.connect("one")
    assert box.pings("fd88::1")


def test_a_published_port_that_needs_another_value_names_it(
    read_only: Daemon, empty_testbed: Testbed
) -> None:
    set_up(empty_testbed, {"net.ipv4.conf.default.route_localnet": "0"})
    box = Sandbox(empty_testbed, "one")
    set_up(box, IN_SANDBOXES)
    read_only.create()
    refused = refusal(read_only.net.Connect, connect("one", ports=[PORT]))
    assert "sysctl -w net.ipv4.conf.default.route_localnet=1; " in refused.message
    read_only.connect("one")


def test_without_nft_the_package_is_named(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, program=restricted("no-nft"))
    empty_testbed.spoilt = True  # fsck would miss the firewall
    refused = refusal(daemon.net.CreateNetwork, create())
    assert refused.reason == "CAPABILITY_UNSUPPORTED"
    assert "install the package nftables" in refused.message
    daemon.stop()
    assert "Traceback" not in daemon.log.read_text()


def test_with_the_fewest_file_descriptors_a_network_works(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, program=("prlimit", "--nofile=64:64", *EXECUTED))
    box = Sandbox(empty_testbed, "one")
    daemon.create()
    daemon.connect("one")
    assert box.pings("10.88.0.1")
    daemon.stop()
    assert "Traceback" not in daemon.log.read_text()


@pytest.mark.parametrize(
    ("prepare", "program", "words"),
    [
        ("", ("prlimit", "--nofile=63:63", *EXECUTED), "LimitNOFILE="),
        ("", restricted("no-threads"), "TasksMax="),
        ("mount -t tmpfs -o nr_inodes=2 tmpfs /var/lib/mynet", EXECUTED, "make room on the disk"),
        ("mount -t tmpfs -o size=64k tmpfs /var/lib/mynet", EXECUTED, "make room on the disk"),
        ("mount -o bind,ro /var/lib/mynet /var/lib/mynet", EXECUTED, "--state-dir"),
        ("mount -t tmpfs -o nr_inodes=1 tmpfs /run/mynet", EXECUTED, "--listen"),
        ("mount -o bind,ro /run/mynet /run/mynet", EXECUTED, "--listen"),
    ],
    ids=[
        "descriptors",
        "threads",
        "inodes",
        "disk",
        "read-only-state",
        "full-run",
        "read-only-run",
    ],
)
def test_a_start_that_the_host_refuses_ends_with_one_line(
    empty_testbed: Testbed, prepare: str, program: tuple[str, ...], words: str
) -> None:
    empty_testbed.run("sh", "-euc", f"mkdir -p /run/mynet /var/lib/mynet\n{prepare}")
    empty_testbed.spoilt = True
    done = empty_testbed.attempt(*program)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert words in done.stderr.splitlines()[-1]


ODD = {
    "strict reverse paths": "sysctl -qw net.ipv4.conf.all.rp_filter=1",
    "duplicate address detection": (
        "sysctl -qw net.ipv6.conf.all.accept_dad=2 net.ipv6.conf.default.accept_dad=2"
    ),
    "IPv6 alone": "ip -4 address flush dev uplink",
    "no route": "ip route del default; ip -6 route del default",
    "ARP filters": "sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
}


@pytest.mark.parametrize("command", ODD.values(), ids=ODD)
def test_on_an_odd_host_networks_work_as_on_any_other(empty_testbed: Testbed, command: str) -> None:
    empty_testbed.run("sh", "-euc", command)
    daemon = Daemon(empty_testbed)
    one, _ = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    network = daemon.net.CreateNetwork(
        network_pb2.CreateNetworkRequest(network=network_pb2.Network(name="blue"))
    ).network
    daemon.connect("one", ports=[PORT])
    second = daemon.connect("two")
    for subnet in network.subnets:
        assert one.pings(subnet.gateway)
    for address in second.addresses:
        assert one.pings(address.partition("/")[0])
    assert list(daemon.net.Doctor(network_pb2.DoctorRequest()).findings) == []
    daemon.stop()
    assert "Traceback" not in daemon.log.read_text()

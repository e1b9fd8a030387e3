"""Options of endpoints take effect in the sandbox: sysctls and bandwidth limits."""

import json
import time

import pytest

from mynet.v1.network_pb2 import Network
from tests.e2e.support.daemon import Daemon, connect, eventually, refusal
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.testbed import Sandbox, Testbed

RP_FILTER, HOP_LIMIT = "net.ipv4.conf.IFNAME.rp_filter", "net.ipv6.conf.IFNAME.hop_limit"
SYSCTLS = {RP_FILTER: "2", HOP_LIMIT: "9", "net.ipv4.neigh.IFNAME.gc_stale_time": "77"}


def values(box: Sandbox) -> list[str]:
    names = [name.replace("IFNAME", "eth0") for name in SYSCTLS]
    return box.run("sysctl", "-n", *names).split()


def test_sysctls_are_set_in_the_sandbox_and_known_again(
    daemon: Daemon, blue: Network, one: Sandbox
) -> None:
    first = daemon.connect("one", options=SYSCTLS)
    assert values(one) == list(SYSCTLS.values())
    assert first.options == SYSCTLS
    assert daemon.connect("one", options=SYSCTLS) == first
    other = refusal(daemon.net.Connect, connect("one", options={RP_FILTER: "1"}))
    assert other.reason == "ENDPOINT_EXISTS"
    assert values(one) == list(SYSCTLS.values())


def test_all_faulty_sysctls_are_named_at_once_and_nothing_changes(
    daemon: Daemon, blue: Network, one: Sandbox
) -> None:
    before, inside = daemon.everything(), one.state()
    faulty = {
        RP_FILTER: "3",
        "net.ipv4.conf.all.rp_filter": "1",
        "net.ipv6.conf.IFNAME.addr_gen_mode": "1",
        "net.core.somaxconn": "9",
    }
    refused = refusal(daemon.net.Connect, connect("one", options=faulty))
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert "options[net.core.somaxconn]" in refused.message
    assert "and 1 more" in refused.message
    assert (daemon.everything(), one.state()) == (before, inside)


def test_without_a_sandbox_a_sysctl_is_refused_and_leaves_nothing(
    daemon: Daemon, blue: Network
) -> None:
    before = daemon.everything()
    request = connect("one", options={RP_FILTER: "2"})
    request.ClearField("netns_name")
    refused = refusal(daemon.net.Connect, request)
    assert (refused.code, refused.reason) == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert daemon.everything() == before


@pytest.mark.parametrize(
    "sysctl",
    [HOP_LIMIT, "net.ipv6.neigh.IFNAME.gc_stale_time", "net.ipv6.conf.IFNAME.disable_ipv6"],
)
def test_sysctls_of_ipv6_are_refused_where_the_kernel_has_none_for_the_mtu(
    daemon: Daemon, one: Sandbox, sysctl: str
) -> None:
    daemon.create("blue", "10.88.0.0/24", mtu=1279)
    before, inside = daemon.everything(), one.state()
    refused = refusal(daemon.net.Connect, connect("one", options={sysctl: "1"}))
    assert (refused.code, refused.reason) == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert "MTU of 1279" in refused.message
    assert (daemon.everything(), one.state()) == (before, inside)
    daemon.connect("one", options={RP_FILTER: "2"})
    assert one.run("sysctl", "-n", "net.ipv4.conf.eth0.rp_filter") == "2\n"


def test_a_start_sets_again_what_was_changed_meanwhile(empty_testbed: Testbed) -> None:
    box = Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one", options=SYSCTLS)
    daemon.stop()
    box.run("sysctl", "-w", "net.ipv4.conf.eth0.rp_filter=0", "net.ipv6.conf.eth0.accept_ra=2")
    daemon = Daemon(empty_testbed)
    assert values(box) == list(SYSCTLS.values())
    assert daemon.problems(endpoint) == []
    box.run("sysctl", "-w", "net.ipv6.conf.eth0.hop_limit=64")
    assert daemon.problems(endpoint) == ["net.ipv6.conf.eth0.hop_limit is 64 instead of 9."]
    box.run("sysctl", "-w", "net.ipv6.conf.eth0.hop_limit=9")


LIMITS = {"bandwidth_ingress": "20Mbit", "bandwidth_egress": "40Mbit"}


def speed(client: Namespace, address: str, *options: str) -> float:
    """Send over TCP for two seconds to an iperf3 server; return the Mbit/s that arrived.

    A server that has just served another client is busy for a moment, and its clients end with
    success and an error in their report.
    """
    command = ("iperf3", "--json", "--time", "2", "--client", address, *options)
    while "is busy" in (report := json.loads(client.run(*command))).get("error", ""):
        time.sleep(0.1)
    assert "error" not in report, report["error"]
    return float(report["end"]["sum_received"]["bits_per_second"]) / 1e6


def require_speed(limit: int, client: Namespace, address: str, *options: str) -> None:
    """Require that a limit is reached, and never exceeded. A busy machine may take some tries."""

    def is_reached() -> bool:
        measured = speed(client, address, *options)
        assert measured < 1.15 * limit
        return measured > 0.8 * limit

    eventually(is_reached)


def serve(daemon: Daemon, box: Sandbox) -> None:
    """Start an iperf3 server in a sandbox."""
    daemon.testbed.start("nsenter", f"--net={box.path}", "iperf3", "--server")
    eventually(lambda: "5201" in box.run("ss", "-Hltn"))


@pytest.mark.parametrize("address", ["10.88.0.2", "fd88::2"])
@pytest.mark.parametrize("way", ["in", "out"])
def test_bandwidth_is_what_was_asked_for_in_each_direction(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox, address: str, way: str
) -> None:
    daemon.connect("one", options=LIMITS)
    daemon.connect("two")
    serve(daemon, one)
    limit, options = (20, ()) if way == "in" else (40, ("--reverse",))
    for client in (two, daemon.testbed):  # from the same bridge, and through the host
        require_speed(limit, client, address, *options)


def test_a_sandbox_cannot_take_its_limits_off(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    endpoint = daemon.connect("one", options=LIMITS)
    daemon.connect("two")
    one.attempt("tc", "qdisc", "del", "dev", "eth0", "root")
    one.attempt("tc", "qdisc", "del", "dev", "eth0", "ingress")
    one.run("ip", "link", "set", "eth0", "down")
    one.run("ip", "link", "set", "eth0", "up")
    daemon.connect("one", options=LIMITS)  # its addresses of IPv6 went with the link
    serve(daemon, one)
    assert speed(two, "10.88.0.2", "--reverse") < 46
    assert daemon.problems(endpoint) == []


def test_limits_outlast_the_daemon_are_healed_by_a_start_and_end_with_the_endpoint(
    empty_testbed: Testbed,
) -> None:
    Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    before = set(empty_testbed.links())
    endpoint = daemon.connect("one", options=LIMITS)
    shaper = endpoint.host_interface.replace("veth", "ifb-")
    made = empty_testbed.run("tc", "qdisc", "show")
    assert made.count("tbf") == 2
    daemon.stop()
    daemon = Daemon(empty_testbed)
    assert empty_testbed.run("tc", "qdisc", "show") == made
    daemon.stop()
    empty_testbed.run("ip", "link", "del", shaper)
    empty_testbed.run("tc", "qdisc", "del", "dev", endpoint.host_interface, "root")
    daemon = Daemon(empty_testbed)
    assert daemon.problems(endpoint) == []
    assert empty_testbed.run("tc", "qdisc", "show").count("tbf") == 2
    daemon.disconnect("one")
    assert set(empty_testbed.links()) == before
    assert "tbf" not in empty_testbed.run("tc", "qdisc", "show")


def test_all_faulty_limits_are_named_at_once(daemon: Daemon, blue: Network, one: Sandbox) -> None:
    before = daemon.everything()
    faulty = {"bandwidth_ingress": "fast", "bandwidth_egress_burst": "64k"}
    refused = refusal(daemon.net.Connect, connect("one", options=faulty))
    assert refused.reason == "INVALID_ARGUMENT"
    assert "options[bandwidth_ingress]: must be a rate from 8kbit" in refused.message
    assert "options[bandwidth_egress_burst]: needs bandwidth_egress" in refused.message
    assert daemon.everything() == before

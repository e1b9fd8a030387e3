"""A kernel without IPv6, as with ipv6.disable=1: networks are IPv4, and errors say why."""

from collections.abc import Iterator

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import Daemon, connect, create, refusal, restricted
from tests.e2e.support.testbed import Sandbox, Testbed


@pytest.fixture(scope="module")
def before(testbed: Testbed) -> Iterator[Daemon]:
    """A daemon on a dual-stack network that an earlier boot with IPv6 has made."""
    assert testbed.run("ls", "/proc/sys/net/ipv6")
    first = Daemon(testbed)
    first.create()
    first.stop()
    testbed.run("ip", "link", "del", "br-blue")
    made = Daemon(testbed, program=restricted("no-ipv6"))
    yield made
    made.clear()
    made.stop()
    assert "Traceback" not in made.log.read_text()


@pytest.fixture
def box(testbed: Testbed) -> Iterator[Sandbox]:
    made = Sandbox(testbed, "one")
    yield made
    made.close()


def test_a_network_without_subnets_is_ipv4_alone(before: Daemon, box: Sandbox) -> None:
    asked = network_pb2.Network(name="new")
    network = before.net.CreateNetwork(network_pb2.CreateNetworkRequest(network=asked)).network
    assert [":" in subnet.cidr for subnet in network.subnets] == [False]
    before.connect("one", network="new")
    assert box.pings(network.subnets[0].gateway)
    before.delete("new")


def test_an_ipv6_subnet_is_refused_in_one_line(before: Daemon) -> None:
    said = refusal(before.net.CreateNetwork, create("six", "10.66.0.0/24", "fd66::/64"))
    assert said.reason == "CAPABILITY_UNSUPPORTED"
    assert said.message == (
        "network six has the IPv6 subnet fd66::/64, and the kernel of this host has no IPv6 (it"
        " was booted with ipv6.disable=1, or lacks the module ipv6): use IPv4 alone, or turn"
        " IPv6 on and restart mynetd"
    )
    assert [network.name for network in before.networks()] == ["blue"]


def test_a_dual_stack_network_works_over_ipv4_with_a_condition(
    before: Daemon, testbed: Testbed, box: Sandbox
) -> None:
    endpoint = before.connect(
        "one", ports=[network_pb2.PortMapping(host_port=8080, container_port=80)]
    )
    assert list(endpoint.addresses) == ["10.88.0.2/24"]
    assert testbed.addresses("br-blue") == {"10.88.0.1/24"}
    assert box.pings("10.88.0.1")
    assert before.problems(endpoint) == []
    with box.listen("10.88.0.2", 80), testbed.outside.dial("203.0.113.1", 8080):
        pass
    (blue,) = before.networks()
    (condition,) = blue.conditions
    assert "fd88::/64 is out of use" in condition.problem
    report = before.net.Doctor(network_pb2.DoctorRequest())
    assert [finding.problem for finding in report.findings] == [condition.problem]
    before.disconnect("one")


@pytest.mark.parametrize("address", ["2001:db8::1", "::"])
def test_a_port_at_an_ipv6_address_is_refused(before: Daemon, box: Sandbox, address: str) -> None:
    port = network_pb2.PortMapping(host_ip=address, host_port=8080, container_port=80)
    said = refusal(before.net.Connect, connect("one", ports=[port]))
    assert said.reason == "CAPABILITY_UNSUPPORTED"
    assert "8080 is of IPv6, and the kernel of this host has no IPv6" in said.message
    assert before.endpoints() == []


def test_an_ipv6_address_is_refused(before: Daemon, box: Sandbox) -> None:
    said = refusal(before.net.Connect, connect("one", addresses=["fd88::9"]))
    assert said.reason == "CAPABILITY_UNSUPPORTED"
    assert "the endpoint has the IPv6 address fd88::9" in said.message

"""IPv6 switched off: by the host's sysctls, in the sandbox, or by an option."""

from collections.abc import Iterator

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import Daemon, connect, create, eventually, refusal
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import Sandbox, Testbed

OPTION = "net.ipv6.conf.IFNAME.disable_ipv6"


def turn_off(where: Testbed | Sandbox, scope: str) -> None:
    where.run("sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=1")


@pytest.fixture
def quiet_daemon(empty_testbed: Testbed) -> Iterator[Daemon]:
    """A daemon of the test's own, whose log has no traceback at the end."""
    made = Daemon(empty_testbed)
    yield made
    made.stop()
    assert "Traceback" not in made.log.read_text()


@pytest.mark.parametrize("scope", ["default", "all"])
def test_a_host_with_ipv6_off_has_dual_stack_networks(
    quiet_daemon: Daemon, empty_testbed: Testbed, scope: str
) -> None:
    """The default networks of the README, and both IP versions between two sandboxes."""
    turn_off(empty_testbed, scope)
    one, two = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    network = quiet_daemon.net.CreateNetwork(
        network_pb2.CreateNetworkRequest(network=network_pb2.Network(name="blue"))
    ).network
    assert len(network.subnets) == 2
    port = network_pb2.PortMapping(host_port=8080, container_port=80)
    for name, ports in (("one", [port]), ("two", [])):
        quiet_daemon.connect(name, ports=ports)
    (ipv4, *_) = (subnet.cidr.replace(".0/24", ".2") for subnet in network.subnets)
    with one.listen(ipv4, 80), empty_testbed.outside.dial("203.0.113.1", 8080):
        pass
    for subnet in network.subnets:
        assert one.pings(subnet.gateway)
    for endpoint in quiet_daemon.endpoints():
        assert quiet_daemon.problems(endpoint) == []
    for address in quiet_daemon.endpoints()[1].addresses:
        talk(one, two, address.partition("/")[0])


def test_ipv6_that_is_turned_off_while_networks_stand_is_turned_on_again(
    quiet_daemon: Daemon, empty_testbed: Testbed
) -> None:
    one, two = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    quiet_daemon.create()
    quiet_daemon.connect("one")
    turn_off(empty_testbed, "all")
    turn_off(one, "eth0")
    eventually(lambda: "fd88::1/64" in empty_testbed.addresses("br-blue"))
    eventually(lambda: "fd88::2/64" in one.addresses("eth0"))
    eventually(lambda: one.pings("fd88::1"))
    quiet_daemon.connect("two")
    assert two.pings("fd88::2")


def test_ipv6_that_is_off_on_a_bridge_does_not_refuse_ipv4(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, "--no-heal")
    box = Sandbox(empty_testbed, "one")
    daemon.create()
    turn_off(empty_testbed, "br-blue")
    daemon.connect("one")
    assert box.pings("10.88.0.1")
    repair = create()
    repair.allow_existing = True
    daemon.net.CreateNetwork(repair)
    assert box.pings("fd88::1")
    daemon.stop()


def test_a_daemon_that_starts_with_ipv6_off_restores_dual_stack_networks(
    empty_testbed: Testbed,
) -> None:
    first = Daemon(empty_testbed)
    one, two = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    first.create()
    first.connect("one")
    first.stop()
    turn_off(empty_testbed, "all")
    second = Daemon(empty_testbed)
    assert one.pings("fd88::1")
    second.connect("two")
    assert two.pings("fd88::2")
    second.stop()
    assert "Traceback" not in second.log.read_text()


def test_a_sandbox_with_ipv6_off_by_default_gets_ipv6_on_its_endpoint_alone(
    daemon: Daemon, one: Sandbox
) -> None:
    turn_off(one, "all")
    daemon.create()
    endpoint = daemon.connect("one")
    assert one.pings("fd88::1")
    assert one.pings("10.88.0.1")
    assert daemon.problems(endpoint) == []
    assert one.run("sysctl", "-n", "net.ipv6.conf.lo.disable_ipv6").strip() == "1"


def test_an_endpoint_that_wants_no_ipv6_takes_no_address_of_it(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.create()
    endpoint = daemon.connect("one", options={OPTION: "1"})
    assert list(endpoint.addresses) == ["10.88.0.2/24"]
    assert list(endpoint.gateways) == ["10.88.0.1"]
    assert one.addresses("eth0") == {"10.88.0.2/24"}
    assert one.run("sysctl", "-n", "net.ipv6.conf.eth0.disable_ipv6").strip() == "1"
    assert "fd88::2" not in daemon.allocations()
    assert one.pings("10.88.0.1")
    assert daemon.problems(endpoint) == []


def test_an_endpoint_that_wants_no_ipv6_cannot_have_an_address_of_it(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.create()
    daemon.create("six", "fd66::/64")
    asked = connect("one", options={OPTION: "1"}, addresses=["fd88::9"])
    assert "addresses[0]: the options turn IPv6 off" in refusal(daemon.net.Connect, asked).message
    port = network_pb2.PortMapping(host_ip="::", host_port=8080, container_port=80)
    at_ipv6 = connect("one", options={OPTION: "1"}, ports=[port])
    said = "ports[0].host_ip: the endpoint's options turn IPv6 off"
    assert said in refusal(daemon.net.Connect, at_ipv6).message
    only = refusal(daemon.net.Connect, connect("one", network="six", options={OPTION: "1"}))
    assert only.reason == "INVALID_ARGUMENT"
    assert "network six has IPv6 subnets only" in only.message

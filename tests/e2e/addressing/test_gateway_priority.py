"""A sandbox on several networks: the gateway priority decides which has the default route."""

import pytest

from mynet.v1.network_pb2 import DisconnectRequest
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

NETWORKS = {"blue": 88, "red": 77, "green": 66}


@pytest.fixture
def networks(daemon: Daemon) -> None:
    create_all(daemon)


def create_all(daemon: Daemon) -> None:
    for name, number in NETWORKS.items():
        daemon.create(name, f"10.{number}.0.0/24", f"fd{number}::/64")


def ways(box: Sandbox) -> list[str]:
    """Return the networks by which packets to the outside leave, IPv4 then IPv6."""
    names = {f"10.{number}.0.1": name for name, number in NETWORKS.items()}
    names |= {f"fd{number}::1": name for name, number in NETWORKS.items()}
    found = [box.json("ip", "-j", "route", "get", address)[0] for address in OUTSIDE]
    return [names[route["gateway"]] for route in found]


@pytest.mark.usefixtures("networks")
def test_a_network_that_comes_later_with_a_higher_priority_gives_the_default_route(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.connect("one")
    before = one.json("ip", "-j", "route", "show", "dev", "eth0")
    daemon.connect("one", network="red", gateway_priority=1)
    assert ways(one) == ["red", "red"]
    daemon.connect("one", network="green", gateway_priority=-1)
    assert ways(one) == ["red", "red"]
    assert one.json("ip", "-j", "route", "show", "dev", "eth0") == before
    assert [talk(one, daemon.testbed.outside, OUTSIDE[family]) for family in (0, 1)] == list(HOST)
    for gone, left in (("red", "blue"), ("blue", "green")):
        daemon.net.Disconnect(DisconnectRequest(network=gone, container_id="one"))
        assert ways(one) == [left, left]


@pytest.mark.usefixtures("networks")
def test_among_equals_the_first_gives_the_default_route(daemon: Daemon, one: Sandbox) -> None:
    daemon.connect("one", network="red", gateway_priority=3)
    daemon.connect("one", network="blue", gateway_priority=3)
    assert ways(one) == ["red", "red"]


@pytest.mark.usefixtures("networks")
def test_a_default_route_of_the_sandboxs_own_goes_first(daemon: Daemon, one: Sandbox) -> None:
    daemon.connect("one", gateway_priority=1000)
    daemon.connect("one", network="red")
    for gateway in ("10.77.0.1", "fd77::1"):
        one.run("ip", "route", "add", "default", "via", gateway, "dev", "eth1")
    assert ways(one) == ["red", "red"]


def test_priorities_outlast_the_daemon_and_the_sandbox(empty_testbed: Testbed) -> None:
    box = Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    create_all(daemon)
    daemon.connect("one")
    daemon.connect("one", network="red", gateway_priority=1)
    daemon.stop()
    box.run("ip", "link", "set", "eth1", "down")  # and its routes are gone
    daemon = Daemon(empty_testbed)
    assert ways(box) == ["red", "red"]
    assert [endpoint.gateway_priority for endpoint in daemon.endpoints()] == [0, 1]
    box.close()
    box = Sandbox(empty_testbed, "one")
    daemon.connect("one")
    assert ways(box) == ["blue", "blue"]
    daemon.connect("one", network="red", gateway_priority=1)
    assert ways(box) == ["red", "red"]
    assert [daemon.problems(endpoint) for endpoint in daemon.endpoints()] == [[], []]

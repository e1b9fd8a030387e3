"""An address that passes to another endpoint: its MAC address, and that it is reached at once."""

from collections.abc import Callable

import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.testbed import Sandbox

OLD, NEW = "02:00:00:00:00:aa", "02:00:00:00:00:bb"
ADDRESSES = ["10.88.0.9", "fd88::9"]


@pytest.fixture
def hasty(daemon: Daemon) -> None:
    """The network blue, where a released address is free at once."""
    subnets = [ipam_pb2.Subnet(cidr=cidr) for cidr in ("10.88.0.0/24", "fd88::/64")]
    for subnet in subnets:
        subnet.cooldown.FromSeconds(0)
    network = network_pb2.Network(name="blue", subnets=subnets)
    daemon.net.CreateNetwork(network_pb2.CreateNetworkRequest(network=network))


@pytest.mark.usefixtures("hasty")
def test_an_address_that_moves_to_another_mac_is_reached_at_once(
    daemon: Daemon, one: Sandbox, two: Sandbox, new_sandbox: Callable[[str], Sandbox]
) -> None:
    neighbour = new_sandbox("neighbour")
    daemon.connect("neighbour")
    daemon.connect("one", addresses=ADDRESSES, mac_address=OLD)
    askers = (neighbour, daemon.testbed)
    assert all(asker.pings(address) for asker in askers for address in ADDRESSES)
    daemon.disconnect("one")
    daemon.connect("two", addresses=ADDRESSES, mac_address=NEW)
    for asker in askers:
        for address in ADDRESSES:
            assert NEW in asker.run("ip", "neigh", "show", address)
            eventually(lambda asked=address, by=asker: by.pings(asked, within=0.3))  # type: ignore[misc]


@pytest.mark.usefixtures("hasty")
def test_a_mac_address_is_the_same_whenever_the_address_is(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    first = daemon.connect("one", addresses=ADDRESSES)
    inside = one.links()["eth0"]["address"]
    daemon.disconnect("one")
    second = daemon.connect("two", addresses=ADDRESSES)
    assert inside == first.mac_address == second.mac_address == two.links()["eth0"]["address"]

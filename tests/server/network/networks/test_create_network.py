"""CreateNetwork: its reply field by field, the daemon's choices, and repeated calls."""

import re
import time
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from mynet.drivers.api import Subnet
from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect, create
from tests.server.support.world import World


def test_the_daemon_fills_in_what_the_request_leaves_open(world: World) -> None:
    world.host.mtu = 1420
    network = world.network("web", "10.1.0.0/24", "fd00:1::/64")
    assert re.fullmatch("[0-9a-f]{64}", network.id)
    assert abs(network.create_time.ToSeconds() - time.time()) < 5
    assert network.revision > 0
    expected = network_pb2.Network(
        name="web",
        driver="bridge",
        ipam="bitmap",
        mtu=1420,
        masquerade=True,
        interface="br-web",
        state=network_pb2.NETWORK_STATE_READY,
        id=network.id,
        create_time=network.create_time,
        revision=network.revision,
    )
    for cidr, gateway in (("10.1.0.0/24", "10.1.0.1"), ("fd00:1::/64", "fd00:1::1")):
        expected.subnets.add(cidr=cidr, gateway=gateway, backend="bitmap", network="web")
    assert network == expected


def test_the_request_is_fulfilled_field_by_field(world: World) -> None:
    specs: dict[str, Any] = {
        "driver": "other",
        "ipam": "spare",
        "internal": True,
        "mtu": 1400,
        "masquerade": False,
        "interface": "lan0",
        "options": {"icc": "true"},
        "labels": {"team": "röt"},
    }
    network = world.network("web", "10.1.0.9/24", **specs)
    assert {field: getattr(network, field) for field in specs} == specs
    assert network.subnets[0].gateway == "10.1.0.9"
    assert network.subnets[0].backend == "spare"


def test_the_driver_gets_every_field(world: World) -> None:
    network = world.network("web", "10.1.0.9/24", options={"icc": "true"}, mtu=1400, internal=True)
    told = world.driver.networks[network.id]
    assert (told.name, told.interface, told.mtu) == ("web", "br-web", 1400)
    assert (told.internal, told.masquerade, told.options) == (True, True, {"icc": "true"})
    assert told.subnets == (Subnet(ip_network("10.1.0.0/24"), ip_address("10.1.0.9")),)


def test_the_gateway_is_an_allocation_of_the_network(world: World) -> None:
    network = world.network()
    assert world.held() == {"10.1.0.1": f"network:{network.id}"}


@pytest.mark.parametrize(
    ("cidr", "gateway", "expected"),
    [
        ("10.1.0.0/24", "", "10.1.0.1"),
        ("10.1.0.0/24", "10.1.0.254", "10.1.0.254"),
        ("10.1.0.254/24", "", "10.1.0.254"),
        ("10.1.0.254/24", "10.1.0.254", "10.1.0.254"),
        ("fd00:1::ff/64", "", "fd00:1::ff"),
        ("FD00:1::/64", "fd00:1:0::0:ff", "fd00:1::ff"),
    ],
)
def test_the_gateway_is_the_one_named_or_else_the_first(
    world: World, cidr: str, gateway: str, expected: str
) -> None:
    subnet = {"cidr": cidr, "gateway": gateway}
    network = world.network(subnets=[subnet])
    assert network.subnets[0].gateway == expected
    assert network.subnets[0].cidr in ("10.1.0.0/24", "fd00:1::/64")


def test_the_device_is_named_for_the_network(world: World) -> None:
    assert world.network("as-long-as-x").interface == "br-as-long-as-x"


def test_a_name_that_is_too_long_for_a_device_gets_the_id(world: World) -> None:
    network = world.network("longer-than-it-fits")
    assert network.interface == "br-" + network.id[:12]


def test_a_device_that_is_there_is_avoided(world: World) -> None:
    world.host.add_device("br-web")
    network = world.network("web")
    assert network.interface == "br-" + network.id[:12]


def test_a_device_that_another_network_has_on_record_is_avoided_though_it_was_lost(
    world: World,
) -> None:
    first = world.network("one", interface="br-two")
    world.host.give(first.id)
    network = world.network("two", "10.2.0.0/24")
    assert network.interface == "br-" + network.id[:12]


def test_the_same_specs_again_are_success_where_allowed(world: World) -> None:
    first = world.network(mtu=1400, labels={"a": "b"})
    again = world.network(mtu=1400, labels={"a": "b"}, allow_existing=True)
    assert again == first


def test_equal_specs_in_another_order_are_the_same(world: World) -> None:
    first = world.network("web", "10.1.0.1/24", "FD00:1:0::/64")
    words = [{"cidr": "10.1.0.0/24", "gateway": "10.1.0.1"}, {"cidr": "fd00:1::/64"}]
    again = world.network(subnets=words, driver="bridge", masquerade=True, allow_existing=True)
    assert again == first


def test_an_existing_network_is_returned_with_its_endpoints_counted(world: World) -> None:
    world.network()
    world.connect("c1")
    assert world.network(allow_existing=True).endpoint_count == 1


@pytest.mark.parametrize(
    "other",
    [
        {"mtu": 1400},
        {"internal": True},
        {"masquerade": False},
        {"labels": {"a": "b"}},
        {"options": {"icc": "true"}},
        {"driver": "other"},
        {"interface": "br-web"},
        {"subnets": [{"cidr": "10.1.0.1/24"}]},
        {"subnets": [{"cidr": "10.1.0.0/24"}, {"cidr": "10.2.0.0/24"}]},
    ],
)
def test_other_specs_for_the_same_name_are_refused(world: World, other: dict[str, Any]) -> None:
    world.network()
    before = world.state()
    refused = refusal(world.net.CreateNetwork, create(**other, allow_existing=True))
    assert refused.short == ("ALREADY_EXISTS", "NETWORK_EXISTS")
    assert f"with another spec: {', '.join(other)}; " in refused.message
    assert world.state() == before


def test_the_remains_of_a_failed_create_do_not_keep_the_name(world: World) -> None:
    world.driver.trouble.fail("create", KernelError("no"))
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.CreateNetwork, create())
    assert [network.state for network in world.networks()] == [network_pb2.NETWORK_STATE_CREATING]
    network = world.network()
    assert world.networks() == [network]
    assert set(world.driver.networks) == {network.id}


def test_the_remains_of_a_failed_delete_do_not_keep_the_name(world: World) -> None:
    world.network()
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="web"))
    network = world.network(allow_existing=True)
    assert world.networks() == [network]


def test_a_create_waits_for_another_create_of_the_same_name(world: World) -> None:
    hang = world.driver.trouble.hang("create")
    first = world.net.CreateNetwork.future(create())
    hang.await_victim()
    second = world.net.CreateNetwork.future(create(allow_existing=True))
    assert eventually(lambda: world.queue("network") == 2)
    hang.end()
    assert second.result() == first.result()


def test_a_name_of_a_network_that_is_being_deleted_with_endpoints_is_busy(world: World) -> None:
    world.network()
    world.connect("c1")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    request = network_pb2.DeleteNetworkRequest(network="web", force=True)
    refusal(world.net.DeleteNetwork, request)
    refused = refusal(world.net.CreateNetwork, create())
    assert refused.short == ("ABORTED", "BUSY")
    assert "deleting" in refused.message


def test_a_taken_name_is_refused_without_waiting_for_the_networks_lock(world: World) -> None:
    world.network()
    hang = world.driver.trouble.hang("connect")
    slow = world.net.Connect.future(connect())
    hang.await_victim()
    assert refusal(world.net.CreateNetwork, create(), timeout=5).reason == "NETWORK_EXISTS"
    hang.end()
    slow.result()

"""CreateSubnet, DeleteSubnet and GetSubnet, field by field; and when a subnet is dropped."""

import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.ipam.errors import StoreUnavailable
from mynet.v1 import ipam_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, create, create_subnet
from tests.server.support.samples import records
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def delete_request(subnet: str = NINE, **fields: Any) -> ipam_pb2.DeleteSubnetRequest:
    return ipam_pb2.DeleteSubnetRequest(subnet=subnet, **fields)


def test_create_subnet_returns_what_was_left_to_the_daemon(world: World) -> None:
    made = world.create_subnet("10.9.0.77/24")
    assert abs(made.create_time.ToSeconds() - time.time()) < 5
    assert made.revision > 0
    assert made == ipam_pb2.Subnet(
        cidr=NINE,
        backend="bitmap",
        usage=ipam_pb2.SubnetUsage(capacity=254, free=254),
        create_time=made.create_time,
        revision=made.revision,
        cooldown=Duration(),
        retention=Duration(seconds=3600),
    )
    assert world.subnet(NINE) == made


def test_every_rule_comes_back_as_it_was_given(world: World) -> None:
    made = world.create_subnet(
        range="10.9.0.128-10.9.0.255",
        reserved=["10.9.0.1", "10.9.0.8/29", "10.9.0.240-10.9.0.250"],
        cooldown=Duration(seconds=1, nanos=500_000_000),
        retention=Duration(),
    )
    assert made.range == "10.9.0.128/25"
    assert list(made.reserved) == ["10.9.0.1", "10.9.0.8/29", "10.9.0.240-10.9.0.250"]
    assert (made.cooldown.ToMilliseconds(), made.retention.ToMilliseconds()) == (1500, 0)
    assert made.HasField("retention")
    assert made.usage == ipam_pb2.SubnetUsage(capacity=254, reserved=138, free=116)
    assert world.subnet() == made


def test_a_subnet_may_have_another_backend(world: World) -> None:
    made = world.create_subnet(backend="spare")
    assert made.backend == "spare"
    assert world.spare.opened() == {world.store.subnets.all()[0].cidr}
    assert world.backend.opened() == frozenset()
    assert world.allocate(owner="vm-7").subnet == NINE
    assert world.spare.held() == {"10.9.0.1": "vm-7"}


@pytest.mark.parametrize("cidr", ["10.9.0.1/32", "10.9.0.0/31", "0.0.0.0/0", "::/0", "fd00::7/128"])
def test_a_subnet_without_a_network_may_have_any_size(world: World, cidr: str) -> None:
    made = world.create_subnet(cidr)
    assert made.usage.free == made.usage.capacity > 0
    world.delete_subnet(cidr)
    assert world.subnets() == []


def test_a_subnet_stays_when_its_last_address_is_released(world: World) -> None:
    made = world.create_subnet()
    held = world.allocate()
    world.release(NINE, held.address)
    world.allocate(owner="vm-7")
    world.release_owner("vm-7")
    assert world.subnet() == made


def test_a_deleted_subnet_can_be_created_again(world: World) -> None:
    before = world.state()
    world.create_subnet(reserved=["10.9.0.1"])
    assert world.ipam.DeleteSubnet(delete_request("10.9.0.77/24")) == (
        ipam_pb2.DeleteSubnetResponse()
    )
    assert world.state() == before
    assert list(world.create_subnet().reserved) == []


def test_a_missing_subnet_is_success_only_with_allow_missing(world: World) -> None:
    world.create_subnet("10.9.0.0/16")
    before = world.state()
    refused = refusal(world.ipam.DeleteSubnet, delete_request())
    assert refused.short == ("NOT_FOUND", "SUBNET_NOT_FOUND")
    assert NINE in refused.message
    world.delete_subnet(NINE, allow_missing=True)
    assert world.state() == before


def test_an_existing_subnet_is_not_created_again(world: World) -> None:
    world.create_subnet()
    before = world.state()
    refused = refusal(world.ipam.CreateSubnet, create_subnet("10.9.0.7/24", reserved=["10.9.0.1"]))
    assert refused.short == ("ALREADY_EXISTS", "SUBNET_EXISTS")
    assert refused.details["ResourceInfo"].resource_name == NINE
    assert refused.details["ResourceInfo"].owner == "backend bitmap"
    assert world.state() == before


@pytest.mark.parametrize("cidr", ["10.9.0.0/25", "10.0.0.0/8", "10.9.0.255/32"])
@pytest.mark.parametrize("kind", ["kept", "founded", "network"])
def test_a_subnet_that_overlaps_another_is_refused(world: World, kind: str, cidr: str) -> None:
    if kind == "network":
        world.network("web", NINE)
    elif kind == "kept":
        world.create_subnet()
    else:
        world.allocate()
    before = world.state()
    refused = refusal(world.ipam.CreateSubnet, create_subnet(cidr))
    assert refused.short == ("FAILED_PRECONDITION", "SUBNET_OVERLAP")
    network = "web" if kind == "network" else ""
    assert refused.metadata == {"subnet": NINE, "network": network}
    assert f"{NINE} of {'network web' if network else 'backend bitmap'}" in refused.message
    assert world.state() == before


def test_a_subnet_that_an_allocation_added_exists_already(world: World) -> None:
    held = world.allocate()
    assert refusal(world.ipam.CreateSubnet, create_subnet()).reason == "SUBNET_EXISTS"
    world.release(NINE, held.address)
    world.create_subnet()


def test_a_subnet_for_an_unknown_backend_is_refused(world: World) -> None:
    before = world.state()
    for backend in ("lost", "torn"):
        refused = refusal(world.ipam.CreateSubnet, create_subnet(backend=backend))
        assert refused.short == ("NOT_FOUND", "BACKEND_NOT_FOUND")
    assert world.state() == before


def test_a_subnet_with_allocations_is_not_deleted(world: World) -> None:
    world.create_subnet()
    held = [world.allocate(), world.allocate(owner="vm-7")]
    before = world.state()
    refused = refusal(world.ipam.DeleteSubnet, delete_request())
    assert refused.short == ("FAILED_PRECONDITION", "SUBNET_IN_USE")
    assert refused.metadata == {"allocated": "2"}
    assert "2 addresses" in refused.message
    assert world.state() == before
    for each in held:
        world.release(NINE, each.address)
    world.delete_subnet()
    assert world.subnets() == []


def test_a_subnet_whose_addresses_cool_down_can_be_deleted(world: World) -> None:
    world.create_subnet(cooldown=Duration(seconds=60))
    world.release(NINE, world.allocate().address)
    assert world.subnet().usage.cooling == 1
    world.delete_subnet()
    assert world.create_subnet().usage.cooling == 0


# --- a network on it --------------------------------------------------------------------------


def test_a_network_adopts_a_kept_subnet_with_its_rules_and_leaves_it_as_it_was(
    world: World,
) -> None:
    made = world.create_subnet(range="10.9.0.128/25", reserved=["10.9.0.128"])
    network = world.network("web", NINE)
    assert network.subnets[0].gateway == "10.9.0.1"
    used = world.subnet()
    assert (used.network, used.gateway, used.range) == ("web", "10.9.0.1", "10.9.0.128/25")
    assert list(used.reserved) == ["10.9.0.128"]
    assert world.connect("c1").addresses == ["10.9.0.129/24"]
    world.delete(force=True)
    left = world.subnet()
    assert left.revision > used.revision > made.revision
    left.revision = made.revision
    assert left == made


def test_the_rules_of_a_network_hold_while_it_exists(world: World) -> None:
    made = world.create_subnet(range="10.9.0.128/25")
    own = {"cidr": NINE, "reserved": ["10.9.0.1-10.9.0.9"], "cooldown": Duration(seconds=5)}
    network = world.network("web", subnets=[own])
    assert network.subnets[0].gateway == "10.9.0.10"
    used = world.subnet()
    assert (used.range, list(used.reserved)) == ("", ["10.9.0.1-10.9.0.9"])
    assert used.cooldown.ToSeconds() == 5
    world.delete()
    assert (world.subnet().range, list(world.subnet().reserved)) == (made.range, [])


@pytest.mark.parametrize("rules", [{}, {"cooldown": Duration(seconds=5)}])
def test_a_failed_create_network_does_not_change_a_kept_subnet(
    world: World, rules: dict[str, Any]
) -> None:
    made = world.create_subnet(reserved=["10.9.0.1"])
    world.allocate(owner="vm-7", address="10.9.0.9")
    asked = create("web", subnets=[{"cidr": NINE, "gateway": "10.9.0.9", **rules}])
    assert refusal(world.net.CreateNetwork, asked).reason == "ADDRESS_IN_USE"
    left = world.subnet()
    assert (left.network, left.reserved, left.cooldown) == ("", made.reserved, made.cooldown)
    assert world.held() == {"10.9.0.9": "vm-7"}
    world.release_owner("vm-7")
    assert world.subnets() == [NINE]


def test_a_gateway_that_the_kept_subnet_reserves_is_refused(world: World) -> None:
    world.create_subnet(reserved=["10.9.0.1"])
    refused = refusal(world.net.CreateNetwork, create("web", "10.9.0.1/24"))
    assert refused.short == ("FAILED_PRECONDITION", "ADDRESS_RESERVED")
    assert world.networks() == []
    assert world.held() == {}


def test_a_subnet_that_a_network_uses_is_not_deleted(world: World) -> None:
    world.network("web", NINE)
    before = world.state()
    refused = refusal(world.ipam.DeleteSubnet, delete_request())
    assert refused.short == ("FAILED_PRECONDITION", "SUBNET_IN_USE")
    assert "network web" in refused.message
    refused = refusal(world.ipam.DeleteSubnet, delete_request(allow_missing=True))
    assert refused.reason == "SUBNET_IN_USE"
    assert world.state() == before
    world.delete()
    assert world.subnets() == []


def test_a_subnet_of_a_deleted_network_is_dropped_with_its_last_address(world: World) -> None:
    world.network("web", NINE)
    held = world.allocate(owner="vm-7")
    world.delete()
    assert world.subnets() == [NINE]
    world.release(NINE, held.address)
    assert world.subnets() == []


def test_addresses_are_allocated_in_a_kept_subnet(world: World) -> None:
    world.create_subnet("10.9.0.0/30")
    for number in (1, 2):
        assert world.allocate("10.9.0.0/30").address == f"10.9.0.{number}"
    refused = refusal(world.ipam.AllocateAddress, allocate("10.9.0.0/30"))
    assert refused.short == ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED")
    assert world.subnets() == ["10.9.0.0/30"]


def test_an_allocation_is_busy_where_a_network_claims_its_subnet_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network claims a subnet without the subnet's lock, and opens it later."""
    add_subnet = world.store.subnets.add

    def add_late(*args: Any, **kwargs: Any) -> object:
        records.add(world.store, records.network(), NINE)
        return add_subnet(*args, **kwargs)

    monkeypatch.setattr(world.store.subnets, "add", add_late)
    assert refusal(world.ipam.AllocateAddress, allocate(NINE)).reason == "BUSY"
    assert world.held() == {}
    assert not world.backend.opened()


def test_an_allocation_whose_subnet_cannot_be_examined_leaves_nothing(world: World) -> None:
    before = world.state()
    world.backend.trouble.fail("usage", StoreUnavailable("the disk is gone"))
    refused = refusal(world.ipam.AllocateAddress, allocate(NINE))
    assert refused.reason == "STORE_UNAVAILABLE"
    assert world.state() == before

"""Every verb of IPAMService, its answer field by field."""

import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.v1 import ipam_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, create
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def release_request(**fields: Any) -> ipam_pb2.ReleaseAddressRequest:
    return ipam_pb2.ReleaseAddressRequest(**{"subnet": NINE, "address": "10.9.0.1", **fields})


def get(world: World, subnet: str) -> ipam_pb2.Subnet:
    return world.ipam.GetSubnet(ipam_pb2.GetSubnetRequest(subnet=subnet)).subnet


def test_allocate_returns_the_address_its_owner_and_the_time(world: World) -> None:
    allocation = world.allocate("10.9.0.77/24", owner="vm-7")
    assert abs(allocation.create_time.ToSeconds() - time.time()) < 5
    assert allocation.revision > 0
    assert allocation == ipam_pb2.Allocation(
        subnet=NINE,
        address="10.9.0.1",
        owner="vm-7",
        instance="test",
        create_time=allocation.create_time,
        revision=allocation.revision,
    )


def test_an_owner_that_allocates_again_gets_the_same_address(world: World) -> None:
    first = world.allocate(owner="vm-7")
    assert world.allocate(owner="vm-7") == first
    assert world.allocate(owner="vm-7", address=first.address) == first
    assert world.allocate(owner="vm-8").address != first.address


def test_without_an_owner_every_call_allocates_a_new_address(world: World) -> None:
    assert world.allocate().address != world.allocate().address


def test_an_address_may_be_chosen(world: World) -> None:
    assert world.allocate(address="10.9.0.99").address == "10.9.0.99"
    assert world.allocate("fd00:9::/64", address="FD00:9:0::99").address == "fd00:9::99"


def test_the_first_allocation_adds_the_subnet_and_the_last_release_drops_it(world: World) -> None:
    before = world.state()
    one, two = world.allocate(), world.allocate()
    assert world.subnets() == [NINE]
    world.release(NINE, one.address)
    assert world.subnets() == [NINE]
    world.release(NINE, two.address)
    assert world.state() == before


@pytest.mark.parametrize(
    ("subnet", "address", "reason"),
    [
        (NINE, "10.9.0.0", "ADDRESS_RESERVED"),
        (NINE, "10.9.0.255", "ADDRESS_RESERVED"),
        ("fd00:9::/64", "fd00:9::", "ADDRESS_RESERVED"),
        (NINE, "10.9.1.1", "ADDRESS_OUT_OF_RANGE"),
    ],
)
def test_a_refused_call_adds_no_subnet(
    world: World, subnet: str, address: str, reason: str
) -> None:
    before = world.state()
    refused = refusal(world.ipam.AllocateAddress, allocate(subnet, address=address))
    assert refused.reason == reason
    assert world.state() == before


def test_an_allocation_does_not_add_a_subnet_that_overlaps_another(world: World) -> None:
    world.network()
    before = world.state()
    refused = refusal(world.ipam.AllocateAddress, allocate("10.1.0.128/25"))
    assert refused.short == ("FAILED_PRECONDITION", "SUBNET_OVERLAP")
    assert "10.1.0.0/24 of network web" in refused.message
    assert refused.metadata == {"subnet": "10.1.0.0/24", "network": "web"}
    assert world.state() == before


def test_a_network_adopts_a_subnet_with_its_allocations(world: World) -> None:
    held = world.allocate("10.1.0.0/24", owner="vm-7")
    network = world.network("web", "10.1.0.0/24")
    assert network.subnets[0].gateway == "10.1.0.2"
    assert world.held() == {held.address: "vm-7", "10.1.0.2": f"network:{network.id}"}
    assert world.connect("c1").addresses == ["10.1.0.3/24"]


def test_an_allocated_gateway_is_refused(world: World) -> None:
    world.allocate("10.1.0.0/24", owner="vm-7", address="10.1.0.1")
    refused = refusal(world.net.CreateNetwork, create("web", "10.1.0.1/24"))
    assert refused.short == ("ALREADY_EXISTS", "ADDRESS_IN_USE")
    assert refused.details["ResourceInfo"].owner == "vm-7"
    assert world.networks() == []
    assert world.subnets() == ["10.1.0.0/24"]
    assert world.held() == {"10.1.0.1": "vm-7"}


def test_a_subnet_of_another_backend_is_not_adopted(world: World) -> None:
    world.allocate("10.1.0.0/24")
    before = world.state()
    refused = refusal(world.net.CreateNetwork, create(ipam="spare"))
    assert refused.reason == "SUBNET_OVERLAP"
    assert "backend bitmap" in refused.message
    assert world.state() == before


def test_release_returns_the_allocation(world: World) -> None:
    held = world.allocate(owner="vm-7")
    assert world.release("10.9.0.99/24", held.address) == held
    assert world.held() == {}


def test_release_by_the_owner_alone(world: World) -> None:
    held = world.allocate(owner="vm-7")
    before = world.state()
    refused = refusal(world.ipam.ReleaseAddress, release_request(owner="vm-8"))
    assert refused.short == ("FAILED_PRECONDITION", "OWNER_MISMATCH")
    assert world.state() == before
    assert world.release(NINE, held.address, owner="vm-7") == held


@pytest.mark.parametrize("subnet", [NINE, "10.8.0.0/24"])
def test_a_missing_object_is_success_only_with_allow_missing(world: World, subnet: str) -> None:
    world.allocate(address="10.9.0.5")
    before = world.state()
    asked = release_request(subnet=subnet, address=subnet.replace("0/24", "9"))
    reason = "ALLOCATION_NOT_FOUND" if subnet == NINE else "SUBNET_NOT_FOUND"
    assert refusal(world.ipam.ReleaseAddress, asked).short == ("NOT_FOUND", reason)
    asked.allow_missing = True
    assert world.ipam.ReleaseAddress(asked) == ipam_pb2.ReleaseAddressResponse()
    assert world.state() == before


@pytest.mark.parametrize("by", ["address", "owner"])
@pytest.mark.parametrize(("address", "verb"), [("10.1.0.1", "DeleteNetwork"), ("10.1.0.2", "Disc")])
def test_addresses_of_networks_and_endpoints_are_not_released_by_callers(
    world: World, address: str, verb: str, by: str
) -> None:
    world.network()
    world.connect("c1")
    before = world.state()
    owner = world.held()[address] if by == "owner" else ""
    asked = release_request(subnet="10.1.0.0/24", address=address, owner=owner)
    refused = refusal(world.ipam.ReleaseAddress, asked)
    assert refused.short == ("FAILED_PRECONDITION", "ADDRESS_OWNED")
    assert verb in refused.message
    assert world.state() == before


def test_a_release_succeeds_although_the_subnet_cannot_be_dropped(world: World) -> None:
    held = world.allocate()
    with world.broken_write():
        assert world.release(NINE, held.address) == held
    assert world.held() == {}


def test_allocations_are_listed_by_subnet_and_address(world: World) -> None:
    for address in ("10.9.0.20", "10.9.0.3"):
        world.allocate(address=address, owner="vm-7")
    world.allocate("10.10.0.0/24", owner="vm-7")
    world.allocate("fd00:9::/64", owner="vm-8")
    network = world.network("web", "10.1.0.0/24", ipam="spare")

    def listed(**fields: Any) -> list[tuple[str, str]]:
        answer = world.ipam.ListAllocations(ipam_pb2.ListAllocationsRequest(**fields))
        return [(each.address, each.owner) for each in answer.allocations]

    gateway = ("10.1.0.1", f"network:{network.id}")
    mine = [("10.9.0.3", "vm-7"), ("10.9.0.20", "vm-7"), ("10.10.0.1", "vm-7")]
    assert listed() == [*mine, ("fd00:9::1", "vm-8"), gateway]
    assert listed(owner="vm-7") == mine
    assert listed(subnet="10.9.0.77/24") == mine[:2]
    assert listed(subnet="10.1.0.0/24") == [gateway]
    assert listed(subnet="10.8.0.0/24") == []
    assert listed(subnet=NINE, owner="vm-8") == []


def test_get_subnet_returns_its_network_and_usage(world: World) -> None:
    network = world.network("web", "10.1.0.9/24")
    world.connect("c1")
    subnet = get(world, "10.1.0.77/24")
    assert network.create_time == subnet.create_time
    assert subnet == ipam_pb2.Subnet(
        cidr="10.1.0.0/24",
        gateway="10.1.0.9",
        backend="bitmap",
        network="web",
        usage=ipam_pb2.SubnetUsage(capacity=254, allocated=2, free=252),
        create_time=subnet.create_time,
        revision=subnet.revision,
        cooldown=Duration(),
        retention=Duration(seconds=3600),
    )


def test_a_subnet_that_no_network_uses_has_no_gateway(world: World) -> None:
    world.allocate()
    subnet = get(world, NINE)
    assert (subnet.gateway, subnet.network, subnet.backend) == ("", "", "bitmap")


def test_counts_that_do_not_fit_are_the_largest_that_do(world: World) -> None:
    world.allocate("fd00::/32")
    usage = get(world, "fd00::/32").usage
    assert (usage.capacity, usage.allocated, usage.free) == (2**64 - 1, 1, 2**64 - 1)


def test_a_subnet_that_is_not_registered_is_not_found(still_world: World) -> None:
    request = ipam_pb2.GetSubnetRequest(subnet=NINE)
    refused = refusal(still_world.ipam.GetSubnet, request)
    assert refused.short == ("NOT_FOUND", "SUBNET_NOT_FOUND")
    assert NINE in refused.message


def test_subnets_are_listed_ipv4_first_by_address(world: World) -> None:
    for cidr in ("fd00:9::/64", "10.10.0.0/24", "10.9.0.0/24", "fd00:1::/64", "9.0.0.0/8"):
        world.allocate(cidr)
    assert world.subnets() == [
        *("9.0.0.0/8", "10.9.0.0/24", "10.10.0.0/24"),
        *("fd00:1::/64", "fd00:9::/64"),
    ]

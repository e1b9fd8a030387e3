"""BatchAllocateAddresses and ReleaseOwner: many at once, all or none."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.ipam.errors import StoreUnavailable
from mynet.v1 import ipam_pb2
from tests.server.support.refusals import check, refusal
from tests.server.support.requests import LONG, shown
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def batch(**fields: Any) -> ipam_pb2.BatchAllocateAddressesRequest:
    return ipam_pb2.BatchAllocateAddressesRequest(**{"subnet": NINE, **fields})


def test_each_owner_gets_an_address_in_their_order(world: World) -> None:
    request = batch(subnet="10.9.0.9/24", owners=["vm-b", "vm-a"], labels={"rack": "b7"})
    made = world.ipam.BatchAllocateAddresses(request).allocations
    assert [(each.owner, each.address) for each in made] == [
        ("vm-b", "10.9.0.1"),
        ("vm-a", "10.9.0.2"),
    ]
    assert made[0] == ipam_pb2.Allocation(
        subnet=NINE,
        address="10.9.0.1",
        owner="vm-b",
        instance="test",
        create_time=made[0].create_time,
        revision=made[1].revision,
        labels={"rack": "b7"},
    )
    assert made[0].create_time.ToSeconds() > 0
    assert [world.allocate(owner=each.owner) for each in made] == list(made)


def test_an_owner_with_an_address_gets_that_address(world: World) -> None:
    before = world.allocate(owner="vm-2")
    made = world.allocate_batch(owner_prefix="vm-", count=3)
    assert made == ["10.9.0.2", before.address, "10.9.0.3"]
    assert world.allocate_batch(owner_prefix="vm-", count=3) == made
    assert len(world.held()) == 3


def test_a_prefix_makes_owners_that_are_counted_from_1(world: World) -> None:
    world.allocate_batch(owner_prefix="vm-", count=11)
    assert sorted(world.held().values()) == sorted(f"vm-{number}" for number in range(1, 12))


def test_without_owners_every_call_takes_new_addresses(world: World) -> None:
    first, second = world.allocate_batch(count=2), world.allocate_batch(count=2)
    assert len({*first, *second}) == 4
    assert set(world.held().values()) == {""}


def test_an_owner_named_twice_gets_one_address_and_two_empty_owners_get_two(world: World) -> None:
    made = world.allocate_batch(owners=["vm-1", "", "vm-1", ""], count=4)
    assert made[0] == made[2]
    assert len(set(made)) == 3


def test_the_largest_batch_is_one_commit(world: World) -> None:
    request = batch(subnet="10.8.0.0/16", count=4096)
    made = world.ipam.BatchAllocateAddresses(request).allocations
    assert len({each.address for each in made}) == 4096
    assert len({each.revision for each in made}) == 1
    assert world.backend.trouble.calls["allocate_batch"] == 1


def test_a_batch_adds_its_subnet(world: World) -> None:
    before = world.state()
    world.allocate_batch(owner_prefix="vm-", count=2)
    assert world.subnets() == [NINE]
    world.release_owner("vm-1")
    world.release_owner("vm-2")
    assert world.state() == before


def test_a_batch_that_does_not_fit_allocates_nothing_and_adds_no_subnet(world: World) -> None:
    before = world.state()
    refused = refusal(world.ipam.BatchAllocateAddresses, batch(count=255))
    assert refused.short == ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED")
    assert world.state() == before
    world.create_subnet(reserved=["10.9.0.1-10.9.0.99"])
    world.allocate(owner="vm-7")
    before = world.state()
    assert refusal(world.ipam.BatchAllocateAddresses, batch(count=155)).kinds == {"QuotaFailure"}
    assert world.state() == before
    assert len(world.allocate_batch(count=154)) == 154


def test_the_refusal_of_a_batch_that_would_fit_later_says_when(world: World) -> None:
    world.create_subnet("10.9.0.0/29", cooldown=Duration(seconds=30))
    for address in world.allocate_batch("10.9.0.0/29", count=6)[:3]:
        world.clock.advance(1)
        world.release("10.9.0.0/29", address)
    refused = refusal(world.ipam.BatchAllocateAddresses, batch(subnet="10.9.0.0/29", count=2))
    assert refused.details["RetryInfo"].retry_delay.ToSeconds() == 29
    world.clock.advance(29)
    assert len(world.allocate_batch("10.9.0.0/29", count=2)) == 2


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"subnet": NINE}, ["count"]),
        ({"count": 1}, ["subnet"]),
        ({"subnet": "banana", "count": 1}, ["subnet"]),
        ({"subnet": NINE, "count": 4097}, ["count"]),
        ({"subnet": NINE, "count": 2**32 - 1, "owner_prefix": "a"}, ["count"]),
        ({"subnet": NINE, "owners": ["a"] * 4097}, ["count"]),
        ({"subnet": NINE, "owners": ["a", "b"], "count": 3}, ["count"]),
        ({"subnet": NINE, "owners": ["a"], "owner_prefix": "b"}, ["owner_prefix"]),
        ({"subnet": NINE, "owners": ["a", "a\n", "network:1"]}, ["owners[1]", "owners[2]"]),
        ({"subnet": NINE, "count": 1, "owner_prefix": "endpoint:"}, ["owner_prefix"]),
        ({"subnet": NINE, "count": 1, "owner_prefix": "endpoint:1"}, ["owner_prefix"]),
        ({"subnet": NINE, "count": 9, "owner_prefix": "a" * 255}, ["owner_prefix"]),
        ({"subnet": NINE, "count": 1, "owner_prefix": LONG}, ["owner_prefix"]),
        ({"subnet": NINE, "count": 1, "labels": {"": "a"}}, ["labels"]),
        ({"subnet": NINE, "count": 1, "labels": {"a": LONG}}, ["labels"]),
        ({"subnet": NINE, "count": 1, "labels": {str(n): "" for n in range(65)}}, ["labels"]),
        (
            {"subnet": "x", "owners": ["\n"], "owner_prefix": "\n", "labels": {"\n": ""}},
            ["subnet", "owners[0]", "owner_prefix", "labels"],
        ),
    ],
    ids=shown,
)
def test_a_batch_is_refused(
    furnished_world: World, fields: dict[str, Any], faults: list[str]
) -> None:
    check(furnished_world, "BatchAllocateAddresses", fields, faults)


# --- all that an owner has --------------------------------------------------------------------


def test_an_owner_is_released_in_all_subnets_and_backends(world: World) -> None:
    world.create_subnet("10.7.0.0/24", backend="spare")
    held = [
        world.allocate("10.7.0.0/24", owner="vm-7"),
        world.allocate("10.8.0.0/24", owner="vm-7"),
        world.allocate("10.8.0.0/24", owner="vm-7", address="10.8.0.9", sticky_key="a"),
        world.allocate("fd00:9::/64", owner="vm-7", labels={"a": "b"}),
    ]
    other = world.allocate("10.8.0.0/24", owner="vm-70")
    released = world.ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner="vm-7")).allocations
    assert sorted(released, key=str) == sorted(held, key=str)
    assert {**world.held(), **world.spare.held()} == {other.address: "vm-70"}
    assert world.subnets() == ["10.7.0.0/24", "10.8.0.0/24"]


def test_releasing_an_owner_without_addresses_succeeds(world: World) -> None:
    world.allocate(owner="vm-7")
    before = world.state()
    assert world.release_owner("vm-8") == []
    assert world.state() == before


@pytest.mark.parametrize(
    "owner", ["", "endpoint:", "endpoint:1", "network:1", "a\n", "a" * 256, LONG], ids=shown
)
def test_an_owner_is_refused(furnished_world: World, owner: str) -> None:
    check(furnished_world, "ReleaseOwner", {"owner": owner}, ["owner"])


def test_releasing_an_empty_owner_is_refused(world: World) -> None:
    world.allocate()
    before = world.state()
    assert refusal(world.ipam.ReleaseOwner, ipam_pb2.ReleaseOwnerRequest()).faults == ["owner"]
    assert world.state() == before


def test_releasing_an_owner_succeeds_although_a_subnet_cannot_be_dropped(world: World) -> None:
    for subnet in ("10.8.0.0/24", "10.9.0.0/24"):
        world.allocate(subnet, owner="vm-7")
    with world.broken_write(times=1):
        assert len(world.release_owner("vm-7")) == 2
    assert world.held() == {}
    assert world.subnets() == ["10.8.0.0/24"]


def test_subnets_of_one_backend_are_dropped_although_another_backend_fails(world: World) -> None:
    world.create_subnet("10.7.0.0/24", backend="spare")
    world.allocate("10.7.0.0/24", owner="vm-7")
    world.allocate(owner="vm-7")
    world.spare.trouble.fail("release_owner", StoreUnavailable("the disk is full"))
    refused = refusal(world.ipam.ReleaseOwner, ipam_pb2.ReleaseOwnerRequest(owner="vm-7"))
    assert refused.short == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert world.subnets() == ["10.7.0.0/24"]
    assert world.release_owner("vm-7") == ["10.7.0.1"]

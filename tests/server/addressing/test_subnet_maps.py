"""GetSubnetMap: how full each part of a subnet is."""

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.server.addressing import subnets
from mynet.v1 import ipam_pb2
from tests.server.support.refusals import refusal
from tests.server.support.stack import Stack
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def ask(world: World | Stack, subnet: str, length: int = 0) -> ipam_pb2.GetSubnetMapResponse:
    request = ipam_pb2.GetSubnetMapRequest(subnet=subnet, part_prefix_length=length)
    return world.ipam.GetSubnetMap(request)


def parts(answer: ipam_pb2.GetSubnetMapResponse) -> list[tuple[str, int, int]]:
    return [(part.cidr, part.allocated, part.cooling) for part in answer.parts]


def test_a_map_has_the_subnet_and_its_parts_that_are_not_empty(world: World) -> None:
    world.create_subnet(cooldown=Duration(seconds=30), reserved=["10.9.0.128"])
    for address in ("10.9.0.1", "10.9.0.2", "10.9.0.66", "10.9.0.200"):
        world.allocate(address=address)
    world.release(NINE, "10.9.0.2")
    world.release(NINE, "10.9.0.200")
    answer = ask(world, "10.9.0.77/24", 26)
    assert answer.subnet == world.subnet(NINE)
    assert answer.part_prefix_length == 26
    assert parts(answer) == [
        ("10.9.0.0/26", 1, 1),
        ("10.9.0.64/26", 1, 0),
        ("10.9.0.192/26", 0, 1),
    ]


def test_the_map_of_an_empty_subnet_has_no_parts(world: World) -> None:
    world.create_subnet()
    assert parts(ask(world, NINE)) == []


@pytest.mark.parametrize(
    ("subnet", "length"),
    [
        ("10.9.0.0/24", 32),
        ("10.9.0.0/16", 24),
        ("10.0.0.0/8", 16),
        ("0.0.0.0/0", 8),
        ("10.9.0.0/28", 32),
        ("10.9.0.7/32", 32),
        ("fd00:9::/64", 116),
        ("fd00:9::/116", 116),
        ("fd00:9::/120", 120),
        ("fd00:9::7/128", 128),
        ("::/0", 116),
    ],
)
def test_the_size_of_the_parts_follows_from_the_subnet(
    world: World, subnet: str, length: int
) -> None:
    world.create_subnet(subnet)
    held = world.allocate(subnet)
    answer = ask(world, subnet)
    assert answer.part_prefix_length == length
    [(cidr, allocated, cooling)] = parts(answer)
    assert cidr.endswith(f"/{length}")
    assert (allocated, cooling) == (1, 0)
    assert held.subnet == subnet


@pytest.mark.parametrize("length", [24, 25, 31, 32])
def test_parts_may_be_as_small_as_an_address_and_as_large_as_the_subnet(
    world: World, length: int
) -> None:
    world.create_subnet()
    world.allocate_batch(count=3)
    answer = ask(world, NINE, length)
    assert answer.part_prefix_length == length
    assert sum(part.allocated for part in answer.parts) == 3


def test_too_many_parts_are_replaced_by_larger_ones(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subnets, "MAX_PARTS", 16)
    stack.allocate_batch(NINE, count=16)
    answer = ask(stack, NINE, 32)
    assert (answer.part_prefix_length, len(answer.parts)) == (32, 16)
    stack.allocate_batch(NINE, count=32)
    answer = ask(stack, NINE, 32)
    assert (answer.part_prefix_length, len(answer.parts)) == (28, 4)
    assert sum(part.allocated for part in answer.parts) == 48
    assert ask(stack, NINE, 28) == answer


def test_a_subnet_that_is_not_registered_has_no_map(still_world: World) -> None:
    request = ipam_pb2.GetSubnetMapRequest(subnet=NINE)
    refused = refusal(still_world.ipam.GetSubnetMap, request)
    assert refused.short == ("NOT_FOUND", "SUBNET_NOT_FOUND")


def test_a_network_shows_in_the_map_of_its_subnet(world: World) -> None:
    world.network("web", "10.1.0.0/24")
    world.connect("c1")
    answer = ask(world, "10.1.0.0/24")
    assert answer.subnet.network == "web"
    assert parts(answer) == [("10.1.0.1/32", 1, 0), ("10.1.0.2/32", 1, 0)]

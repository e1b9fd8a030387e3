"""A container that comes back gets its old addresses, which no other container has had."""

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.drivers.errors import KernelError
from mynet.server.model.subnets import Defaults
from mynet.v1 import ipam_pb2
from tests.server.support.daemon import POOLS
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World

WEB = ("10.1.0.0/29", "fd00:1::/64")


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A world in which addresses cool down, and containers c1 to c9 have sandboxes."""
    made = make_world(defaults=Defaults(POOLS, cooldown=30.0, retention=3600.0))
    for number in range(1, 10):
        made.sandbox(f"c{number}")
    made.network("web", *WEB)
    return made


def join(world: World, name: str, **fields: str) -> list[str]:
    return list(world.connect(name, netns_name=name, **fields).addresses)


def test_a_container_that_connects_again_gets_its_old_addresses(world: World) -> None:
    first, second = join(world, "c1"), join(world, "c2")
    world.disconnect("c1")
    world.disconnect("c2")
    world.sandbox("c1")
    world.sandbox("c2")
    assert (join(world, "c2"), join(world, "c1")) == (second, first)


def test_no_other_container_gets_the_addresses_meanwhile(world: World) -> None:
    first = join(world, "c1")
    world.disconnect("c1")
    others = [join(world, f"c{number}") for number in range(2, 6)]
    assert not set(first) & {address for other in others for address in other}
    refused = refusal(world.net.Connect, connect("c6", netns_name="c6"))
    assert refused.short == ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED")
    assert refused.details["RetryInfo"].retry_delay.ToSeconds() == 30
    assert join(world, "c1") == first


def test_an_unclaimed_address_is_allocated_to_others_in_the_end(world: World) -> None:
    first = join(world, "c1")
    world.disconnect("c1")
    for number in range(2, 6):
        join(world, f"c{number}")
    world.clock.advance(30)
    assert join(world, "c6")[0] == first[0]
    world.disconnect("c2")
    world.clock.advance(30)
    assert join(world, "c1")[0] != first[0]


def test_after_the_retention_the_old_addresses_are_not_preferred(world: World) -> None:
    first = join(world, "c1")
    world.disconnect("c1")
    world.clock.advance(3600)
    assert not set(join(world, "c1")) & set(first)


def test_each_network_and_each_interface_has_addresses_of_its_own(world: World) -> None:
    world.network("api", "10.2.0.0/24")
    before = {
        (network, interface): join(world, "c1", network=network, interface=interface)
        for network in ("web", "api")
        for interface in ("lan0", f"lan-{network}")
        if (network, interface) != ("api", "lan0")
    }
    world.disconnect("c1")
    after = {
        (network, interface): join(world, "c1", network=network, interface=interface)
        for network, interface in reversed(before)
    }
    assert after == before


def test_the_key_is_that_of_network_container_and_interface(world: World) -> None:
    join(world, "c1")
    request = ipam_pb2.ListAllocationsRequest(subnet="10.1.0.0/29")
    held = world.ipam.ListAllocations(request).allocations
    assert [each.sticky_key for each in held] == ["", "web/c1/eth0"]


def test_an_endpoint_without_a_sandbox_gets_its_old_addresses(world: World) -> None:
    first = list(world.connect("vm-1").addresses)
    world.connect("vm-2")
    world.disconnect("vm-1")
    assert list(world.connect("vm-1").addresses) == first


def test_a_container_that_names_another_address_keeps_that_one(world: World) -> None:
    join(world, "c1")
    world.disconnect("c1")
    asked = world.connect("c1", netns_name="c1", addresses=["10.1.0.5"])
    assert asked.addresses[0] == "10.1.0.5/29"
    world.disconnect("c1")
    assert join(world, "c1")[0] == "10.1.0.5/29"


def test_a_cooling_address_is_given_to_the_container_that_names_it(world: World) -> None:
    first = join(world, "c1")
    world.disconnect("c1")
    bare = first[0].partition("/")[0]
    assert world.connect("c2", netns_name="c2", addresses=[bare]).addresses[0] == first[0]
    assert join(world, "c1")[0] != first[0]


def test_an_address_that_was_reserved_meanwhile_does_not_come_back(world: World) -> None:
    world.create_subnet("10.3.0.0/29")
    world.network("api", "10.3.0.0/29")
    first = join(world, "c1", network="api")
    world.delete("api", force=True)
    world.delete_subnet("10.3.0.0/29")
    world.create_subnet("10.3.0.0/29", reserved=[first[0].partition("/")[0]])
    world.network("api", "10.3.0.0/29")
    assert join(world, "c1", network="api") != first


def test_a_connect_that_failed_gets_the_same_addresses_when_it_is_made_again(world: World) -> None:
    first = join(world, "c1")
    world.disconnect("c1")
    world.driver.trouble.fail("connect", KernelError("no"))
    refusal(world.net.Connect, connect("c1", netns_name="c1"))
    assert join(world, "c1") == first


def test_retention_0_of_the_subnet_makes_its_addresses_not_sticky(world: World) -> None:
    subnet = {"cidr": "10.3.0.0/24", "retention": Duration(), "cooldown": Duration()}
    world.network("api", subnets=[subnet])
    first = join(world, "c1", network="api")
    world.disconnect("c1")
    assert join(world, "c1", network="api") != first


def test_an_address_is_remembered_by_the_next_daemon(
    make_world: Callable[..., World], world: World
) -> None:
    first = join(world, "c1")
    world.disconnect("c1")
    world.close()
    again = make_world()
    again.sandbox("c1")
    assert join(again, "c1") == first


def test_the_subnet_that_remembers_the_container_goes_first(
    world: World,
) -> None:
    world.network("lan", "10.2.0.0/30", "10.3.0.0/24")
    first = join(world, "c1", network="lan")
    second = join(world, "c2", network="lan")
    assert (first, second) == (["10.2.0.2/30"], ["10.3.0.2/24"])
    for name in ("c1", "c2"):
        world.disconnect(name)
    world.clock.advance(30)  # both have room again
    assert join(world, "c2", network="lan") == second
    assert join(world, "c1", network="lan") == first

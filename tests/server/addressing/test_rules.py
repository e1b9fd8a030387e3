"""The rules of a subnet: range, reservations, cooldown, retention; and the defaults."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.server.model.subnets import Defaults
from tests.server.support.daemon import POOLS
from tests.server.support.refusals import refusal, unpacked
from tests.server.support.requests import allocate, connect, create, create_subnet
from tests.server.support.world import World

NINE = "10.9.0.0/29"  # 10.9.0.1 to 10.9.0.6
LONG, SHORT = Duration(seconds=30), Duration(nanos=250_000_000)

Make = Callable[[World, dict[str, Any]], None]


def as_network(world: World, rules: dict[str, Any]) -> None:
    world.network("web", subnets=[{"cidr": NINE, "gateway": "10.9.0.6", **rules}])


def as_subnet(world: World, rules: dict[str, Any]) -> None:
    world.create_subnet(NINE, **rules)
    world.allocate(NINE, owner="gateway", address="10.9.0.6")


@pytest.fixture(params=[as_network, as_subnet])
def make(request: pytest.FixtureRequest) -> Make:
    """Make a subnet with rules, in which 10.9.0.6 is held."""
    made: Make = request.param
    return made


def given(world: World) -> list[str]:
    """Allocate all that is left."""
    found: list[str] = []
    while True:
        try:
            found.append(world.allocate(NINE).address)
        except grpc.RpcError as error:
            if unpacked(error).reason == "SUBNET_EXHAUSTED":
                return found
            raise


def test_a_range_limits_chosen_addresses_and_not_named_ones(world: World, make: Make) -> None:
    make(world, {"range": "10.9.0.3-10.9.0.4"})
    assert given(world) == ["10.9.0.3", "10.9.0.4"]
    refused = refusal(world.ipam.AllocateAddress, allocate(NINE))
    assert refused.short == ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED")
    assert world.allocate(NINE, address="10.9.0.1").address == "10.9.0.1"
    assert world.allocate(NINE, address="10.9.0.5").address == "10.9.0.5"


def test_what_is_free_is_what_can_be_chosen(world: World, make: Make) -> None:
    make(world, {"range": "10.9.0.3-10.9.0.4"})
    before = world.subnet(NINE).usage
    assert before.capacity == before.allocated + before.reserved + before.free
    for left in range(before.free, 0, -1):
        assert world.subnet(NINE).usage.free == left
        world.allocate(NINE)
    assert world.subnet(NINE).usage.free == 0
    assert given(world) == []


@pytest.mark.parametrize(
    "rules",
    [
        {"range": "10.9.0.0"},
        {"range": "10.9.0.7"},
        {"range": "10.9.0.2-10.9.0.4", "reserved": ["10.9.0.4", "10.9.0.2/31"]},
    ],
)
def test_a_range_without_an_address_to_choose_is_refused(
    world: World, rules: dict[str, Any]
) -> None:
    for method, request, field in (
        (world.ipam.CreateSubnet, create_subnet(NINE, **rules), "subnet.range"),
        (
            world.net.CreateNetwork,
            create("new", subnets=[{"cidr": NINE, **rules}]),
            "network.subnets[0].range",
        ),
    ):
        refused = refusal(method, request)
        assert refused.faults == [field]
        assert "from 10.9.0.1 to 10.9.0.6 that are not reserved" in refused.message


@pytest.mark.parametrize("gateway", ["", "10.9.0.1"])
def test_a_range_of_the_gateway_alone_is_refused(world: World, gateway: str) -> None:
    subnet = {"cidr": NINE, "range": "10.9.0.1", "gateway": gateway}
    refused = refusal(world.net.CreateNetwork, create("new", subnets=[subnet]))
    assert refused.faults == ["network.subnets[0].range"]
    subnet["gateway"] = "10.9.0.2"
    world.net.CreateNetwork(create("new", subnets=[subnet]))


def test_a_reserved_address_is_neither_chosen_nor_given_by_name(world: World, make: Make) -> None:
    make(world, {"reserved": ["10.9.0.1", "10.9.0.4/31"]})
    before = world.state()
    for address in ("10.9.0.1", "10.9.0.4", "10.9.0.5"):
        refused = refusal(world.ipam.AllocateAddress, allocate(NINE, address=address))
        assert refused.short == ("FAILED_PRECONDITION", "ADDRESS_RESERVED")
        assert address in refused.message
    assert world.state() == before
    assert given(world) == ["10.9.0.2", "10.9.0.3"]


def test_endpoints_get_addresses_by_the_rules(world: World) -> None:
    as_network(world, {"range": "10.9.0.2-10.9.0.4", "reserved": ["10.9.0.2"]})
    assert world.connect("c1").addresses == ["10.9.0.3/29"]
    assert world.connect("c2", addresses=["10.9.0.5"]).addresses == ["10.9.0.5/29"]
    before = world.state()
    refused = refusal(world.net.Connect, connect("c3", addresses=["10.9.0.2"]))
    assert refused.short == ("FAILED_PRECONDITION", "ADDRESS_RESERVED")
    assert world.state() == before
    assert world.connect("c3").addresses == ["10.9.0.4/29"]
    assert refusal(world.net.Connect, connect("c4")).reason == "SUBNET_EXHAUSTED"


def test_a_released_address_is_not_allocated_again_during_its_cooldown(
    world: World, make: Make
) -> None:
    make(world, {"cooldown": LONG})
    taken = given(world)
    world.release(NINE, taken[2])
    world.clock.advance(10)
    world.release(NINE, taken[0])
    assert world.subnet(NINE).usage.cooling == 2
    refused = refusal(world.ipam.AllocateAddress, allocate(NINE))
    assert refused.short == ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED")
    assert refused.kinds == {"QuotaFailure", "RetryInfo"}
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 20_000
    world.clock.advance(19.5)
    refused = refusal(world.ipam.AllocateAddress, allocate(NINE))
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 500
    world.clock.advance(0.5)
    assert world.allocate(NINE).address == taken[2]
    refused = refusal(world.ipam.AllocateAddress, allocate(NINE))
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 10_000


def test_a_full_subnet_without_a_cooling_address_names_no_time(world: World, make: Make) -> None:
    make(world, {"cooldown": LONG})
    given(world)
    assert refusal(world.ipam.AllocateAddress, allocate(NINE)).kinds == {"QuotaFailure"}


def test_an_address_in_cooldown_is_given_by_name(world: World, make: Make) -> None:
    make(world, {"cooldown": LONG})
    taken = given(world)
    world.release(NINE, taken[1])
    assert world.allocate(NINE, address=taken[1], owner="vm-7").address == taken[1]


def test_with_cooldown_0_an_address_is_allocated_again_at_once(world: World, make: Make) -> None:
    make(world, {"cooldown": Duration()})
    taken = given(world)
    world.release(NINE, taken[1])
    assert world.subnet(NINE).usage.cooling == 0
    assert world.allocate(NINE).address == taken[1]


def test_a_sticky_key_leads_back_until_its_retention_is_over(world: World, make: Make) -> None:
    make(world, {"retention": LONG})
    first = world.allocate(NINE, owner="run-1", sticky_key="db")
    assert first.sticky_key == "db"
    for run, seconds in (("run-1", 29), ("run-2", 29.5)):
        world.release_owner(run)
        world.clock.advance(seconds)
        other = world.allocate(NINE, sticky_key="web")
        assert other.address != first.address
        back = world.allocate(NINE, owner=f"run-{int(run[-1]) + 1}", sticky_key="db")
        assert back.address == first.address
        world.release(NINE, other.address)
    world.release_owner("run-3")
    world.clock.advance(30.0)
    assert world.allocate(NINE, owner="run-4", sticky_key="db").address != first.address


def test_retention_0_remembers_nothing(world: World, make: Make) -> None:
    make(world, {"retention": Duration()})
    first = world.allocate(NINE, owner="run-1", sticky_key="db")
    world.release_owner("run-1")
    assert world.allocate(NINE, owner="run-2", sticky_key="db").address != first.address


def test_labels_are_kept_with_an_allocation(world: World, make: Make) -> None:
    make(world, {})
    labels = {"rack": "b7", "röt": "", "a": "x" * 4096}
    made = world.allocate(NINE, owner="vm-7", labels=labels)
    assert dict(made.labels) == labels
    assert world.allocate(NINE, owner="vm-7") == made


# --- defaults ---------------------------------------------------------------------------------


@pytest.fixture
def with_defaults(make_world: Callable[..., World]) -> World:
    return make_world(defaults=Defaults(POOLS, cooldown=5.0, retention=50.0))


def test_the_daemons_defaults_hold_for_a_subnet_without_rules(with_defaults: World) -> None:
    with_defaults.create_subnet("10.8.0.0/24")
    with_defaults.network("web", "10.7.0.0/24")
    with_defaults.allocate("10.6.0.0/24")
    for cidr in ("10.8.0.0/24", "10.7.0.0/24", "10.6.0.0/24"):
        subnet = with_defaults.subnet(cidr)
        assert (subnet.cooldown.ToSeconds(), subnet.retention.ToSeconds()) == (5, 50)


def test_the_defaults_apply_to_allocations(with_defaults: World, make: Make) -> None:
    make(with_defaults, {})
    taken = given(with_defaults)
    with_defaults.release(NINE, taken[0])
    refused = refusal(with_defaults.ipam.AllocateAddress, allocate(NINE))
    assert refused.details["RetryInfo"].retry_delay.ToSeconds() == 5


def test_a_rule_of_0_overrides_the_default(with_defaults: World, make: Make) -> None:
    make(with_defaults, {"cooldown": Duration(), "retention": SHORT})
    subnet = with_defaults.subnet(NINE)
    assert (subnet.cooldown, subnet.retention) == (Duration(), SHORT)
    taken = given(with_defaults)
    with_defaults.release(NINE, taken[0])
    assert with_defaults.allocate(NINE).address == taken[0]


def test_changed_defaults_hold_for_existing_subnets_without_rules(
    make_world: Callable[..., World],
) -> None:
    first = make_world(defaults=Defaults(POOLS, cooldown=5.0, retention=50.0))
    first.create_subnet(NINE)
    first.create_subnet("10.8.0.0/24", cooldown=LONG)
    first.close()
    second = make_world(defaults=Defaults(POOLS, cooldown=7.0, retention=70.0))
    assert second.subnet(NINE).cooldown.ToSeconds() == 7
    assert second.subnet("10.8.0.0/24").cooldown.ToSeconds() == 30

"""Which addresses an endpoint gets, named or chosen, and from which owner."""

from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World


@pytest.fixture(autouse=True)
def web(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ([], ["10.1.0.2/24", "fd00:1::2/64"]),
        (["10.1.0.9"], ["10.1.0.9/24", "fd00:1::2/64"]),
        (["10.1.0.9/24"], ["10.1.0.9/24", "fd00:1::2/64"]),
        (["FD00:1:0::0:9"], ["10.1.0.2/24", "fd00:1::9/64"]),
        (["fd00:1::9/64", "10.1.0.9"], ["10.1.0.9/24", "fd00:1::9/64"]),
        (["10.1.0.9", "10.1.0.10"], ["10.1.0.9/24", "10.1.0.10/24", "fd00:1::2/64"]),
    ],
)
def test_a_family_that_is_not_named_gets_any_address(
    world: World, asked: list[str], given: list[str]
) -> None:
    assert world.connect("c1", addresses=asked).addresses == given


def test_the_next_subnet_of_a_family_serves_when_the_first_is_full(world: World) -> None:
    world.network("two", "10.8.0.0/30", "10.9.0.0/24")
    endpoints = [world.connect(f"c{number}", network="two") for number in range(3)]
    assert [list(each.addresses) for each in endpoints] == [
        ["10.8.0.2/30"],
        ["10.9.0.2/24"],
        ["10.9.0.3/24"],
    ]
    assert [list(each.gateways) for each in endpoints] == [
        ["10.8.0.1"],
        ["10.9.0.1"],
        ["10.9.0.1"],
    ]


def test_there_is_one_gateway_a_family_that_of_the_first_address(world: World) -> None:
    world.network("two", "10.8.0.0/24", "10.9.0.0/24")
    endpoint = world.connect("c1", network="two", addresses=["10.9.0.7", "10.8.0.7"])
    assert endpoint.addresses == ["10.9.0.7/24", "10.8.0.7/24"]
    assert endpoint.gateways == ["10.9.0.1"]


@pytest.mark.parametrize(
    ("addresses", "short", "named"),
    [
        (["10.1.0.1"], ("ALREADY_EXISTS", "ADDRESS_IN_USE"), "10.1.0.1"),
        (["10.1.0.3"], ("ALREADY_EXISTS", "ADDRESS_IN_USE"), "10.1.0.3"),
        (["10.1.0.0"], ("FAILED_PRECONDITION", "ADDRESS_RESERVED"), "10.1.0.0"),
        (["10.1.0.255"], ("FAILED_PRECONDITION", "ADDRESS_RESERVED"), "10.1.0.255"),
        (["fd00:1::"], ("FAILED_PRECONDITION", "ADDRESS_RESERVED"), "fd00:1::"),
        (["10.2.0.9"], ("OUT_OF_RANGE", "ADDRESS_OUT_OF_RANGE"), "10.2.0.9"),
        (["10.1.0.9", "fd00:2::9"], ("OUT_OF_RANGE", "ADDRESS_OUT_OF_RANGE"), "fd00:2::9"),
        (["10.1.0.9", "10.1.0.3"], ("ALREADY_EXISTS", "ADDRESS_IN_USE"), "10.1.0.3"),
    ],
)
def test_an_unavailable_address_is_refused(
    world: World, addresses: list[str], short: tuple[str, str], named: str
) -> None:
    world.connect("c0", addresses=["10.1.0.3"])
    before = world.state()
    refused = refusal(world.net.Connect, connect(addresses=addresses))
    assert refused.short == short
    assert named in refused.message
    assert world.state() == before


def test_a_prefix_length_must_be_that_of_the_subnet(world: World) -> None:
    before = world.state()
    asked = ["10.1.0.9/25", "10.1.0.10/24", "fd00:1::9/128"]
    refused = refusal(world.net.Connect, connect(addresses=asked))
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.faults == ["addresses[0]", "addresses[2]"]
    assert world.state() == before


def test_a_full_subnet_is_refused(world: World) -> None:
    world.network("tiny", "10.8.0.0/30")
    world.connect("c0", network="tiny")
    before = world.state()
    refused = refusal(world.net.Connect, connect(network="tiny"))
    assert refused.short == ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED")
    assert world.state() == before


OWNED: dict[str, Any] = {"addresses": ["10.1.0.9"], "address_owner": "vm-7"}


def test_an_address_is_taken_over_from_its_owner(world: World) -> None:
    world.allocate("10.1.0.0/24", address="10.1.0.9", owner="vm-7")
    endpoint = world.connect("c1", **OWNED)
    assert world.held()["10.1.0.9"] == f"endpoint:{endpoint.id}"


def test_an_address_owner_that_does_not_hold_the_address_changes_nothing(world: World) -> None:
    assert "10.1.0.9/24" in world.connect("c1", **OWNED).addresses


def test_an_address_of_another_owner_is_not_taken_over(world: World) -> None:
    world.allocate("10.1.0.0/24", address="10.1.0.9", owner="vm-8")
    before = world.state()
    refused = refusal(world.net.Connect, connect(**OWNED))
    assert refused.reason == "ADDRESS_IN_USE"
    assert refused.details["ResourceInfo"].owner == "vm-8"
    assert world.state() == before


def test_an_address_of_another_endpoint_is_not_taken_over(world: World) -> None:
    other = world.connect("c0", addresses=["10.1.0.9"])
    asked = connect(addresses=["10.1.0.9"], address_owner=f"endpoint:{other.id}")
    assert refusal(world.net.Connect, asked).faults == ["address_owner"]


def test_an_address_taken_over_goes_back_when_the_connect_fails(world: World) -> None:
    world.allocate("10.1.0.0/24", address="10.1.0.9", owner="vm-7")
    before = world.held()
    world.driver.trouble.fail("connect", KernelError("no"))
    refusal(world.net.Connect, connect(**OWNED))
    assert world.held() == before


def test_an_address_that_was_free_does_not_go_to_the_owner_when_the_connect_fails(
    world: World,
) -> None:
    before = world.held()
    world.driver.trouble.fail("connect", KernelError("no"))
    refusal(world.net.Connect, connect(**OWNED))
    assert world.held() == before


def test_an_address_taken_over_is_free_after_disconnecting(world: World) -> None:
    before = world.held()
    world.allocate("10.1.0.0/24", address="10.1.0.9", owner="vm-7")
    world.connect("c1", **OWNED)
    world.disconnect("c1")
    assert world.held() == before

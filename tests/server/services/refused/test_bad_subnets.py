"""Requests of subnets that are refused with all violations, and change nothing."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.server.model.subnets import MAX_SPANS
from tests.server.support.refusals import check, refusal
from tests.server.support.requests import LONG, create, create_subnet, shown
from tests.server.support.world import World

NINE = "10.99.0.0/24"


def refused_both_ways(world: World, fields: dict[str, Any], faults: list[str]) -> None:
    """Ask for a registered subnet, and for one like it with a network."""
    check(world, "CreateSubnet", {"subnet": fields}, [f"subnet.{fault}" for fault in faults])
    before = world.state()
    refused = refusal(world.net.CreateNetwork, create("new", subnets=[fields]))
    assert refused.faults == [f"network.subnets[0].{fault}" for fault in faults]
    assert world.state() == before


@pytest.mark.parametrize(
    "cidr",
    [
        *("banana", LONG, "10.2.0.0", "10.2.0/24", "10.2.0.0/33", "10.2.0.0/-1", "10.2.0.0/"),
        *(" 10.2.0.0/24", "fd00:2::/129", "fd00:2::1%eth0/64", "10.2.0.0/24/24", "1.2.3.4.5/8"),
    ],
    ids=shown,
)
def test_a_cidr_is_refused(furnished_world: World, cidr: str) -> None:
    check(furnished_world, "CreateSubnet", {"subnet": {"cidr": cidr}}, ["subnet.cidr"])


def test_a_gateway_without_a_network_is_refused(furnished_world: World) -> None:
    fields = {"subnet": {"cidr": NINE, "gateway": "10.99.0.1"}}
    check(furnished_world, "CreateSubnet", fields, ["subnet.gateway"])


@pytest.mark.parametrize("backend", ["a\n", LONG], ids=shown)
def test_a_backends_name_is_refused(furnished_world: World, backend: str) -> None:
    check(
        furnished_world,
        "CreateSubnet",
        {"subnet": {"cidr": NINE}, "backend": backend},
        ["backend"],
    )


SPANS = [
    *("", "banana", LONG, "10.99.0.", "10.99.0.256", "10.99.0.0/33", "10.99.0.9-10.99.0.5"),
    *(
        "10.99.0.5-",
        "-10.99.0.5",
        "10.99.0.5-fd00::1",
        "10.99.0.5-10.99.0.6-10.99.0.7",
        "fe80::1%a",
    ),
    *("10.98.0.1", "10.99.0.250-10.99.1.3", "10.98.0.0/24", "10.99.0.0/23", "fd00::1", "::/0"),
]


@pytest.mark.parametrize("span", SPANS, ids=shown)
def test_a_reservation_is_refused(furnished_world: World, span: str) -> None:
    fields = {"cidr": NINE, "reserved": ["10.99.0.7", span]}
    refused_both_ways(furnished_world, fields, ["reserved[1]"])


@pytest.mark.parametrize("span", SPANS[1:], ids=shown)
def test_a_range_is_refused(furnished_world: World, span: str) -> None:
    refused_both_ways(furnished_world, {"cidr": NINE, "range": span}, ["range"])


def test_too_many_reservations_are_refused(furnished_world: World) -> None:
    fields = {"cidr": NINE, "reserved": ["10.99.0.7"] * (MAX_SPANS + 1)}
    refused_both_ways(furnished_world, fields, ["reserved"])


@pytest.mark.parametrize("field", ["cooldown", "retention"])
@pytest.mark.parametrize(
    "duration",
    [
        Duration(seconds=-1),
        Duration(nanos=-1),
        Duration(seconds=315_360_001),
        Duration(seconds=2**62),
    ],
    ids=["-1", "-0", "long", "longer"],
)
def test_a_time_is_refused(furnished_world: World, field: str, duration: Duration) -> None:
    refused_both_ways(furnished_world, {"cidr": NINE, field: duration}, [field])


@pytest.mark.parametrize("cidr", ["0.0.0.0/26", "::/80"])
def test_rules_with_addresses_need_a_subnet_with_a_cidr(furnished_world: World, cidr: str) -> None:
    fields = {"cidr": cidr, "range": "10.1.0.0/25", "reserved": ["fd00::1"]}
    refused_both_ways(furnished_world, fields, ["range", "reserved[0]"])


@pytest.mark.parametrize(
    ("cidr", "gateway", "reserved"),
    [
        (NINE, "10.99.0.9", "10.99.0.0/28"),
        ("10.99.0.9/24", "", "10.99.0.9"),
        ("fd00:99::9/64", "", "fd00:99::-fd00:99::ffff"),
    ],
)
def test_a_reserved_gateway_is_refused(
    furnished_world: World, cidr: str, gateway: str, reserved: str
) -> None:
    before = furnished_world.state()
    subnet = {"cidr": cidr, "gateway": gateway, "reserved": [reserved]}
    refused = refusal(furnished_world.net.CreateNetwork, create("new", subnets=[subnet]))
    assert refused.faults == ["network.subnets[0].reserved"]
    assert furnished_world.state() == before


def test_a_gateway_needs_a_subnet_with_a_cidr(furnished_world: World) -> None:
    before = furnished_world.state()
    subnet = {"cidr": "0.0.0.0/26", "gateway": "10.192.0.1"}
    refused = refusal(furnished_world.net.CreateNetwork, create("new", subnets=[subnet]))
    assert refused.faults == ["network.subnets[0].gateway"]
    assert furnished_world.state() == before


def test_all_violations_of_a_subnet_are_reported(furnished_world: World) -> None:
    fields = {
        "cidr": "banana",
        "range": "x",
        "reserved": ["y", "10.99.0.1"],
        "cooldown": Duration(seconds=-1),
        "retention": Duration(seconds=-1),
    }
    faults = ["cidr", "range", "reserved[0]", "cooldown", "retention"]
    refused_both_ways(furnished_world, fields, faults)
    request = create_subnet("banana", backend="a\n", gateway="10.1.0.1", range="x")
    refused = refusal(furnished_world.ipam.CreateSubnet, request)
    assert refused.faults == ["subnet.cidr", "subnet.gateway", "subnet.range", "backend"]


@pytest.mark.parametrize("subnet", ["", "banana", "10.9.0.0", LONG], ids=shown)
def test_a_subnet_to_delete_or_to_map_is_refused(furnished_world: World, subnet: str) -> None:
    for missing in (False, True):
        fields = {"subnet": subnet, "allow_missing": missing}
        check(furnished_world, "DeleteSubnet", fields, ["subnet"])
    check(
        furnished_world, "GetSubnetMap", {"subnet": subnet, "part_prefix_length": 999}, ["subnet"]
    )


@pytest.mark.parametrize(
    ("subnet", "length"),
    [("10.9.0.0/24", 23), ("10.9.0.0/24", 33), ("10.9.0.0/24", 2**32 - 1), ("fd00::/64", 129)],
)
def test_parts_of_an_impossible_size_are_refused(
    furnished_world: World, subnet: str, length: int
) -> None:
    fields = {"subnet": subnet, "part_prefix_length": length}
    check(furnished_world, "GetSubnetMap", fields, ["part_prefix_length"])

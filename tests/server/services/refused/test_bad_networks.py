"""Requests of networks that are refused with all violations, and change nothing."""

from typing import Any

import pytest

from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal, require_violations
from tests.server.support.requests import LONG, create, shown
from tests.server.support.stack import Stack
from tests.server.support.world import World


def subnets(*cidrs: str, **gateway: str) -> dict[str, Any]:
    return {"subnets": [{"cidr": cidr, **gateway} for cidr in cidrs]}


def check(world: World, fields: dict[str, Any], faults: list[str]) -> None:
    require_violations(world, world.net.CreateNetwork, create(**{"name": "new", **fields}), faults)


def test_a_name_is_required(furnished_world: World) -> None:
    request = network_pb2.CreateNetworkRequest()
    refused = refusal(furnished_world.net.CreateNetwork, request)
    assert refused.faults == ["network.name"]


@pytest.mark.parametrize(
    "name", ["", "-a", ".a", "a b", "a/b", "a\n", "a\0", "ü", "a" * 64, LONG], ids=shown
)
def test_a_name_is_refused(furnished_world: World, name: str) -> None:
    check(furnished_world, {"name": name}, ["network.name"])


@pytest.mark.parametrize("field", ["driver", "ipam"])
@pytest.mark.parametrize("value", ["a\nb", "a\0", LONG], ids=shown)
def test_a_plugins_name_is_refused(furnished_world: World, field: str, value: str) -> None:
    check(furnished_world, {field: value}, [f"network.{field}"])


@pytest.mark.parametrize(
    "cidr",
    [
        *("", "banana", LONG, "10.2.0.0", "10.2.0/24", "10.2.0.0/33", "10.2.0.0/-1", "10.2.0.0/"),
        *(" 10.2.0.0/24", "fd00:2::/129", "fd00:2::1%eth0/64", "10.2.0.0/24/24", "1.2.3.4.5/8"),
        *("224.1.0.0/16", "ff02::/64", "192.0.0.0/2", "fc00::/6"),  # multicast
        *("127.0.0.0/8", "127.1.0.0/16", "126.0.0.0/7", "::1/128"),  # loopback
        *("10.2.0.2/32", "fd00:2::2/128"),  # room for the gateway alone
        *("0.0.0.0/0", "::/0", "fe80::/64", "fe80::1/64", "fe00::/7"),
    ],
    ids=shown,
)
def test_a_subnet_is_refused(furnished_world: World, cidr: str) -> None:
    check(furnished_world, subnets(cidr), ["network.subnets[0].cidr"])


@pytest.mark.parametrize(
    ("cidr", "gateway", "faults"),
    [
        ("10.2.0.0/24", "224.0.0.1", ["gateway"]),
        ("10.2.0.0/24", "127.0.0.1", ["gateway"]),
        ("10.2.0.0/24", "fd00::1", ["gateway"]),
        ("10.2.0.0/24", "10.2.0.1/24", ["gateway"]),
        ("10.2.0.0/24", "banana", ["gateway"]),
        ("fd00:2::/64", "fe80::1%eth0", ["gateway"]),
        ("10.2.0.0/24", LONG, ["gateway"]),
        ("10.2.0.1/24", "10.2.0.2", ["gateway"]),
        ("10.2.0.1/24", "fd00::1", ["gateway", "gateway"]),
        ("banana", "banana", ["cidr", "gateway"]),
    ],
    ids=shown,
)
def test_a_gateway_is_refused(
    furnished_world: World, cidr: str, gateway: str, faults: list[str]
) -> None:
    paths = [f"network.subnets[0].{fault}" for fault in faults]
    check(furnished_world, subnets(cidr, gateway=gateway), paths)


@pytest.mark.parametrize(
    ("cidrs", "pairs"),
    [
        (["10.2.0.0/16", "10.2.3.0/24"], 1),
        (["10.2.0.0/24", "10.2.0.0/24"], 1),
        (["10.2.0.0/24", "10.2.0.1/25"], 1),
        (["fd00:2::/48", "10.2.0.0/24", "fd00:2::/64"], 1),
        (["10.2.0.0/16", "10.2.3.0/24", "10.2.3.4/30"], 3),
    ],
)
def test_subnets_that_overlap_each_other_are_refused(
    furnished_world: World, cidrs: list[str], pairs: int
) -> None:
    check(furnished_world, subnets(*cidrs), ["network.subnets"] * pairs)


def test_too_many_subnets_are_refused_at_once(furnished_world: World) -> None:
    many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(50_000)]
    check(furnished_world, subnets(*many), ["network.subnets"])


@pytest.mark.parametrize(
    ("mtu", "cidr"),
    [
        (67, "10.2.0.0/24"),
        (65536, "10.2.0.0/24"),
        (2**32 - 1, "10.2.0.0/24"),
        (1279, "fd00:2::/64"),
    ],
)
def test_an_mtu_is_refused(furnished_world: World, mtu: int, cidr: str) -> None:
    check(furnished_world, {"mtu": mtu, **subnets(cidr)}, ["network.mtu"])


@pytest.mark.parametrize(
    "name",
    ["a" * 16, "a b", "a/b", "a:b", ".", "..", "a*", "a\0", "a\n", "ü", LONG],
    ids=shown,
)
def test_a_device_name_is_refused(furnished_world: World, name: str) -> None:
    check(furnished_world, {"interface": name}, ["network.interface"])


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        ({"colour": "red"}, ["[colour]"]),
        ({"icc": "maybe"}, ["[icc]"]),
        ({"icc": ""}, ["[icc]"]),
        ({"ICC": "true", "colour": "red", "icc": "maybe"}, ["[ICC]", "[colour]", "[icc]"]),
        ({"icc": LONG}, ["", "[icc]"]),
        ({"": "true"}, ["", "[]"]),
    ],
    ids=shown,
)
def test_options_are_refused(
    furnished_world: World, options: dict[str, str], faults: list[str]
) -> None:
    check(furnished_world, {"options": options}, [f"network.options{fault}" for fault in faults])


def test_contradictory_options_are_reported_with_all_other_violations(stack: Stack) -> None:
    options = {
        "colour": "red",
        "gateway_mode_ipv4": "routed",
        "gateway_mode_ipv6": "routed",
        "icc": "maybe",
    }
    fields: dict[str, Any] = {"subnets": [], "internal": True, "masquerade": True}
    request = create("no name", options=options, **fields)
    refused = refusal(stack.net.CreateNetwork, request)
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    options_at_fault = ["colour", "icc", "gateway_mode_ipv4", "gateway_mode_ipv6"]
    paths = ["name", *(f"options[{key}]" for key in options_at_fault), "masquerade"]
    assert refused.faults == [f"network.{path}" for path in paths]


def test_defaults_contradict_no_options(stack: Stack) -> None:
    routed = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
    assert dict(stack.network("web", options=routed).options) == routed
    stack.network("api", "10.2.0.0/24", internal=True)


@pytest.mark.parametrize(
    "labels",
    [
        {str(number): "" for number in range(65)},
        {"": "a"},
        {"a\n": "b"},
        {"a" * 256: "b"},
        {LONG: "b"},
        {"a": "b" * 4097},
    ],
    ids=shown,
)
def test_labels_are_refused(furnished_world: World, labels: dict[str, str]) -> None:
    check(furnished_world, {"labels": labels}, ["network.labels"])


def test_all_violations_are_reported(furnished_world: World) -> None:
    fields = {
        "name": "no name",
        "driver": "a\n",
        "ipam": "b\n",
        "interface": "no device",
        "options": {"": ""},
        "labels": {"": ""},
        "mtu": 1,
        **subnets("10.2.0.0/33", gateway="10.2.0.256"),
    }
    paths = ["name", "driver", "ipam", "subnets[0].cidr", "subnets[0].gateway", "interface"]
    paths += ["options", "labels", "mtu", "options[]"]
    check(furnished_world, fields, [f"network.{path}" for path in paths])


def test_twenty_violations_are_listed_and_the_others_counted(furnished_world: World) -> None:
    request = create("new", *["banana"] * 30)
    refused = refusal(furnished_world.net.CreateNetwork, request)
    assert refused.faults == [f"network.subnets[{number}].cidr" for number in range(20)]
    assert "and 27 more" in refused.message


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a" * 63},
        {"name": "9.-_Z"},
        {"interface": "a" * 15},
        {"interface": "a.b-c_d@e"},
        {"mtu": 68},
        {"mtu": 65535},
        {"mtu": 1280, **subnets("fd00:2::/64")},
        {"labels": {str(number): "ü" * 4096 for number in range(64)}},
        {"labels": {"ü" * 255: ""}},
        subnets("10.2.0.4/30", "10.2.0.0/31", "fd00:2::/127"),
        subnets(*[f"10.2.{number}.0/24" for number in range(64)]),
    ],
    ids=shown,
)
def test_values_at_the_limits_are_accepted(world: World, fields: dict[str, Any]) -> None:
    assert world.network(**{"name": "new", **fields}).state == network_pb2.NETWORK_STATE_READY


@pytest.mark.parametrize(
    ("cidr", "reason"),
    [
        ("10.1.0.0/24", "SUBNET_OVERLAP"),
        ("10.1.0.128/25", "SUBNET_OVERLAP"),
        ("10.0.0.0/8", "SUBNET_OVERLAP"),
        ("fd00:1::2/127", "SUBNET_OVERLAP"),
        ("10.9.0.0/16", "SUBNET_OVERLAP"),
        ("10.2.0.255/24", "ADDRESS_RESERVED"),
    ],
)
def test_a_subnet_that_is_in_use_changes_nothing(
    furnished_world: World, cidr: str, reason: str
) -> None:
    before = furnished_world.state()
    refused = refusal(furnished_world.net.CreateNetwork, create("new", "192.0.2.0/24", cidr))
    assert refused.short == ("FAILED_PRECONDITION", reason)
    assert furnished_world.state() == before


@pytest.mark.parametrize("device", ["eth0", "lo", "br-web"])
def test_a_device_that_is_taken_changes_nothing(furnished_world: World, device: str) -> None:
    before = furnished_world.state()
    request = create("new", "10.7.0.0/24", interface=device)
    refused = refusal(furnished_world.net.CreateNetwork, request)
    assert refused.short == ("FAILED_PRECONDITION", "INTERFACE_EXISTS")
    assert device in refused.message
    assert furnished_world.state() == before

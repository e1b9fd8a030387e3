"""Requests of endpoints that are refused with all violations, and change nothing."""

from typing import Any

import pytest

from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import PortMapping
from tests.server.support.refusals import refusal, require_violations
from tests.server.support.requests import LONG, connect, shown
from tests.server.support.world import World

ONE_MAC = "02:00:00:00:00:01"


def check(world: World, fields: dict[str, Any], faults: list[str]) -> None:
    require_violations(world, world.net.Connect, connect(**{"container": "c2", **fields}), faults)


def test_network_and_container_are_required(furnished_world: World) -> None:
    check(furnished_world, {"container": "", "network": ""}, ["network", "container_id"])


@pytest.mark.parametrize("container", ["a\n", "a\0", "a" * 256, LONG], ids=shown)
def test_a_container_is_refused(furnished_world: World, container: str) -> None:
    check(furnished_world, {"container": container}, ["container_id"])


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"netns_path": "/a", "netns_name": "a"}, ["netns_name"]),
        ({"netns_path": "/a", "pid": 1}, ["pid"]),
        ({"netns_name": "a", "pid": 1}, ["pid"]),
        ({"netns_path": "/a", "netns_name": "a", "pid": 1}, ["netns_name", "pid"]),
        ({"netns_path": "run/netns/c1"}, ["netns_path"]),
        ({"netns_path": "/run/netns/c1\0"}, ["netns_path"]),
        ({"netns_path": "/" + LONG}, ["netns_path"]),
        ({"netns_name": "a/b"}, ["netns_name"]),
        ({"netns_name": ".."}, ["netns_name"]),
        ({"netns_name": "."}, ["netns_name"]),
        ({"netns_name": "a\n"}, ["netns_name"]),
        ({"netns_name": LONG}, ["netns_name"]),
        ({"pid": -1}, ["pid"]),
        ({"pid": -(2**31)}, ["pid"]),
    ],
    ids=shown,
)
def test_a_sandbox_is_refused(
    furnished_world: World, fields: dict[str, Any], faults: list[str]
) -> None:
    check(furnished_world, fields, faults)


@pytest.mark.parametrize("name", ["a" * 16, "a b", "a/b", "..", "a:b", "ü", LONG], ids=shown)
def test_a_device_name_is_refused(furnished_world: World, name: str) -> None:
    check(furnished_world, {"interface": name}, ["interface"])


@pytest.mark.parametrize(
    ("addresses", "faults"),
    [
        ([""], ["addresses[0]"]),
        (["banana"], ["addresses[0]"]),
        (["10.1.0.9", "10.1.0.256"], ["addresses[1]"]),
        (["10.1.0.9/"], ["addresses[0]"]),
        (["10.1.0.9/33"], ["addresses[0]"]),
        (["10.1.0.9/-1"], ["addresses[0]"]),
        (["10.1.0.9/" + "9" * 5000], ["addresses[0]"]),
        (["fd00:1::9/129"], ["addresses[0]"]),
        (["fe80::1%eth0"], ["addresses[0]"]),
        (["10.1.0.9/24/24"], ["addresses[0]"]),
        ([LONG, "", LONG], ["addresses[0]", "addresses[1]", "addresses[2]"]),
        (["10.1.0.9", "10.1.0.9/24"], ["addresses"]),
        (["fd00:1::9", "FD00:1:0::0:9"], ["addresses"]),
        ([f"10.1.0.{number}" for number in range(65)], ["addresses"]),
        (["banana"] * 30, [f"addresses[{number}]" for number in range(20)]),
    ],
    ids=shown,
)
def test_addresses_are_refused(
    furnished_world: World, addresses: list[str], faults: list[str]
) -> None:
    check(furnished_world, {"addresses": addresses}, faults)


@pytest.mark.parametrize(
    "mac",
    [
        *("banana", "02:00:00:00:00", ONE_MAC + ":01", "02-00-00-00-00-01", "2:0:0:0:0:1", LONG),
        *("020000000001", "02:00:00:00:00:0g", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff"),
        *("00:00:00:00:00:00", " " + ONE_MAC, ONE_MAC + "\n", "0٢:00:00:00:00:01"),
    ],
    ids=shown,
)
def test_a_mac_address_is_refused(furnished_world: World, mac: str) -> None:
    check(furnished_world, {"mac_address": mac}, ["mac_address"])


@pytest.mark.parametrize("priority", [1001, -1001, 2**31 - 1, -(2**31)])
def test_a_gateway_priority_is_refused(furnished_world: World, priority: int) -> None:
    check(furnished_world, {"gateway_priority": priority}, ["gateway_priority"])


@pytest.mark.parametrize("owner", ["endpoint:1", "network:", "a\n", "a" * 256, LONG], ids=shown)
def test_an_owner_is_refused(furnished_world: World, owner: str) -> None:
    check(furnished_world, {"address_owner": owner}, ["address_owner"])


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"labels": {str(number): "" for number in range(65)}}, ["labels"]),
        ({"labels": {"": "", LONG: LONG}}, ["labels"] * 3),
        ({"options": {"": ""}}, ["options"]),
        ({"options": {"colour": "red"}}, ["options[colour]"]),
        ({"options": {"rate": "fast"}}, ["options[rate]"]),
        ({"options": {"icc": "true"}}, ["options[icc]"]),
        ({"options": {"Rate": "5", "colour": "", "rate": ""}}, None),
    ],
    ids=shown,
)
def test_labels_and_options_are_refused(
    furnished_world: World, fields: dict[str, Any], faults: list[str] | None
) -> None:
    every = [f"options[{key}]" for key in sorted(fields.get("options", {}))]
    check(furnished_world, fields, faults or every)


def test_all_violations_are_reported(furnished_world: World) -> None:
    fields: dict[str, Any] = {
        "network": "",
        "container": "",
        "netns_name": "a/b",
        "pid": -1,
        "interface": "no device",
        "addresses": ["banana"],
        "mac_address": "banana",
        "address_owner": "network:",
        "labels": {"": ""},
        "options": {"": ""},
    }
    faults = ["network", "addresses[0]", "container_id", "interface", "mac_address"]
    faults += ["address_owner", "labels", "options", "pid", "netns_name"]
    before = furnished_world.state()
    refused = refusal(furnished_world.net.Connect, connect(**fields))
    assert sorted(refused.faults) == sorted(faults)
    assert furnished_world.state() == before


def test_all_violations_of_the_network_are_reported(furnished_world: World) -> None:
    furnished_world.network("half", "10.8.0.0/24")
    asked = {
        "network": "half",
        "options": {"banana": "1"},
        "ports": [PortMapping(container_port=1), PortMapping(container_port=1, host_ip="::")],
        "addresses": ["10.8.0.9/25"],
    }
    check(furnished_world, asked, ["options[banana]", "ports[1].host_ip", "addresses[0]"])
    furnished_world.delete("half")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"network": "blue"}, "NETWORK_NOT_FOUND"),
        ({"network": LONG}, "NETWORK_NOT_FOUND"),
        ({"netns_name": "lost"}, "SANDBOX_NOT_FOUND"),
        ({"netns_path": "/etc/passwd"}, "SANDBOX_NOT_FOUND"),
        ({"netns_path": "/run/netns/ü\n"}, "SANDBOX_NOT_FOUND"),
        ({"pid": 2**31 - 1}, "SANDBOX_NOT_FOUND"),
    ],
    ids=shown,
)
def test_a_missing_network_or_sandbox_changes_nothing(
    furnished_world: World, fields: dict[str, Any], reason: str
) -> None:
    before = furnished_world.state()
    refused = refusal(furnished_world.net.Connect, connect(**{"container": "c2", **fields}))
    assert refused.short == ("NOT_FOUND", reason)
    assert furnished_world.state() == before


@pytest.mark.parametrize("verb", ["Get", "Check", "Disconnect"])
@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, ["endpoint"]),
        ({"network": "web"}, ["endpoint"]),
        ({"interface": "eth0"}, ["endpoint"]),
        ({"network": "web", "interface": "eth0"}, ["endpoint"]),
        ({"endpoint": "a", "network": "web"}, ["endpoint"]),
        ({"endpoint": "a", "container_id": "c1"}, ["endpoint"]),
        ({"endpoint": LONG, "interface": LONG}, ["endpoint"]),
    ],
    ids=shown,
)
def test_a_selector_is_refused(
    furnished_world: World, verb: str, fields: dict[str, str], faults: list[str]
) -> None:
    before = furnished_world.state()
    verb = verb if verb == "Disconnect" else f"{verb}Endpoint"
    request = getattr(network_pb2, f"{verb}Request")(**fields)
    refused = refusal(getattr(furnished_world.net, verb), request)
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.faults == faults
    assert furnished_world.state() == before


@pytest.mark.parametrize("verb", ["Get", "Check"])
def test_a_container_alone_does_not_select_one_endpoint(furnished_world: World, verb: str) -> None:
    request = getattr(network_pb2, f"{verb}EndpointRequest")(container_id="c1")
    refused = refusal(getattr(furnished_world.net, f"{verb}Endpoint"), request)
    assert refused.faults == ["network"]


@pytest.mark.parametrize("verb", ["GetNetwork", "DeleteNetwork"])
def test_a_network_is_required(furnished_world: World, verb: str) -> None:
    before = furnished_world.state()
    request = getattr(network_pb2, f"{verb}Request")()
    assert refusal(getattr(furnished_world.net, verb), request).faults == ["network"]
    assert furnished_world.state() == before

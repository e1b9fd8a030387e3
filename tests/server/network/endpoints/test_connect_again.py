"""Connect of a connected container: its natural key, and moving to another sandbox."""

from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")

WISHES: dict[str, Any] = {
    "netns_name": "c1",
    "addresses": ["10.1.0.9"],
    "mac_address": "02:00:00:00:00:09",
    "labels": {"a": "b"},
    "options": {"rate": "5"},
}


def test_the_same_specs_return_the_same_endpoint(world: World) -> None:
    first = world.connect("c1", **WISHES)
    before = world.state()
    assert world.connect("c1", **WISHES) == first
    assert world.state() == before


def test_an_endpoint_that_cannot_be_repaired_stays(world: World) -> None:
    first = world.connect("c1", **WISHES)
    before = world.state()
    world.driver.trouble.fail("connect", KernelError("the bridge is gone"))
    refused = refusal(world.net.Connect, connect("c1", **WISHES))
    assert refused.short == ("INTERNAL", "KERNEL_ERROR")
    assert {**world.state(), "endpoints": before["endpoints"]} == before
    (failed,) = world.endpoints()
    assert failed.state == network_pb2.ENDPOINT_STATE_FAILED
    assert "the bridge is gone" in failed.conditions[0].problem
    whole = world.connect("c1", **WISHES)
    assert whole.revision > failed.revision
    whole.revision = first.revision
    assert whole == first


@pytest.mark.parametrize(
    "words",
    [
        {"mac_address": "02:00:00:00:00:09".upper()},
        {"addresses": ["10.1.0.9/24"]},
        {"netns_name": "", "netns_path": "/run/netns/c1"},
        {"interface": "eth0"},
    ],
)
def test_equal_specs_in_another_order_are_the_same(world: World, words: dict[str, Any]) -> None:
    first = world.connect("c1", **WISHES)
    if "interface" in words:
        world.disconnect("c1")
        first = world.connect("c1", **{**WISHES, **words})
        words = {}
    assert world.connect("c1", **{**WISHES, **words}) == first


@pytest.mark.parametrize(
    "other",
    [
        {"addresses": ["10.1.0.10"]},
        {"addresses": []},
        {"addresses": ["10.1.0.9", "fd00:1::9"]},
        {"mac_address": "02:00:00:00:00:10"},
        {"mac_address": ""},
        {"labels": {}},
        {"options": {"rate": "6"}},
        {"address_owner": "vm-7"},
        {"gateway_priority": 1},
    ],
)
def test_other_specs_are_refused(world: World, other: dict[str, Any]) -> None:
    first = world.connect("c1", **WISHES)
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", **{**WISHES, **other}))
    assert refused.short == ("ALREADY_EXISTS", "ENDPOINT_EXISTS")
    assert f"with another spec: {', '.join(other)} (" in refused.message
    assert refused.details["ResourceInfo"].resource_name == first.id
    assert world.state() == before


def test_another_living_sandbox_is_refused(world: World) -> None:
    world.connect("c1", netns_name="c1")
    world.sandbox("c2")
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", netns_name="c2"))
    assert refused.short == ("ALREADY_EXISTS", "ENDPOINT_EXISTS")
    assert "/run/netns/c1" in refused.message
    assert world.state() == before


@pytest.mark.parametrize(("first", "then"), [("c1", ""), ("", "c1")])
def test_with_and_without_a_sandbox_are_different_specs(
    world: World, first: str, then: str
) -> None:
    world.connect("c1", netns_name=first)
    refused = refusal(world.net.Connect, connect("c1", netns_name=then))
    assert refused.short == ("ALREADY_EXISTS", "ENDPOINT_EXISTS")


def test_without_a_sandbox_the_same_specs_return_the_same_endpoint(world: World) -> None:
    assert world.connect("c1") == world.connect("c1")


def test_another_interface_is_another_endpoint(world: World) -> None:
    first = world.connect("c1", netns_name="c1")
    second = world.connect("c1", netns_name="c1", interface="eth7")
    assert first.id != second.id
    assert world.connect("c1", netns_name="c1", interface="eth7") == second
    assert world.connect("c1", netns_name="c1") == first


def test_a_connect_without_an_interface_refers_to_the_endpoint_made_without(world: World) -> None:
    named = world.connect("c1", netns_name="c1", interface="eth7")
    assert world.connect("c1", netns_name="c1", interface="eth8").id != named.id
    assert world.connect("c1", netns_name="c1") == named


def test_a_restarted_container_keeps_its_endpoint(world: World) -> None:
    first = world.connect("c1", **WISHES)
    path = world.sandbox("c1")
    moved = world.connect("c1", **WISHES)
    expected = network_pb2.Endpoint()
    expected.CopyFrom(first)
    expected.revision = moved.revision
    assert moved.revision > first.revision
    assert moved == expected
    sandbox = world.driver.endpoints[moved.id].sandbox
    assert sandbox
    assert sandbox.cookie == world.host.paths[path]


def test_an_endpoint_moves_to_another_path_when_its_namespace_is_gone(world: World) -> None:
    first = world.connect("c1", netns_name="c1")
    world.host.remove_sandbox("/run/netns/c1")
    world.sandbox("c2")
    moved = world.connect("c1", netns_name="c2")
    assert (moved.id, moved.addresses) == (first.id, first.addresses)
    assert moved.netns_path == "/run/netns/c2"


def test_a_namespace_of_before_the_last_boot_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.connect("c1", netns_name="c1")
    monkeypatch.setattr("mynet.server.network.connector.boot_id", lambda: "another boot")
    monkeypatch.setattr("mynet.server.network.planning.boot_id", lambda: "another boot")
    moved = world.connect("c1", netns_name="c1")
    assert moved.id == first.id
    assert world.driver.trouble.calls["connect"] == 2


def test_an_endpoint_that_moves_keeps_its_address_in_a_full_subnet(world: World) -> None:
    world.network("two", "10.8.0.0/30", "10.9.0.0/24")
    world.connect("c0", network="two")
    first = world.connect("c1", network="two", netns_name="c1")
    world.disconnect("c0")
    world.sandbox("c1")
    moved = world.connect("c1", network="two", netns_name="c1")
    assert moved.addresses == first.addresses == ["10.9.0.2/24"]
    holders = [owner for owner in world.held().values() if owner == f"endpoint:{first.id}"]
    assert len(holders) == 1


def test_a_move_that_fails_keeps_the_endpoint_and_its_addresses_for_the_next_call(
    world: World,
) -> None:
    before = world.state()
    first = world.connect("c1", netns_name="c1")
    world.host.remove_sandbox("/run/netns/c1")
    world.sandbox("c2")
    held = world.held()
    world.driver.trouble.fail("connect", KernelError("no"))
    refusal(world.net.Connect, connect("c1", netns_name="c2"))
    assert [endpoint.id for endpoint in world.endpoints()] == [first.id]
    assert world.held() == held
    assert world.state()["kernel"] == before["kernel"]
    assert world.connect("c1", netns_name="c2").addresses == first.addresses


def test_an_address_taken_over_and_moved_is_the_endpoints_own(world: World) -> None:
    world.allocate("10.1.0.0/24", address="10.1.0.9", owner="vm-7")
    specs = {"addresses": ["10.1.0.9"], "address_owner": "vm-7"}
    world.connect("c1", netns_name="c1", **specs)
    world.sandbox("c1")
    world.driver.trouble.fail("connect", KernelError("no"))
    refusal(world.net.Connect, connect("c1", netns_name="c1", **specs))
    assert world.held()["10.1.0.9"].startswith("endpoint:")
    world.net.Disconnect(network_pb2.DisconnectRequest(container_id="c1"))
    assert world.held().keys() == {"10.1.0.1", "fd00:1::1"}

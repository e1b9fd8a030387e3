"""Disconnect: what it selects and removes, and when everything else is gone already."""

from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.world import World


@pytest.fixture(autouse=True)
def networks(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    world.network("api", "10.2.0.0/24", driver="other")
    world.sandbox("c1")


def request(**fields: Any) -> network_pb2.DisconnectRequest:
    return network_pb2.DisconnectRequest(**fields)


def test_nothing_is_left_and_the_endpoint_is_returned_as_it_was(world: World) -> None:
    before = world.state()
    endpoint = world.connect("c1", netns_name="c1", labels={"a": "b"})
    assert world.disconnect("c1") == [endpoint]
    assert world.state() == before


@pytest.mark.parametrize("selector", ["id", "beginning", "key", "whole key"])
def test_one_endpoint_is_selected_by_id_or_key(world: World, selector: str) -> None:
    endpoint = world.connect("c1", netns_name="c1")
    other = world.connect("c1", netns_name="c1", network="api")
    chosen = {
        "id": {"endpoint": endpoint.id},
        "beginning": {"endpoint": endpoint.id[:12]},
        "key": {"network": "web", "container_id": "c1"},
        "whole key": {"network": "web", "container_id": "c1", "interface": "eth0"},
    }[selector]
    assert list(world.net.Disconnect(request(**chosen)).endpoints) == [endpoint]
    assert world.endpoints() == [other]


def test_a_container_alone_selects_all_its_endpoints(world: World) -> None:
    mine = [
        world.connect("c1", netns_name="c1", network=network, interface=interface)
        for network, interface in (("web", ""), ("api", ""), ("web", "eth7"))
    ]
    others = world.connect("c2")
    assert world.disconnect("c1") == mine
    assert world.endpoints() == [others]


def test_a_container_and_an_interface_select_one_endpoint(world: World) -> None:
    world.connect("c1", netns_name="c1")
    second = world.connect("c1", netns_name="c1", network="api")
    assert world.disconnect("c1", interface="eth1") == [second]


def test_several_on_one_network_are_ambiguous_without_the_interface(world: World) -> None:
    world.connect("c1", netns_name="c1")
    world.connect("c1", netns_name="c1", interface="eth7")
    before = world.state()
    asked = request(network="web", container_id="c1")
    refused = refusal(world.net.Disconnect, asked)
    assert refused.short == ("INVALID_ARGUMENT", "AMBIGUOUS")
    assert "eth0, eth7" in refused.message
    assert world.state() == before
    asked.interface = "eth7"
    world.net.Disconnect(asked)
    assert [endpoint.interface for endpoint in world.endpoints()] == ["eth0"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"endpoint": "abcdef"}, "ENDPOINT_NOT_FOUND"),
        ({"endpoint": "no digits"}, "ENDPOINT_NOT_FOUND"),
        ({"container_id": "c9"}, "ENDPOINT_NOT_FOUND"),
        ({"network": "web", "container_id": "c9"}, "ENDPOINT_NOT_FOUND"),
        ({"network": "web", "container_id": "c1", "interface": "eth9"}, "ENDPOINT_NOT_FOUND"),
        ({"network": "lan", "container_id": "c1"}, "NETWORK_NOT_FOUND"),
    ],
)
def test_a_missing_object_is_success_only_with_allow_missing(
    world: World, fields: dict[str, str], reason: str
) -> None:
    world.connect("c1")
    before = world.state()
    assert refusal(world.net.Disconnect, request(**fields)).short == ("NOT_FOUND", reason)
    answer = world.net.Disconnect(request(**fields, allow_missing=True))
    assert answer == network_pb2.DisconnectResponse()
    assert world.state() == before


def test_disconnect_works_when_the_sandbox_is_gone(world: World) -> None:
    world.connect("c1", netns_name="c1")
    world.host.remove_sandbox("/run/netns/c1")
    world.disconnect("c1")
    assert world.driver.endpoints == {}
    assert len(world.held()) == 3


def test_an_address_stays_taken_while_the_link_may_still_be_there(world: World) -> None:
    endpoint = world.connect("c1", netns_name="c1")
    held = world.held()
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refused = refusal(world.net.Disconnect, request(container_id="c1"))
    assert refused.reason == "KERNEL_ERROR"
    assert world.held() == held
    [left] = world.endpoints()
    assert left.state == network_pb2.ENDPOINT_STATE_DISCONNECTING
    assert [each.id for each in world.disconnect("c1")] == [endpoint.id]
    assert world.endpoints() == []


def test_connecting_again_finishes_a_disconnect_that_failed(world: World) -> None:
    first = world.connect("c1", netns_name="c1")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Disconnect, request(container_id="c1"))
    second = world.connect("c1", netns_name="c1")
    assert world.endpoints() == [second]
    assert world.driver.endpoints.keys() == {second.id}
    assert second.id != first.id


def test_after_a_failure_a_second_disconnect_removes_the_others(
    world: World,
) -> None:
    world.connect("c1", netns_name="c1")
    second = world.connect("c1", netns_name="c1", network="api")
    world.other.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Disconnect, request(container_id="c1"))
    assert [endpoint.id for endpoint in world.endpoints()] == [second.id]
    assert [endpoint.id for endpoint in world.disconnect("c1")] == [second.id]
    assert world.endpoints() == []

"""GetEndpoint, ListEndpoints and CheckEndpoint."""

from typing import Any

import pytest

from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.world import World


@pytest.fixture(autouse=True)
def networks(world: World) -> None:
    world.network("web")
    world.network("api", "10.2.0.0/24")
    world.sandbox("c1")


def get(world: World, **fields: str) -> network_pb2.Endpoint:
    return world.net.GetEndpoint(network_pb2.GetEndpointRequest(**fields)).endpoint


def test_get_returns_what_connect_did(world: World) -> None:
    endpoint = world.connect("c1", netns_name="c1", labels={"a": "b"}, options={"rate": "5"})
    for fields in (
        {"endpoint": endpoint.id},
        {"endpoint": endpoint.id[:12]},
        {"network": "web", "container_id": "c1"},
        {"network": endpoint.network_id[:9], "container_id": "c1"},
        {"network": "web", "container_id": "c1", "interface": "eth0"},
    ):
        assert get(world, **fields) == endpoint


def test_an_id_prefix_of_several_is_ambiguous(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(10))
    monkeypatch.setattr("secrets.token_hex", lambda _: f"bbb{next(numbers)}".ljust(64, "0"))
    world.connect("c1", interface="one")
    world.connect("c2", interface="two")
    monkeypatch.undo()
    refused = refusal(world.net.GetEndpoint, network_pb2.GetEndpointRequest(endpoint="bbb"))
    assert refused.short == ("INVALID_ARGUMENT", "AMBIGUOUS")
    assert "one, two" in refused.message


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"endpoint": "0"}, "ENDPOINT_NOT_FOUND"),
        ({"endpoint": "c1"}, "ENDPOINT_NOT_FOUND"),
        ({"network": "web", "container_id": "c1"}, "ENDPOINT_NOT_FOUND"),
        ({"network": "lan", "container_id": "c1"}, "NETWORK_NOT_FOUND"),
    ],
)
@pytest.mark.parametrize("verb", ["Get", "Check"])
def test_a_missing_object_is_not_found(
    world: World, verb: str, fields: dict[str, str], reason: str
) -> None:
    kind = getattr(network_pb2, f"{verb}EndpointRequest")
    refused = refusal(getattr(world.net, f"{verb}Endpoint"), kind(**fields))
    assert refused.short == ("NOT_FOUND", reason)


def test_endpoints_are_listed_oldest_first_by_network_container_and_labels(
    world: World,
) -> None:
    one = world.connect("c1", labels={"team": "red", "tier": "1"})
    two = world.connect("c2", labels={"team": "red"})
    three = world.connect("c1", network="api")

    def listed(labels: dict[str, str] | None = None, **fields: Any) -> list[network_pb2.Endpoint]:
        request = network_pb2.ListEndpointsRequest(labels=labels, **fields)
        return list(world.net.ListEndpoints(request).endpoints)

    assert listed() == [one, two, three]
    assert listed(network="web") == [one, two]
    assert listed(network=three.network_id[:9]) == [three]
    assert listed(container_id="c1") == [one, three]
    assert listed(network="web", container_id="c1") == [one]
    assert listed(container_id="c") == []
    assert listed({"team": "red"}) == [one, two]
    assert listed({"team": "red", "tier": "1"}, network="web") == [one]
    assert listed({"team": "blue"}) == []


def test_listing_the_endpoints_of_a_missing_network_is_refused(world: World) -> None:
    request = network_pb2.ListEndpointsRequest(network="lan")
    refused = refusal(world.net.ListEndpoints, request)
    assert refused.short == ("NOT_FOUND", "NETWORK_NOT_FOUND")


@pytest.mark.parametrize("problems", [(), ("eth0 is down.", "eth0 lacks an address.")])
def test_check_returns_the_drivers_differences_and_changes_nothing(
    world: World, problems: tuple[str, ...]
) -> None:
    endpoint = world.connect("c1", netns_name="c1")
    world.driver.problems = problems
    before = world.state()
    answer = world.net.CheckEndpoint(network_pb2.CheckEndpointRequest(endpoint=endpoint.id))
    assert answer.endpoint == endpoint
    assert answer.problems == list(problems)
    assert world.state() == before

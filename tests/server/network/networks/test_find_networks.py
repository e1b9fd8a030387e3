"""GetNetwork and ListNetworks: ids, names, id prefixes and labels."""

import pytest

from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import create
from tests.server.support.world import World


def get(world: World, selector: str) -> network_pb2.Network:
    return world.net.GetNetwork(network_pb2.GetNetworkRequest(network=selector)).network


def listed(world: World, **labels: str) -> list[str]:
    request = network_pb2.ListNetworksRequest(labels=labels)
    return [network.name for network in world.net.ListNetworks(request).networks]


@pytest.fixture
def ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks get the ids aaa0..., aaa1..., and so on."""
    numbers = iter(range(10))

    def token_hex(size: int) -> str:
        return f"aaa{next(numbers)}".ljust(64, "0") if size == 32 else "f" * 2 * size

    monkeypatch.setattr("secrets.token_hex", token_hex)


def test_get_returns_what_create_did(world: World) -> None:
    network = world.network()
    assert get(world, "web") == network


def test_a_network_is_selected_by_id_name_and_id_prefix(world: World) -> None:
    network = world.network()
    for selector in (network.id, "web", network.id[:12], network.id[:1]):
        assert get(world, selector).name == "web"


@pytest.mark.usefixtures("ids")
def test_an_id_goes_before_a_name_and_a_name_before_an_id_prefix(world: World) -> None:
    first = world.network("one")
    world.network("aaa0", "10.2.0.0/24")
    assert get(world, first.id).name == "one"
    assert get(world, "aaa0").name == "aaa0"
    assert get(world, "aaa00").name == "one"


def test_a_name_like_another_networks_whole_id_does_not_hide_it(world: World) -> None:
    first = world.network("one")
    # A name has 63 characters at most and an id has 64, so the two can never be the same.
    refused = refusal(world.net.CreateNetwork, create(first.id))
    assert refused.faults == ["network.name"]


@pytest.mark.usefixtures("ids")
def test_an_id_prefix_of_several_is_ambiguous(world: World) -> None:
    world.network("one")
    world.network("two", "10.2.0.0/24")
    refused = refusal(world.net.GetNetwork, network_pb2.GetNetworkRequest(network="aaa"))
    assert refused.short == ("INVALID_ARGUMENT", "AMBIGUOUS")
    assert "one, two" in refused.message


@pytest.mark.parametrize("selector", ["blue", "WEB", "zz", "0g", "we", " web", "web\0", "%", "ÿ"])
def test_a_missing_object_is_not_found(still_world: World, selector: str) -> None:
    refused = refusal(still_world.net.GetNetwork, network_pb2.GetNetworkRequest(network=selector))
    assert refused.short == ("NOT_FOUND", "NETWORK_NOT_FOUND")


def test_endpoints_are_counted(world: World) -> None:
    world.network("web")
    world.network("api", "10.2.0.0/24")
    world.connect("c1")
    world.connect("c2")
    assert get(world, "web").endpoint_count == 2
    assert [network.endpoint_count for network in world.networks()] == [2, 0]
    world.disconnect("c1")
    assert get(world, "web").endpoint_count == 1


def test_networks_are_listed_oldest_first(world: World) -> None:
    names = ["zoo", "api", "web"]
    for number, name in enumerate(names):
        world.network(name, f"10.{number}.0.0/24")
    assert listed(world) == names
    world.delete("zoo")
    world.network("zoo", "10.0.0.0/24")
    assert listed(world) == ["api", "web", "zoo"]


def test_all_labels_have_to_match(world: World) -> None:
    world.network("one", "10.1.0.0/24", labels={"team": "red", "tier": "1"})
    world.network("two", "10.2.0.0/24", labels={"team": "red"})
    world.network("three", "10.3.0.0/24")
    assert listed(world, team="red") == ["one", "two"]
    assert listed(world, team="red", tier="1") == ["one"]
    assert listed(world, team="blue") == []
    assert listed(world, tier="") == []

"""What was read is believed only for as long as it is the newest."""

import pytest

from mynet.server.listing import Listing
from mynet.server.model import EndpointState
from tests.server.world import World


@pytest.fixture
def listing(world: World) -> Listing:
    world.network("web", "10.1.0.0/24")
    world.sandbox("c1")
    world.connect("c1", netns_name="c1")
    return Listing(world.store)


def test_what_has_not_changed_is_as_it_was_read(listing: Listing) -> None:
    (network,), (endpoint,) = listing.networks, listing.endpoints
    assert listing.network_now(network)[0] is network
    assert listing.endpoint_now(endpoint)[0] == (network, endpoint)
    assert listing.whole == {network.id: [endpoint]}


def test_a_network_that_has_changed_is_read_again(world: World, listing: Listing) -> None:
    (network,), (endpoint,) = listing.networks, listing.endpoints
    world.update("web", labels={"team": "red"})
    (now,) = listing.network_now(network)
    assert now.wish.labels == {"team": "red"}
    assert listing.endpoint_now(endpoint) == [(now, endpoint)]


def test_what_is_gone_is_not_there_any_more(world: World, listing: Listing) -> None:
    (network,), (endpoint,) = listing.networks, listing.endpoints
    world.disconnect("c1")
    assert listing.endpoint_now(endpoint) == []
    world.delete("web")
    assert listing.network_now(network) == []


def test_an_endpoint_that_came_back_is_another(world: World, listing: Listing) -> None:
    (endpoint,) = listing.endpoints
    world.disconnect("c1")
    world.connect("c1", netns_name="c1")
    assert listing.endpoint_now(endpoint) == []
    (now,) = world.store.endpoints.all()
    assert now.state is EndpointState.READY

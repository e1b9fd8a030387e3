"""What was read is believed only for as long as it is the newest."""

import pytest

from mynet.server.model.endpoints import EndpointState
from mynet.server.reconcile.snapshot import Listing
from tests.server.support.world import World


@pytest.fixture
def listing(world: World) -> Listing:
    world.network("web", "10.1.0.0/24")
    world.sandbox("c1")
    world.connect("c1", netns_name="c1")
    return Listing(world.store)


def test_what_has_not_changed_is_as_it_was_read(world: World, listing: Listing) -> None:
    (network,), (endpoint,) = listing.networks, listing.endpoints
    assert world.store.networks.current(network) is network
    assert world.store.endpoints.current(endpoint) is endpoint
    assert listing.whole == {network.id: [endpoint]}
    assert listing.placed == [(network, endpoint)]


def test_a_network_that_has_changed_is_read_again(world: World, listing: Listing) -> None:
    (network,) = listing.networks
    world.update("web", labels={"team": "red"})
    now = world.store.networks.current(network)
    assert now
    assert now.spec.labels == {"team": "red"}


def test_what_is_gone_is_not_there_any_more(world: World, listing: Listing) -> None:
    (network,), (endpoint,) = listing.networks, listing.endpoints
    world.disconnect("c1")
    assert world.store.endpoints.current(endpoint) is None
    world.delete("web")
    assert world.store.networks.current(network) is None


def test_an_endpoint_that_came_back_is_another(world: World, listing: Listing) -> None:
    (endpoint,) = listing.endpoints
    world.disconnect("c1")
    world.connect("c1", netns_name="c1")
    assert world.store.endpoints.current(endpoint) is None
    (now,) = world.store.endpoints.all()
    assert now.state is EndpointState.READY

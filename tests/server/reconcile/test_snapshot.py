"""A snapshot of the records, and what has changed since it was made."""

import pytest

from mynet.server.model.endpoints import EndpointState
from mynet.server.reconcile.snapshot import Snapshot
from tests.server.support.world import World


@pytest.fixture
def snapshot(world: World) -> Snapshot:
    world.network("web", "10.1.0.0/24")
    world.sandbox("c1")
    world.connect("c1", netns_name="c1")
    return Snapshot(world.store)


def test_an_unchanged_record_is_not_read_again(world: World, snapshot: Snapshot) -> None:
    (network,), (endpoint,) = snapshot.networks, snapshot.endpoints
    assert world.store.networks.current(network) is network
    assert world.store.endpoints.current(endpoint) is endpoint
    assert snapshot.ready_endpoints == {network.id: [endpoint]}
    assert snapshot.placed == [(network, endpoint)]


def test_a_network_that_has_changed_is_read_again(world: World, snapshot: Snapshot) -> None:
    (network,) = snapshot.networks
    world.update("web", labels={"team": "red"})
    now = world.store.networks.current(network)
    assert now
    assert now.spec.labels == {"team": "red"}


def test_a_deleted_record_is_none(world: World, snapshot: Snapshot) -> None:
    (network,), (endpoint,) = snapshot.networks, snapshot.endpoints
    world.disconnect("c1")
    assert world.store.endpoints.current(endpoint) is None
    world.delete("web")
    assert world.store.networks.current(network) is None


def test_an_endpoint_that_came_back_is_another(world: World, snapshot: Snapshot) -> None:
    (endpoint,) = snapshot.endpoints
    world.disconnect("c1")
    world.connect("c1", netns_name="c1")
    assert world.store.endpoints.current(endpoint) is None
    (now,) = world.store.endpoints.all()
    assert now.state is EndpointState.READY

"""The records of networks and endpoints: unique, in order, and complete after a restart."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import InterfaceExists
from mynet.server.errors import (
    Ambiguous,
    EndpointNotFound,
    NetworkExists,
    NetworkNotFound,
    SubnetOverlap,
)
from mynet.server.model.endpoints import EndpointState, Place
from mynet.server.model.networks import Network, NetworkState
from mynet.server.store import Store
from tests.server.support.samples.records import add, endpoint, network


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "mynet.db")
    yield made
    made.close()


def test_records_come_back_as_they_were_also_after_a_restart(store: Store, tmp_path: Path) -> None:
    web = add(store, network())
    made = store.endpoints.add(endpoint(web))
    assert (store.networks.all(), store.endpoints.all()) == ([web], [made])
    assert made == endpoint(web, revision=made.revision)
    store.close()
    again = Store(tmp_path / "mynet.db")
    assert (again.networks.all(), again.endpoints.all()) == ([web], [made])
    assert [str(each.cidr) for each in again.subnets.all()] == ["10.1.0.0/24"]
    assert again.networks.put(web).revision > made.revision
    again.close()


def test_revisions_grow_with_every_change(store: Store) -> None:
    web = add(store, network())
    made = store.endpoints.add(endpoint(web))
    changed = store.endpoints.put(replace(made, state=EndpointState.DISCONNECTING))
    ready = store.networks.put(replace(web, state=NetworkState.READY))
    add(store, network(2))
    revisions = [web.revision, made.revision, changed.revision, ready.revision]
    assert revisions == sorted(set(revisions))
    assert store.networks.all()[1].revision > ready.revision


@pytest.mark.parametrize(
    ("other", "cidrs", "error", "named"),
    [
        (network(2, spec=network(1).spec), (), NetworkExists, "n1"),
        (network(2, interface="br-n1"), (), InterfaceExists, "br-n1"),
        (network(2), ("10.1.0.0/24",), SubnetOverlap, "n1"),
        (network(2), ("10.2.0.0/24", "10.1.0.0/25"), SubnetOverlap, "n1"),
        (network(2), ("10.1.0.7/32",), SubnetOverlap, "n1"),
    ],
)
def test_a_name_or_device_of_another_network_is_refused(
    store: Store, other: Network, cidrs: tuple[str, ...], error: type[Exception], named: str
) -> None:
    web = add(store, network())
    with pytest.raises(error, match=named):
        add(store, other, *cidrs)
    assert store.networks.all() == [web]
    assert len(store.subnets.all()) == 1


def test_networks_without_a_device_do_not_share_one(store: Store) -> None:
    add(store, network(1, interface=""))
    add(store, network(2, interface=""))
    assert not store.networks.has_interface("")


def test_a_removed_record_cannot_be_changed(store: Store) -> None:
    web = add(store, network())
    made = store.endpoints.add(endpoint(web))
    for _ in range(2):
        store.endpoints.remove(made)
        store.networks.remove(web)
    with pytest.raises(EndpointNotFound):
        store.endpoints.put(made)
    with pytest.raises(NetworkNotFound):
        store.networks.put(web)
    with pytest.raises(NetworkNotFound, match="deleted in the meantime"):
        store.endpoints.add(endpoint(web))
    assert (store.networks.all(), store.endpoints.all()) == ([], [])


def test_a_network_with_endpoints_cannot_be_removed(store: Store) -> None:
    web = add(store, network())
    store.endpoints.add(endpoint(web))
    with pytest.raises(sqlite3.IntegrityError):
        store.networks.remove(web)
    assert store.networks.all() == [web]


def test_endpoints_are_found_by_network_container_and_sandbox(store: Store) -> None:
    web, api = add(store, network(1)), add(store, network(2))
    one = store.endpoints.add(endpoint(web, 1))
    two = store.endpoints.add(endpoint(api, 2, place=Place()))
    assert store.endpoints.of_network(web.id) == [one]
    assert store.endpoints.of_container("c2") == [two]
    assert store.endpoints.of_sandbox(2**64 - 1) == [one]
    assert store.endpoints.by_id_prefix(one.id) == [one]
    assert store.endpoints.by_id_prefix(one.id[:63]) == [one, two]
    assert store.endpoints.counts() == {web.id: 1, api.id: 1}
    moved = store.endpoints.put(replace(one, place=Place(Sandbox("/run/netns/c2", 7))))
    assert store.endpoints.of_sandbox(2**64 - 1) == []
    assert store.endpoints.of_sandbox(7) == [moved]


def test_a_network_is_found_by_id_then_name_then_id_prefix(store: Store) -> None:
    one, two = add(store, network(1)), add(store, network(2))
    assert store.networks.find(one.id) == one
    assert store.networks.find("n2") == two
    assert store.networks.find(two.id[:64]) == two
    with pytest.raises(Ambiguous):
        store.networks.find("0" * 63)
    with pytest.raises(NetworkNotFound):
        store.networks.find("1")

"""The daemon's records: unique, in order, with revisions that grow, and whole after a restart."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface, ip_network
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
from mynet.server.model import (
    AddressWish,
    Endpoint,
    EndpointState,
    EndpointWish,
    Network,
    NetworkState,
    NetworkWish,
    Place,
    Subnet,
    SubnetWish,
)
from mynet.server.store import Store

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def network(number: int = 1, **fields: object) -> Network:
    cidr = ip_network(f"10.{number}.0.0/24")
    wish = NetworkWish(
        name=f"n{number}",
        driver="bridge",
        ipam="bitmap",
        subnets=(SubnetWish(cidr, ip_address(f"10.{number}.0.1")),),
        options={"icc": "true"},
        labels={"team": "röt"},
    )
    made = Network(
        id=f"{number:064x}",
        wish=wish,
        subnets=(Subnet(cidr, None),),
        interface=f"br-n{number}",
        mtu=1500,
        state=NetworkState.CREATING,
        create_time=NOW,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def endpoint(of: Network, number: int = 1, **fields: object) -> Endpoint:
    wish = EndpointWish(
        container_id=f"c{number}",
        addresses=(AddressWish(ip_address("10.1.0.9"), 24), AddressWish(ip_address("fd00::9"))),
        labels={"a": "b"},
    )
    made = Endpoint(
        id=f"{number + 2**200:064x}",
        network_id=of.id,
        network=of.name,
        wish=wish,
        interface="eth0",
        host_interface=f"veth{number}",
        mtu=1500,
        route_metric=100,
        state=EndpointState.READY,
        create_time=NOW,
        place=Place(Sandbox("/run/netns/c1", 2**64 - 1), 4711),
        boot_id="boot",
        taken=(ip_address("10.1.0.9"),),
        addresses=(ip_interface("10.1.0.9/24"), ip_interface("fd00::9/64")),
        gateways=(ip_address("10.1.0.1"),),
        mac_address="02:00:00:00:00:01",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "mynet.db")
    yield made
    made.close()


def test_records_come_back_as_they_were_also_after_a_restart(store: Store, tmp_path: Path) -> None:
    web = store.networks.add(network())
    made = store.endpoints.add(endpoint(web))
    assert (store.networks.all(), store.endpoints.all()) == ([web], [made])
    assert made == endpoint(web, revision=made.revision)
    store.close()
    again = Store(tmp_path / "mynet.db")
    assert (again.networks.all(), again.endpoints.all()) == ([web], [made])
    assert [each.cidr for each in again.subnets.page(None, 9)] == [ip_network("10.1.0.0/24")]
    assert again.networks.put(web).revision > made.revision
    again.close()


def test_revisions_grow_with_every_change(store: Store) -> None:
    web = store.networks.add(network())
    made = store.endpoints.add(endpoint(web))
    changed = store.endpoints.put(replace(made, state=EndpointState.DISCONNECTING))
    ready = store.networks.put(replace(web, state=NetworkState.READY))
    store.networks.add(network(2))
    revisions = [web.revision, made.revision, changed.revision, ready.revision]
    assert revisions == sorted(set(revisions))
    assert store.networks.all()[1].revision > ready.revision


@pytest.mark.parametrize(
    ("other", "error", "named"),
    [
        (network(2, wish=network(1).wish), NetworkExists, "n1"),
        (network(2, interface="br-n1"), InterfaceExists, "br-n1"),
        (network(2, subnets=(Subnet(ip_network("10.1.0.0/24"), None),)), SubnetOverlap, "n1"),
        (network(2, subnets=(Subnet(ip_network("10.0.0.0/8"), None),)), SubnetOverlap, "n1"),
        (network(2, subnets=(Subnet(ip_network("10.1.0.7/32"), None),)), SubnetOverlap, "n1"),
    ],
)
def test_what_another_network_has_is_refused_and_nothing_recorded(
    store: Store, other: Network, error: type[Exception], named: str
) -> None:
    web = store.networks.add(network())
    with pytest.raises(error, match=named):
        store.networks.add(other)
    assert store.networks.all() == [web]
    assert len(store.subnets.page(None, 9)) == 1


def test_networks_without_a_device_do_not_share_one(store: Store) -> None:
    store.networks.add(network(1, interface=""))
    store.networks.add(network(2, interface=""))
    assert store.networks.interfaces() == {""}


@pytest.mark.parametrize(
    ("cidr", "overlaps"),
    [
        ("10.1.0.0/24", True),
        ("10.1.0.128/25", True),
        ("10.1.0.255/32", True),
        ("0.0.0.0/0", True),
        ("10.0.0.0/15", True),
        ("10.1.1.0/24", False),
        ("10.0.255.0/24", False),
        ("10.0.0.0/16", False),
        ("::a01:0/120", False),
        ("::/0", False),
    ],
)
def test_subnets_overlap_where_they_share_an_address(
    store: Store, cidr: str, *, overlaps: bool
) -> None:
    store.networks.add(network())
    other = network(2, subnets=(Subnet(ip_network(cidr), None),))
    if overlaps:
        with pytest.raises(SubnetOverlap):
            store.networks.add(other)
    else:
        store.networks.add(other)


def test_a_subnet_that_nobody_uses_is_taken_over_by_its_own_backend_alone(store: Store) -> None:
    cidr = ip_network("10.1.0.0/24")
    assert store.subnets.found(cidr, "spare", NOW) is None
    with pytest.raises(SubnetOverlap, match="backend spare"):
        store.networks.add(network())
    assert store.subnets.drop(cidr)
    assert store.subnets.found(cidr, "bitmap", NOW) is None
    web = store.networks.add(network())
    assert store.subnets.get(cidr).network_id == web.id
    assert store.subnets.get(cidr).network == "n1"


def test_a_subnet_is_founded_once(store: Store) -> None:
    web = store.networks.add(network())
    cidr = ip_network("10.1.0.0/24")
    found = store.subnets.found(cidr, "spare", NOW)
    assert found == store.subnets.get(cidr)
    assert found
    assert (found.network_id, found.backend) == (web.id, "bitmap")


def test_a_subnet_in_use_is_not_dropped(store: Store) -> None:
    cidr = ip_network("10.1.0.0/24")
    web = store.networks.add(network())
    assert not store.subnets.drop(cidr)
    assert store.subnets.unused() == []
    store.networks.remove(web)
    assert [each.cidr for each in store.subnets.unused()] == [cidr]
    assert store.subnets.drop(cidr)
    assert not store.subnets.drop(cidr)


def test_what_is_gone_is_not_changed(store: Store) -> None:
    web = store.networks.add(network())
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


def test_a_network_with_endpoints_is_not_forgotten(store: Store) -> None:
    web = store.networks.add(network())
    store.endpoints.add(endpoint(web))
    with pytest.raises(sqlite3.IntegrityError):
        store.networks.remove(web)
    assert store.networks.all() == [web]


def test_endpoints_are_found_by_network_container_and_sandbox(store: Store) -> None:
    web, api = store.networks.add(network(1)), store.networks.add(network(2))
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


def test_a_network_is_found_by_id_then_name_then_beginning(store: Store) -> None:
    one, two = store.networks.add(network(1)), store.networks.add(network(2))
    assert store.networks.find(one.id) == one
    assert store.networks.find("n2") == two
    assert store.networks.find(two.id[:64]) == two
    with pytest.raises(Ambiguous):
        store.networks.find("0" * 63)
    with pytest.raises(NetworkNotFound):
        store.networks.find("1")

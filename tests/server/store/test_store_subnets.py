"""The registry of subnets: no two overlap, and each is kept as long as it should be."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from mynet.ipam.api import IPNetwork, Span
from mynet.server.errors import PoolsExhausted, SubnetExists, SubnetNotFound, SubnetOverlap
from mynet.server.model.networks import Network
from mynet.server.model.subnets import Rules, SubnetCandidates, SubnetDump, SubnetSize, SubnetSpec
from mynet.server.store import Store
from tests.server.support.samples.records import NOW, add, network

ONE = ip_network("10.1.0.0/24")
RULES = Rules(
    range=Span(ip_address("10.1.0.128"), ip_address("10.1.0.255")),
    reserved=(Span(ip_address("10.1.0.5"), ip_address("10.1.0.5")),),
    cooldown=7.5,
    retention=0.0,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "mynet.db")
    yield made
    made.close()


def register(
    store: Store, cidr: IPNetwork = ONE, backend: str = "bitmap", *, kept: bool = True
) -> None:
    store.subnets.add(SubnetSpec(cidr, rules=RULES), SubnetCandidates(()), backend, NOW, kept=kept)


def with_rules(number: int, rules: Rules) -> Network:
    """Make a network whose subnet has rules of its own."""
    made = network(number)
    return replace(
        made, spec=replace(made.spec, subnets=(replace(made.spec.subnets[0], rules=rules),))
    )


@pytest.mark.parametrize("kept", [True, False])
def test_a_subnet_is_read_as_it_was_registered(store: Store, tmp_path: Path, *, kept: bool) -> None:
    register(store, kept=kept)
    found = store.subnets.find(ONE)
    assert (found.cidr, found.backend, found.rules, found.kept) == (ONE, "bitmap", RULES, kept)
    assert (found.network_id, found.network, found.create_time) == ("", "", NOW)
    assert found.revision > 0
    store.close()
    again = Store(tmp_path / "mynet.db")
    assert again.subnets.all() == [found]
    again.close()


@pytest.mark.parametrize(
    ("cidr", "overlaps"),
    [
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
    add(store, network(1))
    found = store.subnets.overlapping(ip_network(cidr))
    assert (found is not None) == overlaps
    if overlaps:
        with pytest.raises(SubnetOverlap, match=r"10\.1\.0\.0/24 of network n1"):
            add(store, network(2), cidr)
        with pytest.raises(SubnetOverlap, match=r"10\.1\.0\.0/24 of network n1"):
            register(store, ip_network(cidr))
        with pytest.raises(SubnetOverlap, match=r"10\.1\.0\.0/24 of network n1"):
            load(store, ip_network(cidr))
    else:
        add(store, network(2), cidr)
    assert len(store.subnets.all()) == (1 if overlaps else 2)


def test_a_subnet_is_registered_once(store: Store) -> None:
    register(store)
    with pytest.raises(SubnetExists, match="backend bitmap"):
        register(store)
    web = add(store, network())
    with pytest.raises(SubnetExists, match="network n1") as caught:
        register(store)
    assert (caught.value.resource, caught.value.holder) == ("subnet 10.1.0.0/24", "network n1")
    assert store.subnets.find(ONE).network_id == web.id


def test_a_network_adopts_an_unused_subnet_of_its_own_backend_only(store: Store) -> None:
    register(store, backend="spare")
    with pytest.raises(SubnetOverlap, match="backend spare"):
        add(store, network())
    assert store.subnets.drop(ONE)
    register(store)
    web = add(store, network())
    assert store.subnets.find(ONE).network_id == web.id
    assert store.subnets.find(ONE).network == "n1"


def test_a_network_without_rules_takes_those_of_the_subnet(store: Store) -> None:
    register(store)
    add(store, network())
    assert store.subnets.find(ONE).rules == RULES


def test_the_rules_of_a_network_hold_while_it_exists(store: Store) -> None:
    register(store)
    own = Rules(cooldown=0.0)
    web = add(store, with_rules(1, own))
    assert store.subnets.find(ONE).rules == own
    store.networks.remove(web)
    assert store.subnets.find(ONE).rules == RULES
    assert store.subnets.find(ONE).kept


@pytest.mark.parametrize("kept", [True, False])
def test_removing_a_network_restores_its_subnet_with_a_new_revision(
    store: Store, *, kept: bool
) -> None:
    register(store, kept=kept)
    before = store.subnets.find(ONE)
    web = add(store, network())
    claimed = store.subnets.find(ONE)
    store.networks.remove(web)
    after = store.subnets.find(ONE)
    assert before.revision < claimed.revision < after.revision
    assert replace(after, revision=before.revision) == before


def test_a_subnet_in_use_is_not_dropped(store: Store) -> None:
    web = add(store, network())
    assert not store.subnets.drop(ONE)
    assert store.subnets.without_network() == []
    store.networks.remove(web)
    assert [each.cidr for each in store.subnets.without_network()] == [ONE]
    assert store.subnets.drop(ONE)
    assert not store.subnets.drop(ONE)
    assert store.subnets.all() == []


def test_an_unregistered_subnet_is_not_found(store: Store) -> None:
    assert store.subnets.get(ONE) is None
    with pytest.raises(SubnetNotFound, match=r"there is no subnet 10\.1\.0\.0/24"):
        store.subnets.find(ONE)


def test_pages_are_ordered_by_address_ipv4_first(store: Store) -> None:
    for cidr in ("fd00::/64", "10.2.0.0/16", "9.0.0.0/8", "10.1.0.0/24", "::/64"):
        register(store, ip_network(cidr))
    order = ["9.0.0.0/8", "10.1.0.0/24", "10.2.0.0/16", "::/64", "fd00::/64"]
    assert [str(each.cidr) for each in store.subnets.all()] == order
    for place in range(5):
        page = store.subnets.page(ip_network(order[place]), 2)
        assert [str(each.cidr) for each in page] == order[place + 1 : place + 3]


# --- several at once --------------------------------------------------------------------------


def load(store: Store, *cidrs: IPNetwork, backend: str = "bitmap") -> None:
    dumps = [SubnetDump(cidr, "bitmap", RULES, kept=False, held=()) for cidr in cidrs]
    store.subnets.load(dumps, backend, NOW)


def test_an_import_does_not_change_an_existing_subnet(store: Store) -> None:
    web = add(store, network())
    before = store.subnets.find(ONE)
    load(store, ONE, ip_network("10.2.0.0/24"))
    assert store.subnets.find(ONE) == before
    assert store.subnets.find(ip_network("10.2.0.0/24")).rules == RULES
    assert before.network_id == web.id


@pytest.mark.parametrize(("cidr", "backend"), [("10.1.0.0/16", "bitmap"), ("10.1.0.0/24", "spare")])
def test_an_import_registers_all_subnets_or_none(store: Store, cidr: str, backend: str) -> None:
    register(store)
    with pytest.raises(SubnetOverlap):
        load(store, ip_network("10.0.0.0/24"), ip_network(cidr), backend=backend)
    assert [each.cidr for each in store.subnets.all()] == [ONE]


# --- without a CIDR ------------------------------------------------------------------------


def test_a_network_claims_all_its_subnets_or_none(store: Store) -> None:
    specs = (SubnetSpec(ONE), SubnetSpec(None, size=SubnetSize(4)))
    with pytest.raises(PoolsExhausted):
        store.networks.add(network(), specs, SubnetCandidates(()))
    assert (store.networks.all(), store.subnets.all()) == ([], [])

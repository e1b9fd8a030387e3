"""Choosing a subnet: as by trying each, and as fast with ten thousand as with ten."""

import sqlite3
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mynet.ipam.api import IPNetwork
from mynet.ipam.sqlite.checksums import add_crc32
from mynet.server.errors import PoolsExhausted
from mynet.server.model.subnets import AddressPool, SubnetCandidates, SubnetSize, SubnetSpec
from mynet.server.store import MIGRATIONS
from mynet.server.store.subnet_chooser import Interval, choose, first_gap
from mynet.server.store.subnets import SubnetKey

BASES = [ip_network(text) for text in ("10.1.2.0/24", "0.0.0.0/24", "255.255.255.0/24")]
BASES += [ip_network(text) for text in ("fd00::/120", "::/120", "ffff:ffff:ffff:ffff::ff00/120")]
POOL = AddressPool(ip_network("10.0.0.0/9"), 24)


# --- the first gap ----------------------------------------------------------------------------


def first_gap_by_trying(
    base: IPNetwork, prefixlen: int, start: int, busy: list[Interval]
) -> IPNetwork | None:
    """Try each subnet of the size."""
    if prefixlen < base.prefixlen:
        return None
    for subnet in base.subnets(new_prefix=prefixlen):
        low, high = int(subnet.network_address), int(subnet.broadcast_address)
        if low >= start and all(last < low or first > high for first, last in busy):
            return subnet
    return None


@st.composite
def grounds(draw: st.DrawFn) -> tuple[IPNetwork, int, int, list[Interval]]:
    """Draw a base, a size, a start in or just behind the base, and what is busy, in order."""
    base = draw(st.sampled_from(BASES))
    begin, most = int(base.network_address), (1 << base.max_prefixlen) - 1
    inside = st.integers(max(begin - 40, 0), min(begin + 300, most))
    ends = draw(st.lists(st.tuples(inside, inside), max_size=12))
    prefixlen = draw(st.integers(base.prefixlen - 2, base.max_prefixlen))
    start = begin + draw(st.integers(0, 257))
    return base, prefixlen, start, sorted((min(pair), max(pair)) for pair in ends)


@settings(max_examples=200)
@given(grounds())
def test_the_first_gap_is_found_as_by_trying_every_subnet(
    candidates: tuple[IPNetwork, int, int, list[Interval]],
) -> None:
    assert first_gap(*candidates) == first_gap_by_trying(*candidates)


# --- the choice -------------------------------------------------------------------------------


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """The registry's tables, in memory."""
    connection = sqlite3.connect(":memory:")
    add_crc32(connection)
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


def fill(database: sqlite3.Connection, *cidrs: str) -> None:
    """Register subnets past all checks."""
    keys = [(SubnetKey.of(ip_network(cidr)), cidr) for cidr in cidrs]
    database.executemany(
        "INSERT INTO subnets (version, first, last, cidr, backend, rules, kept, create_time,"
        " revision) VALUES (?, ?, ?, ?, '', '', 0, '', 0)",
        [(key.version, key.first, key.last, cidr) for key, cidr in keys],
    )


def take(database: sqlite3.Connection, candidates: SubnetCandidates, prefixlen: int = 0) -> str:
    """Choose a subnet and register it."""
    found = str(choose(database, SubnetSpec(None, size=SubnetSize(4, prefixlen)), candidates))
    fill(database, found)
    return found


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 15), unique=True, max_size=12),
    st.lists(st.integers(0, 31), max_size=4),
    st.lists(st.sampled_from([0, 24, 25, 26]), min_size=1, max_size=20),
)
def test_choices_overlap_nothing_and_use_up_every_pool(
    registered: list[int], taken: list[int], sizes: list[int]
) -> None:
    database = sqlite3.connect(":memory:")
    add_crc32(database)
    database.executescript(MIGRATIONS[0])
    fill(database, *(f"10.0.{number}.0/24" for number in registered))
    routes = [ip_network(f"10.0.{number // 2}.{number % 2 * 128}/25") for number in taken]
    pool = AddressPool(ip_network("10.0.0.0/20"), 24)
    there = [ip_network(f"10.0.{number}.0/24") for number in registered] + routes
    try:
        for size in sizes:
            found = choose(
                database,
                SubnetSpec(None, size=SubnetSize(4, size)),
                SubnetCandidates([pool], routes),
            )
            assert found.prefixlen == (size or 24)
            assert not any(found.overlaps(other) for other in there)
            fill(database, str(found))
            there.append(found)
    except PoolsExhausted:
        left = pool.base.subnets(new_prefix=size or 24)
        assert all(any(each.overlaps(other) for other in there) for each in left)
    finally:
        database.close()


def test_each_choice_continues_behind_the_last_of_any_size(database: sqlite3.Connection) -> None:
    candidates = SubnetCandidates([POOL])
    assert [take(database, candidates, size) for size in (0, 26, 26, 0, 16, 25)] == [
        *("10.0.0.0/24", "10.0.1.0/26", "10.0.1.64/26", "10.0.2.0/24", "10.1.0.0/16"),
        "10.2.0.0/25",
    ]


def test_after_the_end_of_a_pool_earlier_gaps_are_chosen(
    database: sqlite3.Connection,
) -> None:
    candidates = SubnetCandidates([AddressPool(ip_network("10.0.0.0/23"), 24)])
    assert take(database, candidates, 26) == "10.0.0.0/26"
    assert take(database, candidates) == "10.0.1.0/24"
    assert [take(database, candidates, 26) for _ in range(3)] == [
        f"10.0.0.{n}/26" for n in (64, 128, 192)
    ]
    with pytest.raises(PoolsExhausted, match=r"10\.0\.0\.0/23 in /24"):
        take(database, candidates, 32)


def test_a_subnet_that_begins_before_the_pool_or_the_choice_is_avoided(
    database: sqlite3.Connection,
) -> None:
    fill(database, "10.0.0.0/10")
    assert (
        take(database, SubnetCandidates([AddressPool(ip_network("10.32.0.0/11"), 24), POOL]))
        == "10.64.0.0/24"
    )


def test_the_last_address_of_a_family_can_be_chosen(database: sqlite3.Connection) -> None:
    candidates = SubnetCandidates([AddressPool(ip_network("255.255.255.254/31"), 32)])
    assert [take(database, candidates) for _ in range(2)] == [
        "255.255.255.254/32",
        "255.255.255.255/32",
    ]
    with pytest.raises(PoolsExhausted):
        take(database, candidates)
    last = ip_network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")
    candidates = SubnetCandidates([AddressPool(last, 128)])
    assert choose(database, SubnetSpec(None, size=SubnetSize(6)), candidates) == last


# --- how long it takes ------------------------------------------------------------------------


def steps(database: sqlite3.Connection, candidates: SubnetCandidates, prefixlen: int = 0) -> int:
    """Count the steps that SQLite takes for a choice."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    database.set_progress_handler(count, 1)
    choose(database, SubnetSpec(None, size=SubnetSize(4, prefixlen)), candidates)
    database.set_progress_handler(None, 1)
    return counted


def many(number: int) -> list[str]:
    return [f"10.{each // 256}.{each % 256}.0/24" for each in range(number)]


def test_ten_thousand_subnets_do_not_make_the_next_choice_slower(
    database: sqlite3.Connection,
) -> None:
    candidates = SubnetCandidates([POOL])
    fill(database, *many(9))
    take(database, candidates)
    few = steps(database, candidates)
    fill(database, *many(10_000)[11:])
    take(database, candidates)
    for prefixlen in (0, 25, 32):
        assert steps(database, candidates, prefixlen) < 2 * few


def test_a_choice_reads_each_registered_subnet_at_most_twice(
    database: sqlite3.Connection,
) -> None:
    candidates = SubnetCandidates([POOL])
    fill(database, *many(100))
    hundred = steps(database, candidates)
    database.execute("DELETE FROM cursors")
    fill(database, *many(10_000)[100:])
    assert steps(database, candidates) < 100 * hundred

"""The release queue and the sticky keys, on their tables alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network

import pytest

from mynet.ipam.api import Span, Subnet
from mynet.ipam.bitmap import cooldown as queue
from mynet.ipam.bitmap import sticky_keys
from mynet.ipam.bitmap.clock import SECOND, BootTime
from mynet.ipam.bitmap.ranges import UsableRange
from mynet.ipam.bitmap.schema import MIGRATIONS
from mynet.ipam.sqlite.checksums import add_crc32

CIDR = IPv4Network("10.1.0.0/24")
NOW = BootTime("this boot", 1000 * SECOND)


@pytest.fixture
def tables() -> Iterator[sqlite3.Connection]:
    """The tables of a file with two subnets, 1 and 2."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        add_crc32(connection)
        for script in MIGRATIONS:
            connection.executescript(script)
        for number in (1, 2):
            connection.execute(
                "INSERT INTO subnets VALUES (?, 4, ?, ?, x'00', 0, 0)",
                (number, bytes([number]), f"subnet {number}"),
            )
        yield connection


def packed(number: int) -> bytes:
    return UsableRange.of(Subnet(CIDR)).packed(number)


def pool_of(*reserved: tuple[int, int], bounds: tuple[int, int] = (1, 254)) -> UsableRange:
    spans = tuple(Span(CIDR[first], CIDR[last]) for first, last in reserved)
    return UsableRange.of(Subnet(CIDR, Span(CIDR[bounds[0]], CIDR[bounds[1]]), spans))


def ago(seconds: float, boot: str = NOW.boot) -> BootTime:
    return BootTime(boot, NOW.nanoseconds - round(seconds * SECOND))


def begin(tables: sqlite3.Connection, *numbers: int, since: BootTime = NOW) -> None:
    for number in numbers:
        queue.enqueue(tables, 1, packed(number), since)


def numbers(resting: object) -> list[int]:
    assert isinstance(resting, list)
    return [one.address[-1] for one in resting]


def test_the_first_released_come_first_up_to_the_limit(
    tables: sqlite3.Connection,
) -> None:
    begin(tables, 9, 3, 7, 5)
    queue.enqueue(tables, 2, packed(1), NOW)
    assert numbers(queue.oldest_usable(tables, 1, pool_of(), 3)) == [9, 3, 7]
    assert numbers(queue.oldest_usable(tables, 1, pool_of(), 9)) == [9, 3, 7, 5]
    assert numbers(queue.oldest_usable(tables, 1, pool_of(), 0)) == []
    assert numbers(queue.oldest(tables, 1)) == [9, 3, 7, 5]
    assert numbers(queue.oldest(tables, 1, 2)) == [9, 3]


def test_addresses_that_are_reserved_or_outside_the_range_are_skipped(
    tables: sqlite3.Connection,
) -> None:
    begin(tables, 9, 3, 7, 5, 200, 4)
    pool = pool_of((1, 3), (7, 8), bounds=(3, 9))
    assert numbers(queue.oldest_usable(tables, 1, pool, 9)) == [9, 5, 4]
    assert numbers(queue.oldest_usable(tables, 1, pool, 2)) == [9, 5]
    assert numbers(queue.oldest_usable(tables, 1, pool_of((1, 254)), 9)) == []


def test_an_address_can_be_removed_and_queued_again(tables: sqlite3.Connection) -> None:
    begin(tables, 9, 3, 7)
    queue.dequeue(tables, 1, [packed(3), packed(8)])
    assert numbers(queue.oldest(tables, 1)) == [9, 7]
    begin(tables, 3)
    assert numbers(queue.oldest(tables, 1)) == [9, 7, 3]


@pytest.mark.parametrize(
    ("since", "cooldown", "cools"),
    [
        (ago(30), 30.0, 0),
        (ago(30 - 1e-9), 30.0, 1),
        (ago(30 + 1e-9), 30.0, 0),
        (ago(0), 0.0, 0),
        (ago(0), 1e-9, 1),
        (ago(999), 1001.0, 1),
        # Of an earlier boot: since this one began, whatever its own count was.
        (ago(0, "earlier"), 1000.0, 0),
        (ago(0, "earlier"), 1000.5, 1),
        (ago(-5000, "earlier"), 1000.0, 0),
        (ago(1000, "earlier"), 1000.5, 1),
    ],
)
def test_is_cooling_and_count_cooling_agree(
    since: BootTime,
    cooldown: float,
    cools: int,
    tables: sqlite3.Connection,
) -> None:
    begin(tables, 9, since=since)
    (resting,) = queue.oldest(tables, 1)
    assert queue.is_cooling(resting, cooldown, NOW) == cools
    assert queue.count_cooling(tables, 1, pool_of(), cooldown, NOW) == cools
    assert queue.count_cooling(tables, 2, pool_of(), cooldown, NOW) == 0
    assert queue.count_cooling(tables, 1, pool_of((5, 9)), cooldown, NOW) == 0
    assert queue.count_cooling(tables, 1, pool_of((5, 8), (10, 99)), cooldown, NOW) == cools


@pytest.mark.parametrize("since", [ago(30), ago(0, "a boot"), ago(0, "your boot")])
def test_a_key_leads_back_until_the_retention_has_passed(
    since: BootTime, tables: sqlite3.Connection
) -> None:
    seconds = 30.0 if since.boot == NOW.boot else 1000.0
    sticky_keys.remember(tables, 1, "k", packed(9), since)
    assert sticky_keys.recall(tables, 1, "k", seconds + 1e-6, NOW) == packed(9)
    assert sticky_keys.recall(tables, 1, "k", seconds, NOW) is None
    assert sticky_keys.recall(tables, 1, "k", 0.0, NOW) is None
    assert sticky_keys.recall(tables, 1, "K", 9e9, NOW) is None
    assert sticky_keys.recall(tables, 2, "k", 9e9, NOW) is None
    sticky_keys.forget_expired(tables, 1, seconds + 1e-6, NOW)
    assert sticky_keys.recall(tables, 1, "k", 9e9, NOW) == packed(9)
    sticky_keys.forget_expired(tables, 2, seconds, NOW)
    assert sticky_keys.recall(tables, 1, "k", 9e9, NOW) == packed(9)
    sticky_keys.forget_expired(tables, 1, seconds, NOW)
    assert sticky_keys.recall(tables, 1, "k", 9e9, NOW) is None


def test_a_key_leads_to_what_was_released_last(tables: sqlite3.Connection) -> None:
    sticky_keys.remember(tables, 1, "k", packed(9), ago(1))
    sticky_keys.remember(tables, 1, "k", packed(7), NOW)
    sticky_keys.remember(tables, 1, "other", packed(5), NOW)
    assert sticky_keys.recall(tables, 1, "k", 60.0, NOW) == packed(7)
    sticky_keys.forget(tables, 1, ["k", "never heard of"])
    assert sticky_keys.recall(tables, 1, "k", 60.0, NOW) is None
    assert sticky_keys.recall(tables, 1, "other", 60.0, NOW) == packed(5)

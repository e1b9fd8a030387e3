"""Addresses after their release: in which order they may be had again, and who may come back.

A released address rests. While it is *cooling*, nobody gets it by chance; afterwards it is free,
but the last to be chosen. Apart from that, a sticky key is remembered with the address it had.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from mynet.ipam.bitmap.clock import SECOND, Moment, elapsed
from mynet.ipam.bitmap.ranges import Pool

# Of an earlier boot's addresses all cool down as long as this boot is younger than the cooldown.
_COOLING = "CASE boot WHEN ? THEN released > ? ELSE ? END"


@dataclass(frozen=True, slots=True)
class Resting:
    """An address that rests, and since when."""

    address: bytes
    since: Moment


def begin(connection: sqlite3.Connection, subnet: int, address: bytes, now: Moment) -> None:
    """Let an address rest, behind all others."""
    connection.execute(
        "INSERT INTO resting (subnet, address, boot, released) VALUES (?, ?, ?, ?)",
        (subnet, address, now.boot, now.nanoseconds),
    )


def end(connection: sqlite3.Connection, subnet: int, addresses: Sequence[bytes]) -> None:
    """End the rest of addresses."""
    connection.executemany(
        "DELETE FROM resting WHERE subnet = ? AND address = ?",
        [(subnet, address) for address in addresses],
    )


def longest(
    connection: sqlite3.Connection, subnet: int, pool: Pool, limit: int
) -> Sequence[Resting]:
    """Return those that may be chosen by the pool's rules, the longest resting first."""
    rows = connection.execute(  # the plus keeps SQLite from sorting: it goes by the other index
        "SELECT address, boot, released FROM resting"
        " WHERE subnet = ? AND +address BETWEEN ? AND ? ORDER BY seq",
        (subnet, pool.packed(pool.low), pool.packed(pool.high)),
    )
    unreserved = (row for row in rows if not pool.is_reserved(pool.place(row[0])))
    return [_resting(row) for row in islice(unreserved, limit)]


def oldest(connection: sqlite3.Connection, subnet: int, limit: int = -1) -> Sequence[Resting]:
    """Return those that rest in a subnet, or so many of them, the longest resting first."""
    rows = connection.execute(
        "SELECT address, boot, released FROM resting WHERE subnet = ? ORDER BY seq LIMIT ?",
        (subnet, limit),
    )
    return [_resting(row) for row in rows]


def count_cooling(
    connection: sqlite3.Connection, subnet: int, pool: Pool, cooldown: float, now: Moment
) -> int:
    """Count those that cool down and are not reserved."""
    cooling = f"SELECT count(*) FROM resting WHERE subnet = ? AND {_COOLING}"
    values = (subnet, now.boot, *_limits(cooldown, now))
    count: int = connection.execute(cooling, values).fetchone()[0]
    for first, last in pool.reserved:  # a query each: there may be too many for one
        between = (pool.packed(first), pool.packed(last))
        count -= connection.execute(
            f"{cooling} AND address BETWEEN ? AND ?", (*values, *between)
        ).fetchone()[0]
    return count


def remember(
    connection: sqlite3.Connection, subnet: int, sticky_key: str, address: bytes, now: Moment
) -> None:
    """Remember which address a sticky key had."""
    connection.execute(
        "INSERT OR REPLACE INTO remembered VALUES (?, ?, ?, ?, ?)",
        (subnet, sticky_key, address, now.boot, now.nanoseconds),
    )


def recall(
    connection: sqlite3.Connection, subnet: int, sticky_key: str, retention: float, now: Moment
) -> bytes | None:
    """Return the address that a sticky key had, if that is not too long ago."""
    row = connection.execute(
        "SELECT address, boot, released FROM remembered WHERE subnet = ? AND sticky_key = ?",
        (subnet, sticky_key),
    ).fetchone()
    if row is None or elapsed(Moment(row[1], row[2]), now) >= retention:
        return None
    return bytes(row[0])


def forget(connection: sqlite3.Connection, subnet: int, sticky_keys: Sequence[str]) -> None:
    """Forget sticky keys: their addresses are in use again, and remember them themselves."""
    connection.executemany(
        "DELETE FROM remembered WHERE subnet = ? AND sticky_key = ?",
        [(subnet, sticky_key) for sticky_key in sticky_keys],
    )


def forget_expired(
    connection: sqlite3.Connection, subnet: int, retention: float, now: Moment
) -> None:
    """Forget the sticky keys whose time is over."""
    long_ago, all_others = _limits(retention, now)
    connection.execute(
        "DELETE FROM remembered WHERE subnet = ? AND boot = ? AND released <= ?",
        (subnet, now.boot, long_ago),
    )
    if not all_others:
        for side in ("<", ">"):  # each a step in the index, where <> would go through all of it
            connection.execute(
                f"DELETE FROM remembered WHERE subnet = ? AND boot {side} ?", (subnet, now.boot)
            )


def is_cooling(resting: Resting, cooldown: float, now: Moment) -> bool:
    """Say whether an address cools down still."""
    return elapsed(resting.since, now) < cooldown


def _resting(row: tuple[bytes, str, int]) -> Resting:
    address, boot, released = row
    return Resting(address, Moment(boot, released))


def _limits(seconds: float, now: Moment) -> tuple[int, bool]:
    """Say when in this boot so many seconds ago was, and whether that was before this boot."""
    long_ago = now.nanoseconds - round(seconds * SECOND)
    return long_ago, long_ago < 0

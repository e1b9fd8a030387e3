"""The release queue: released addresses of a subnet, in the order of their release.

While an address in the queue is *cooling*, it is not chosen. Afterwards it is free, but it is
chosen only when no unused address is left. On the disk the queue is the table ``resting``.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from mynet.ipam.bitmap.clock import BootTime, cutoff, elapsed
from mynet.ipam.bitmap.ranges import UsableRange

# All addresses of earlier boots cool down as long as this boot is younger than the cooldown.
_COOLING = "CASE boot WHEN ? THEN released > ? ELSE ? END"


@dataclass(frozen=True, slots=True)
class Released:
    """A released address, and the time of its release."""

    address: bytes
    since: BootTime


def enqueue(connection: sqlite3.Connection, subnet_id: int, address: bytes, now: BootTime) -> None:
    """Append an address to the queue."""
    connection.execute(
        "INSERT INTO resting (subnet, address, boot, released) VALUES (?, ?, ?, ?)",
        (subnet_id, address, now.boot, now.nanoseconds),
    )


def dequeue(connection: sqlite3.Connection, subnet_id: int, addresses: Sequence[bytes]) -> None:
    """Remove addresses from the queue, wherever they are in it."""
    connection.executemany(
        "DELETE FROM resting WHERE subnet = ? AND address = ?",
        [(subnet_id, address) for address in addresses],
    )


def oldest_usable(
    connection: sqlite3.Connection, subnet_id: int, usable: UsableRange, limit: int
) -> Sequence[Released]:
    """Return up to ``limit`` addresses that the rules allow to choose, the first released first."""
    rows = connection.execute(  # the plus keeps SQLite from sorting: it uses the other index
        "SELECT address, boot, released FROM resting"
        " WHERE subnet = ? AND +address BETWEEN ? AND ? ORDER BY seq",
        (subnet_id, usable.packed(usable.low), usable.packed(usable.high)),
    )
    unreserved = (row for row in rows if not usable.is_reserved(usable.position_of(row[0])))
    return [_released(row) for row in islice(unreserved, limit)]


def oldest(connection: sqlite3.Connection, subnet_id: int, limit: int = -1) -> Sequence[Released]:
    """Return the queue, or its first ``limit`` addresses, the first released first."""
    rows = connection.execute(
        "SELECT address, boot, released FROM resting WHERE subnet = ? ORDER BY seq LIMIT ?",
        (subnet_id, limit),
    )
    return [_released(row) for row in rows]


def count_cooling(
    connection: sqlite3.Connection,
    subnet_id: int,
    usable: UsableRange,
    cooldown: float,
    now: BootTime,
) -> int:
    """Return the number of addresses that cool down and are not reserved."""
    query = f"SELECT count(*) FROM resting WHERE subnet = ? AND {_COOLING}"
    values = (subnet_id, now.boot, *cutoff(cooldown, now))
    count: int = connection.execute(query, values).fetchone()[0]
    for first, last in usable.reserved:  # a query each: there may be too many for one
        bounds = (usable.packed(first), usable.packed(last))
        count -= connection.execute(
            f"{query} AND address BETWEEN ? AND ?", (*values, *bounds)
        ).fetchone()[0]
    return count


def is_cooling(released: Released, cooldown: float, now: BootTime) -> bool:
    """Return whether an address still cools down."""
    return elapsed(released.since, now) < cooldown


def _released(row: tuple[bytes, str, int]) -> Released:
    address, boot, nanoseconds = row
    return Released(address, BootTime(boot, nanoseconds))

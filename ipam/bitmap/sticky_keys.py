"""Sticky keys that are not in use: the address that each had, in the table ``remembered``."""

import sqlite3
from collections.abc import Sequence

from mynet.ipam.bitmap.clock import BootTime, cutoff, elapsed


def remember(
    connection: sqlite3.Connection, subnet_id: int, sticky_key: str, address: bytes, now: BootTime
) -> None:
    """Record the address that a sticky key had until now."""
    connection.execute(
        "INSERT OR REPLACE INTO remembered VALUES (?, ?, ?, ?, ?)",
        (subnet_id, sticky_key, address, now.boot, now.nanoseconds),
    )


def recall(
    connection: sqlite3.Connection,
    subnet_id: int,
    sticky_key: str,
    retention: float,
    now: BootTime,
) -> bytes | None:
    """Return the address that a sticky key had, or None if the retention has passed."""
    row = connection.execute(
        "SELECT address, boot, released FROM remembered WHERE subnet = ? AND sticky_key = ?",
        (subnet_id, sticky_key),
    ).fetchone()
    if row is None or elapsed(BootTime(row[1], row[2]), now) >= retention:
        return None
    return bytes(row[0])


def forget(connection: sqlite3.Connection, subnet_id: int, sticky_keys: Sequence[str]) -> None:
    """Delete sticky keys that are in use again."""
    connection.executemany(
        "DELETE FROM remembered WHERE subnet = ? AND sticky_key = ?",
        [(subnet_id, sticky_key) for sticky_key in sticky_keys],
    )


def forget_expired(
    connection: sqlite3.Connection, subnet_id: int, retention: float, now: BootTime
) -> None:
    """Delete the sticky keys whose retention has passed."""
    nanoseconds, before_boot = cutoff(retention, now)
    connection.execute(
        "DELETE FROM remembered WHERE subnet = ? AND boot = ? AND released <= ?",
        (subnet_id, now.boot, nanoseconds),
    )
    if not before_boot:
        for comparison in ("<", ">"):  # each uses the index; <> would scan all of it
            connection.execute(
                f"DELETE FROM remembered WHERE subnet = ? AND boot {comparison} ?",
                (subnet_id, now.boot),
            )

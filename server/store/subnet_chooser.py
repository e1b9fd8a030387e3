"""Choosing subnets that nobody named: the next that is free in the default pools."""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from mynet.ipam.api import IPNetwork
from mynet.server.errors import PoolsExhausted
from mynet.server.model.subnets import AddressPool, SubnetCandidates, SubnetSize

Interval = tuple[int, int]  # from the one to the other address, both included


def choose(connection: sqlite3.Connection, size: SubnetSize, ground: SubnetCandidates) -> IPNetwork:
    """Choose the next free subnet of a size, behind the one chosen last; then from the beginning.

    So a subnet that was given up is the last to come back, and the choice takes the same time
    however many there are. Raises PoolsExhausted. Runs in the transaction that books the subnet.
    """
    pools = [pool for pool in ground.pools if pool.base.version == size.version]
    for pool in pools:
        prefixlen = size.prefixlen or pool.prefixlen
        for start in (_cursor(connection, pool), int(pool.base.network_address)):
            busy = heapq.merge(_booked(connection, pool, start), _taken(pool, ground.taken))
            found = first_gap(pool.base, prefixlen, start, busy)
            if found is not None:
                _set_cursor(connection, pool, int(found.broadcast_address) + 1)
                return found
    raise _exhausted(size, pools)


def first_gap(
    base: IPNetwork, prefixlen: int, start: int, busy: Iterable[Interval]
) -> IPNetwork | None:
    """Return the first subnet from ``start`` on that shares nothing with ``busy``, in order."""
    if prefixlen < base.prefixlen:
        return None
    size = 1 << (base.max_prefixlen - prefixlen)
    candidate = -(-start // size) * size
    for first, last in busy:
        if last < candidate:
            continue
        if first >= candidate + size:
            break
        candidate = (last // size + 1) * size
    if candidate + size - 1 > int(base.broadcast_address):
        return None
    return ip_network((candidate.to_bytes(base.max_prefixlen // 8, "big"), prefixlen))


def _booked(connection: sqlite3.Connection, pool: AddressPool, start: int) -> Iterator[Interval]:
    """Yield what is in the book, from the last that begins before ``start`` on, as it is read."""
    rows = connection.execute(
        "SELECT first, last FROM subnets WHERE version = :version AND first <= :end AND first >="
        " (SELECT coalesce(max(first), x'') FROM subnets"
        "  WHERE version = :version AND first <= :start)"
        " ORDER BY first",
        {
            "version": pool.base.version,
            "start": start.to_bytes(16, "big"),
            "end": int(pool.base.broadcast_address).to_bytes(16, "big"),
        },
    )
    return ((int.from_bytes(first, "big"), int.from_bytes(last, "big")) for first, last in rows)


def _taken(pool: AddressPool, taken: Iterable[IPNetwork]) -> list[Interval]:
    return sorted(
        (int(each.network_address), int(each.broadcast_address))
        for each in taken
        if each.version == pool.base.version
    )


def _cursor(connection: sqlite3.Connection, pool: AddressPool) -> int:
    row = connection.execute(
        "SELECT position FROM cursors WHERE pool = ?", (str(pool.base),)
    ).fetchone()
    return int.from_bytes(row[0], "big") if row else int(pool.base.network_address)


def _set_cursor(connection: sqlite3.Connection, pool: AddressPool, position: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO cursors VALUES (?, ?)",
        (str(pool.base), position.to_bytes(17, "big")),
    )


def _exhausted(size: SubnetSize, pools: Iterable[AddressPool]) -> PoolsExhausted:
    family = f"IPv{size.version}"
    known = ", ".join(f"{pool.base} in /{pool.prefixlen}" for pool in pools) or "none"
    wanted = f"/{size.prefixlen}" if size.prefixlen else "subnet"
    return PoolsExhausted(
        f"no {family} {wanted} is free in the default pools ({known}), as networks, the address"
        " book and the host's own routes have it; delete some, name a subnet, or give mynetd"
        " larger pools (--default-address-pool)",
        resource=f"pools {family}",
    )

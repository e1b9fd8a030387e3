"""Chooses the next free subnet of the default pools for a request that names no CIDR."""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from mynet.ipam.api import IPNetwork
from mynet.server.errors import PoolsExhausted
from mynet.server.model.subnets import AddressPool, SubnetCandidates, SubnetSize, SubnetSpec

Interval = tuple[int, int]  # the first and the last address


def choose(
    connection: sqlite3.Connection, spec: SubnetSpec, candidates: SubnetCandidates
) -> IPNetwork:
    """Return the CIDR of the spec, or a free one of its size.

    That is the next one behind the one chosen last, else from the beginning. So a released subnet
    is the last to be chosen again, and the time of a choice does not depend on the number of
    subnets. Raises PoolsExhausted. Runs in the transaction that registers the subnet.
    """
    size = spec.size
    if size is None:
        assert spec.cidr is not None  # noqa: S101 - a spec has a CIDR or a size
        return spec.cidr
    pools = [pool for pool in candidates.pools if pool.base.version == size.version]
    for pool in pools:
        prefixlen = size.prefixlen or pool.prefixlen
        for start in (_cursor(connection, pool), int(pool.base.network_address)):
            busy = heapq.merge(_registered(connection, pool, start), _taken(pool, candidates.taken))
            chosen = first_gap(pool.base, prefixlen, start, busy)
            if chosen is not None:
                _set_cursor(connection, pool, int(chosen.broadcast_address) + 1)
                return chosen
    raise _exhausted(size, pools, candidates.taken)


def first_gap(
    base: IPNetwork, prefixlen: int, start: int, busy: Iterable[Interval]
) -> IPNetwork | None:
    """Return the first subnet from ``start`` on that shares no address with ``busy``, or None.

    The intervals of ``busy`` must be in order.
    """
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


def _registered(
    connection: sqlite3.Connection, pool: AddressPool, start: int
) -> Iterator[Interval]:
    """Yield the registered subnets, beginning with the last one before ``start``."""
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
        (int(cidr.network_address), int(cidr.broadcast_address))
        for cidr in taken
        if cidr.version == pool.base.version
    )


def _covers(cidr: IPNetwork, pool: AddressPool) -> bool:
    """Return whether a subnet has all addresses of a pool."""
    shared = _taken(pool, [cidr])
    first, last = int(pool.base.network_address), int(pool.base.broadcast_address)
    return any(begin <= first and last <= end for begin, end in shared)


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


def _exhausted(
    size: SubnetSize, pools: Iterable[AddressPool], taken: Iterable[IPNetwork]
) -> PoolsExhausted:
    """Return the error, which names a route of the host that covers a whole pool."""
    family = f"IPv{size.version}"
    known = ", ".join(f"{pool.base} in /{pool.prefixlen}" for pool in pools) or "none"
    covering = next((str(cidr) for pool in pools for cidr in taken if _covers(cidr, pool)), "")
    routes = f"the host's own routes ({covering})" if covering else "the host's own routes"
    wanted = f"/{size.prefixlen}" if size.prefixlen else "subnet"
    return PoolsExhausted(
        f"no {family} {wanted} is free in the default pools ({known}): networks, registered subnets"
        f" and {routes} have them; delete some, name a subnet, or give mynetd other pools"
        " (--default-address-pool)",
        resource=f"pools {family}",
    )

"""Queries, which see the state after one commit and never wait for a writer."""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from ipaddress import ip_network

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    Call,
    IPAddress,
    IPNetwork,
    MapQuery,
    Part,
    Subnet,
    Usage,
)
from mynet.ipam.bitmap import cooldown, sticky_keys
from mynet.ipam.bitmap.allocation_table import COLUMNS, Row, subnet_not_found
from mynet.ipam.bitmap.bits import PAGE_BITS
from mynet.ipam.bitmap.clock import Clock
from mynet.ipam.bitmap.ranges import UsableRange, packed, unpacked
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.database import Database


class Queries(Backend):
    """The half of the backend that answers queries, from the file."""

    def __init__(self, database: Database, clock: Clock, instance: str) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance

    def allocation(self, subnet: IPNetwork, row: Row) -> Allocation:
        """Return a row as the contract's allocation. Raises StoreDamaged if it cannot be read."""
        try:
            return Allocation(
                subnet=subnet,
                address=unpacked(subnet, row.address),
                owner=row.owner,
                instance=self._instance,
                create_time=datetime.fromisoformat(row.create_time),
                revision=row.revision,
                labels=json.loads(row.labels),
                sticky_key=row.sticky_key,
            )
        except ValueError as error:
            raise StoreDamaged(
                f"an allocation of {subnet} cannot be read: {error}; restore it from a backup",
                resource=f"subnet {subnet}",
            ) from error

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        """Return allocations, by IP version, subnet and address."""
        conditions, values = _conditions(query)
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT cidr, {COLUMNS} FROM subnets"
                " JOIN allocations ON allocations.subnet = subnets.id"
                f" WHERE {' AND '.join(conditions)} ORDER BY version, first, address LIMIT ?",
                (*values, query.limit),
            ).fetchall()
        return [self.allocation(ip_network(cidr), Row(*row)) for cidr, *row in rows]

    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        """Return the address that a sticky key leads to now, or None. Raises SubnetNotFound."""
        subnet, key, now = request.subnet, request.sticky_key, self._clock.now()
        usable = UsableRange.of(subnet)
        with self._database.read() as connection:
            subnet_id = _subnet_id(connection, subnet.cidr)
            address = sticky_keys.recall(connection, subnet_id, key, subnet.retention, now)
            position = None if address is None else usable.position_of(address)
            if position is None or usable.is_reserved(position):
                return None
            if _held_between(connection, subnet_id, usable, position, position):
                return None
        return usable.address(position)

    def usage(self, call: Call, subnet: Subnet) -> Usage:
        """Return the usage of a subnet. Raises SubnetNotFound."""
        usable, now = UsableRange.of(subnet), self._clock.now()
        with self._database.read() as connection:
            subnet_id = _subnet_id(connection, subnet.cidr)
            (allocated,) = connection.execute(
                "SELECT allocated FROM subnets WHERE id = ?", (subnet_id,)
            ).fetchone()
            held = sum(
                _held_between(connection, subnet_id, usable, *span) for span in usable.reserved
            )
            cooling = cooldown.count_cooling(connection, subnet_id, usable, subnet.cooldown, now)
        return Usage(usable.capacity, allocated, usable.reserved_count - held, cooling)

    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        """Return the usage of each part of a subnet. Raises SubnetNotFound."""
        subnet, now = query.subnet, self._clock.now()
        usable, shift = UsableRange.of(subnet), subnet.cidr.max_prefixlen - query.prefixlen
        with self._database.read() as connection:
            subnet_id = _subnet_id(connection, subnet.cidr)
            pages = connection.execute(
                "SELECT number, bits FROM pages WHERE subnet = ?", (subnet_id,)
            ).fetchall()
            released = cooldown.oldest(connection, subnet_id)
        allocated: Counter[int] = Counter()
        cooling: Counter[int] = Counter()
        for page, bits in pages:
            first = int.from_bytes(page, "big") * PAGE_BITS
            for offset, count in _counts(int.from_bytes(bits, "little"), shift):
                allocated[(first + offset) >> shift] += count
        for entry in released:
            position = usable.position_of(entry.address)
            allocated[position >> shift] -= 1
            is_cooling = cooldown.is_cooling(entry, subnet.cooldown, now)
            if is_cooling and not usable.is_reserved(position):
                cooling[position >> shift] += 1
        return [
            Part(_part(subnet.cidr, part, query.prefixlen), allocated[part], cooling[part])
            for part in sorted(allocated)
            if allocated[part] or cooling[part]
        ]


def held_by(connection: sqlite3.Connection, owner: str) -> dict[IPNetwork, Sequence[Row]]:
    """Return the allocations of an owner, by subnet."""
    rows = connection.execute(
        f"SELECT cidr, {COLUMNS} FROM allocations JOIN subnets ON subnets.id = subnet"
        " WHERE owner = ? ORDER BY version, first, address",
        (owner,),
    )
    held: dict[IPNetwork, list[Row]] = {}
    for cidr, *row in rows:
        held.setdefault(ip_network(cidr), []).append(Row(*row))
    return dict(held)


def _subnet_id(connection: sqlite3.Connection, cidr: IPNetwork) -> int:
    row = connection.execute("SELECT id FROM subnets WHERE cidr = ?", (str(cidr),)).fetchone()
    if row is None:
        raise subnet_not_found(cidr)
    return int(row[0])


def _held_between(
    connection: sqlite3.Connection, subnet_id: int, usable: UsableRange, first: int, last: int
) -> int:
    count: int = connection.execute(
        "SELECT count(*) FROM allocations WHERE subnet = ? AND address BETWEEN ? AND ?",
        (subnet_id, usable.packed(first), usable.packed(last)),
    ).fetchone()[0]
    return count


def _counts(bits: int, shift: int) -> Iterator[tuple[int, int]]:
    """Yield the first bit of each 2^shift bits of a page, and how many of those are set."""
    step = 1 << shift
    if step >= PAGE_BITS:
        yield 0, bits.bit_count()
        return
    mask = (1 << step) - 1
    for offset in range(0, bits.bit_length(), step):
        if count := (bits >> offset & mask).bit_count():
            yield offset, count


def _part(cidr: IPNetwork, number: int, prefixlen: int) -> IPNetwork:
    first = cidr.network_address + (number << (cidr.max_prefixlen - prefixlen))
    return ip_network(f"{first}/{prefixlen}")


def _conditions(query: AllocationQuery) -> tuple[list[str], list[object]]:
    """Return the SQL conditions of a query, and their values."""
    conditions, values = ["true"], list[object]()
    if query.subnet is not None:
        conditions.append("cidr = ?")
        values.append(str(query.subnet))
    if query.address is not None:
        conditions += ["version = ?", "address = ?"]
        values += [query.address.version, packed(query.address)]
    if query.owner:
        conditions.append("owner = ?")
        values.append(query.owner)
    if query.owner_prefix:  # in the order of UTF-8, nothing comes behind the last code point
        conditions.append("owner BETWEEN ? AND ?")
        values += [query.owner_prefix, query.owner_prefix + chr(sys.maxunicode)]
    if query.after is not None:
        subnet, address = query.after
        conditions.append("(version, first, address) > (?, ?, ?)")
        values += [subnet.version, packed(subnet.network_address), packed(address)]
    return conditions, values

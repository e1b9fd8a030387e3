"""Questions to the file that change nothing: they see one commit's state and wait for no writer."""

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
    IPAddress,
    IPNetwork,
    MapQuery,
    Part,
    Subnet,
    Usage,
)
from mynet.ipam.bitmap import cooldown
from mynet.ipam.bitmap.bits import PAGE_BITS
from mynet.ipam.bitmap.book import COLUMNS, Row, subnet_not_found
from mynet.ipam.bitmap.clock import Clock
from mynet.ipam.bitmap.ranges import Pool, packed, unpacked
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.database import Database


class Reading:
    """Answers from the file of books."""

    def __init__(self, database: Database, clock: Clock, instance: str) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance

    def allocation(self, subnet: IPNetwork, row: Row) -> Allocation:
        """Return a row as the contract has it."""
        try:
            return Allocation(
                subnet=subnet,
                address=unpacked(subnet.version, row.address),
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

    def allocations(self, query: AllocationQuery) -> Sequence[Allocation]:
        """List allocations, by IP version, subnet and address."""
        conditions, values = _conditions(query)
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT cidr, {COLUMNS} FROM subnets"
                " JOIN allocations ON allocations.subnet = subnets.id"
                f" WHERE {' AND '.join(conditions)} ORDER BY version, first, address LIMIT ?",
                (*values, query.limit),
            ).fetchall()
        return [self.allocation(ip_network(cidr), Row(*row)) for cidr, *row in rows]

    def recall(self, request: AllocateRequest) -> IPAddress | None:
        """Return what a sticky key leads to, if it would be handed out. Raises SubnetNotFound."""
        subnet, key, now = request.subnet, request.sticky_key, self._clock.now()
        pool = Pool.of(subnet)
        with self._database.read() as connection:
            number = _number(connection, subnet.cidr)
            address = cooldown.recall(connection, number, key, subnet.retention, now)
            position = None if address is None else pool.place(address)
            if position is None or pool.is_reserved(position):
                return None
            if _held_between(connection, number, pool, position, position):
                return None
        return pool.address(position)

    def usage(self, subnet: Subnet) -> Usage:
        """Count a subnet's addresses. Raises SubnetNotFound."""
        pool, now = Pool.of(subnet), self._clock.now()
        with self._database.read() as connection:
            number = _number(connection, subnet.cidr)
            (allocated,) = connection.execute(
                "SELECT allocated FROM subnets WHERE id = ?", (number,)
            ).fetchone()
            held = sum(_held_between(connection, number, pool, *each) for each in pool.reserved)
            cooling = cooldown.count_cooling(connection, number, pool, subnet.cooldown, now)
        return Usage(pool.capacity, allocated, pool.reserved_count - held, cooling)

    def parts(self, query: MapQuery) -> Sequence[Part]:
        """Say how full each part of a subnet is. Raises SubnetNotFound."""
        subnet, now = query.subnet, self._clock.now()
        pool, shift = Pool.of(subnet), subnet.cidr.max_prefixlen - query.prefixlen
        with self._database.read() as connection:
            number = _number(connection, subnet.cidr)
            pages = connection.execute(
                "SELECT number, bits FROM pages WHERE subnet = ?", (number,)
            ).fetchall()
            resting = cooldown.oldest(connection, number)
        allocated: Counter[int] = Counter()
        cooling: Counter[int] = Counter()
        for page, bits in pages:
            first = int.from_bytes(page, "big") * PAGE_BITS
            for offset, count in _counts(int.from_bytes(bits, "little"), shift):
                allocated[(first + offset) >> shift] += count
        for one in resting:
            position = pool.place(one.address)
            allocated[position >> shift] -= 1
            if cooldown.is_cooling(one, subnet.cooldown, now) and not pool.is_reserved(position):
                cooling[position >> shift] += 1
        return [
            Part(_part(subnet.cidr, part, query.prefixlen), allocated[part], cooling[part])
            for part in sorted(allocated)
            if allocated[part] or cooling[part]
        ]


def held_by(connection: sqlite3.Connection, owner: str) -> dict[IPNetwork, Sequence[Row]]:
    """Return all that an owner holds, by subnet."""
    rows = connection.execute(
        f"SELECT cidr, {COLUMNS} FROM allocations JOIN subnets ON subnets.id = subnet"
        " WHERE owner = ? ORDER BY version, first, address",
        (owner,),
    )
    held: dict[IPNetwork, list[Row]] = {}
    for cidr, *row in rows:
        held.setdefault(ip_network(cidr), []).append(Row(*row))
    return dict(held)


def _number(connection: sqlite3.Connection, cidr: IPNetwork) -> int:
    row = connection.execute("SELECT id FROM subnets WHERE cidr = ?", (str(cidr),)).fetchone()
    if row is None:
        raise subnet_not_found(cidr)
    return int(row[0])


def _held_between(
    connection: sqlite3.Connection, number: int, pool: Pool, first: int, last: int
) -> int:
    count: int = connection.execute(
        "SELECT count(*) FROM allocations WHERE subnet = ? AND address BETWEEN ? AND ?",
        (number, pool.packed(first), pool.packed(last)),
    ).fetchone()[0]
    return count


def _counts(bits: int, shift: int) -> Iterator[tuple[int, int]]:
    """Count the bits of a page in steps of 2^shift: where each step begins, and how many."""
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
    """Return what a row must fulfil, and the values for it."""
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

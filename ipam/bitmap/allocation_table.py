"""The allocations of one subnet: its bits in memory, and bits and owners in the file.

Everything here runs in the writer thread of the database, inside a transaction, without a lock.
If the transaction is rolled back, the table is dropped from memory with it. Bits and counters of a
whole commit are written together, by :meth:`AllocationTable.flush`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mynet.ipam.api import IPNetwork, Subnet
from mynet.ipam.bitmap import cooldown, sticky_keys
from mynet.ipam.bitmap.bits import PAGE_BITS, SparseBits
from mynet.ipam.bitmap.clock import BootTime
from mynet.ipam.bitmap.ranges import UsableRange
from mynet.ipam.errors import SubnetNotFound

MOST_RELEASED = 65536  # in a subnet's release queue; those beyond are free like any other
_FREED_AT_ONCE = 1024


class Row(NamedTuple):
    """An allocation as the file stores it."""

    address: bytes
    owner: str
    create_time: str
    revision: int
    # A JSON object.
    labels: str
    sticky_key: str


COLUMNS = ", ".join(Row._fields)
_SELECT = f"SELECT {COLUMNS} FROM allocations WHERE subnet = ?"
_BY_ADDRESS = f"{_SELECT} AND address = ?"
_FIRST_BY_OWNER = f"{_SELECT} AND owner = ? ORDER BY revision, address LIMIT 1"


@dataclass(frozen=True, slots=True)
class Transaction:
    """The transaction in which one verb runs."""

    connection: sqlite3.Connection
    # The revision that the commit will have.
    revision: int
    now: BootTime


class AllocationTable:
    """The allocations of one open subnet. Raises SubnetNotFound if the subnet is not open."""

    def __init__(self, connection: sqlite3.Connection, cidr: IPNetwork) -> None:
        row = connection.execute(
            "SELECT id, cursor, allocated, resting FROM subnets WHERE cidr = ?", (str(cidr),)
        ).fetchone()
        if row is None:
            raise subnet_not_found(cidr)
        self.id: int = row[0]
        self._cursor = int.from_bytes(row[1], "big")
        self._allocated: int = row[2]
        self._released: int = row[3]
        self._bits = SparseBits()
        self._changed_pages: set[int] = set()
        self._rules: Subnet | None = None  # those of this commit's last request
        pages = connection.execute("SELECT number, bits FROM pages WHERE subnet = ?", (self.id,))
        for number, bits in pages:
            self._bits.put_page(int.from_bytes(number, "big"), int.from_bytes(bits, "little"))

    def set_rules(self, rules: Subnet) -> None:
        """Set the rules by which :meth:`flush` deletes what has expired."""
        self._rules = rules

    def flush(self, connection: sqlite3.Connection, now: BootTime) -> None:
        """Delete what has expired, and write bits and counters, in the commit that changed them."""
        if self._rules is not None:
            self._delete_expired(connection, self._rules, now)
            self._rules = None
        for number in self._changed_pages:
            bits = self._bits.page(number)
            key = (self.id, number.to_bytes(16, "big"))
            if bits:
                data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
                connection.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (*key, data))
            else:
                connection.execute("DELETE FROM pages WHERE subnet = ? AND number = ?", key)
        self._changed_pages.clear()
        connection.execute(
            "UPDATE subnets SET cursor = ?, allocated = ?, resting = ? WHERE id = ?",
            (self._cursor.to_bytes(17, "big"), self._allocated, self._released, self.id),
        )

    def by_address(self, transaction: Transaction, address: bytes) -> Row | None:
        """Return an address's allocation, or None."""
        return self._one(transaction, _BY_ADDRESS, address)

    def first_by_owner(self, transaction: Transaction, owner: str) -> Row | None:
        """Return the first allocation that an owner got, or None."""
        return self._one(transaction, _FIRST_BY_OWNER, owner)

    def unused(self, usable: UsableRange) -> Iterator[int]:
        """Yield positions that are neither allocated, in the release queue nor reserved.

        The order begins at the cursor, and goes on at the range's beginning.
        """
        start = max(self._cursor, usable.low)
        position = usable.next_free(self._bits, start)
        while position <= usable.high:
            yield position
            position = usable.next_free(self._bits, position + 1)
        position = usable.next_free(self._bits, usable.low)
        while position < min(start, usable.high + 1):
            yield position
            position = usable.next_free(self._bits, position + 1)

    def move_cursor_behind(self, position: int) -> None:
        """Make the next search for an unused position begin behind this one."""
        self._cursor = position + 1

    def insert(self, transaction: Transaction, usable: UsableRange, rows: Sequence[Row]) -> None:
        """Insert allocations of addresses that are not allocated."""
        transaction.connection.executemany(
            "INSERT INTO allocations VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(self.id, *row) for row in rows],
        )
        positions = [usable.position_of(row.address) for row in rows]
        queued = [
            row.address
            for row, position in zip(rows, positions, strict=True)
            if position in self._bits
        ]
        if queued:
            cooldown.dequeue(transaction.connection, self.id, queued)
        self._forget_keys(transaction, rows)
        self._allocated += len(rows)
        self._released -= len(queued)
        for position in positions:
            self._bits.set(position)
            self._changed_pages.add(position // PAGE_BITS)

    def replace(self, transaction: Transaction, row: Row) -> None:
        """Replace the allocation of an address that is allocated."""
        transaction.connection.execute(
            "INSERT OR REPLACE INTO allocations VALUES (?, ?, ?, ?, ?, ?, ?)", (self.id, *row)
        )
        self._forget_keys(transaction, [row])

    def release(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        """Delete allocations; queue their addresses and remember their sticky keys."""
        connection, now = transaction.connection, transaction.now
        connection.executemany(
            "DELETE FROM allocations WHERE subnet = ? AND address = ?",
            [(self.id, row.address) for row in rows],
        )
        for row in rows:
            cooldown.enqueue(connection, self.id, row.address, now)
            if row.sticky_key:
                sticky_keys.remember(connection, self.id, row.sticky_key, row.address, now)
        self._allocated -= len(rows)
        self._released += len(rows)

    def _delete_expired(self, connection: sqlite3.Connection, rules: Subnet, now: BootTime) -> None:
        """Delete expired keys and shorten the queue, which would otherwise grow without a limit."""
        sticky_keys.forget_expired(connection, self.id, rules.retention, now)
        excess = max(self._released - MOST_RELEASED, 0)
        for released in cooldown.oldest(connection, self.id, min(excess, _FREED_AT_ONCE)):
            if cooldown.is_cooling(released, rules.cooldown, now):
                break
            cooldown.dequeue(connection, self.id, [released.address])
            position = UsableRange.of(rules).position_of(released.address)
            self._released -= 1
            self._bits.clear(position)
            self._changed_pages.add(position // PAGE_BITS)

    def _forget_keys(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        """Forget the keys of new allocations, which are in use again."""
        if keys := [row.sticky_key for row in rows if row.sticky_key]:
            sticky_keys.forget(transaction.connection, self.id, keys)

    def _one(self, transaction: Transaction, query: str, value: object) -> Row | None:
        row = transaction.connection.execute(query, (self.id, value)).fetchone()
        return Row(*row) if row else None


def subnet_not_found(subnet: IPNetwork) -> SubnetNotFound:
    """Return the error for a subnet that is not open."""
    return SubnetNotFound(
        f"subnet {subnet} is not open in backend bitmap; open it first",
        resource=f"subnet {subnet}",
    )

"""One subnet's book: its bits in memory, and the same with owners in the file, changed together.

All of it runs in the writer thread of the file's database, inside a transaction, so there is no
lock; where that is rolled back, the book is forgotten with it. Bits and counters of a whole commit
go to the file together, by :meth:`Book.flush`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mynet.ipam.api import IPNetwork, Subnet
from mynet.ipam.bitmap import cooldown
from mynet.ipam.bitmap.bits import PAGE_BITS, SparseBits
from mynet.ipam.bitmap.clock import Moment
from mynet.ipam.bitmap.ranges import Pool
from mynet.ipam.errors import SubnetNotFound

MOST_RESTING = 65536  # of a subnet; beyond, the longest released are free like any other
_FREED_AT_ONCE = 1024


class Row(NamedTuple):
    """An allocation as the file has it; ``labels`` are JSON."""

    address: bytes
    owner: str
    create_time: str
    revision: int
    labels: str
    sticky_key: str


COLUMNS = ", ".join(Row._fields)
_SELECT = f"SELECT {COLUMNS} FROM allocations WHERE subnet = ?"
_HELD = f"{_SELECT} AND address = ?"
_FIRST = f"{_SELECT} AND owner = ? ORDER BY revision, address LIMIT 1"


@dataclass(frozen=True, slots=True)
class Turn:
    """One verb's turn in the writer thread: its transaction, its revision, and the time."""

    connection: sqlite3.Connection
    revision: int
    now: Moment


class Book:
    """The book of one subnet. Raises SubnetNotFound where the file has none."""

    def __init__(self, connection: sqlite3.Connection, cidr: IPNetwork) -> None:
        row = connection.execute(
            "SELECT id, cursor, allocated, resting FROM subnets WHERE cidr = ?", (str(cidr),)
        ).fetchone()
        if row is None:
            raise subnet_not_found(cidr)
        self.id: int = row[0]
        self._cursor = int.from_bytes(row[1], "big")
        self._allocated: int = row[2]
        self._resting: int = row[3]
        self._bits = SparseBits()
        self._changed_pages: set[int] = set()
        self._rules: Subnet | None = None  # as this commit's verbs were told them
        pages = connection.execute("SELECT number, bits FROM pages WHERE subnet = ?", (self.id,))
        for number, bits in pages:
            self._bits.put_page(int.from_bytes(number, "big"), int.from_bytes(bits, "little"))

    def told(self, rules: Subnet) -> None:
        """Take note of the rules by which the commit is to tidy up."""
        self._rules = rules

    def flush(self, connection: sqlite3.Connection, now: Moment) -> None:
        """Tidy up, and write bits and counters to the file, in the commit that changed them."""
        if self._rules is not None:
            self._tidy(connection, self._rules, now)
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
            (self._cursor.to_bytes(17, "big"), self._allocated, self._resting, self.id),
        )

    def held(self, turn: Turn, address: bytes) -> Row | None:
        """Return an address's allocation, or None where nobody holds it."""
        return self._one(turn, _HELD, address)

    def first_of(self, turn: Turn, owner: str) -> Row | None:
        """Return the allocation that an owner got first, or None where it has none."""
        return self._one(turn, _FIRST, owner)

    def unused(self, pool: Pool) -> Iterator[int]:
        """Yield what is neither held nor resting nor reserved, from the cursor on and round."""
        start = max(self._cursor, pool.low)
        position = pool.next_free(self._bits, start)
        while position <= pool.high:
            yield position
            position = pool.next_free(self._bits, position + 1)
        position = pool.next_free(self._bits, pool.low)
        while position < min(start, pool.high + 1):
            yield position
            position = pool.next_free(self._bits, position + 1)

    def search_behind(self, position: int) -> None:
        """Let the next search for what is unused begin behind a position."""
        self._cursor = position + 1

    def insert(self, turn: Turn, pool: Pool, rows: Sequence[Row]) -> None:
        """Write down allocations, and set their bits; a rest ends, and a key is in use again."""
        turn.connection.executemany(
            "INSERT INTO allocations VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(self.id, *row) for row in rows],
        )
        positions = [pool.place(row.address) for row in rows]
        rested = [
            row.address
            for row, position in zip(rows, positions, strict=True)
            if position in self._bits
        ]
        if rested:
            cooldown.end(turn.connection, self.id, rested)
        self._forget_keys(turn, rows)
        self._allocated += len(rows)
        self._resting -= len(rested)
        for position in positions:
            self._bits.set(position)
            self._changed_pages.add(position // PAGE_BITS)

    def replace(self, turn: Turn, row: Row) -> None:
        """Write down that an address that is held has another holder."""
        turn.connection.execute(
            "INSERT OR REPLACE INTO allocations VALUES (?, ?, ?, ?, ?, ?, ?)", (self.id, *row)
        )
        self._forget_keys(turn, [row])

    def let_rest(self, turn: Turn, rows: Sequence[Row]) -> None:
        """End allocations; their addresses rest, and their keys are remembered."""
        turn.connection.executemany(
            "DELETE FROM allocations WHERE subnet = ? AND address = ?",
            [(self.id, row.address) for row in rows],
        )
        for row in rows:
            cooldown.begin(turn.connection, self.id, row.address, turn.now)
            if row.sticky_key:
                cooldown.remember(turn.connection, self.id, row.sticky_key, row.address, turn.now)
        self._allocated -= len(rows)
        self._resting += len(rows)

    def _tidy(self, connection: sqlite3.Connection, rules: Subnet, now: Moment) -> None:
        """Keep what is remembered within bounds, or a large subnet would let it grow for ever."""
        cooldown.forget_expired(connection, self.id, rules.retention, now)
        excess = max(self._resting - MOST_RESTING, 0)
        for one in cooldown.oldest(connection, self.id, min(excess, _FREED_AT_ONCE)):
            if cooldown.is_cooling(one, rules.cooldown, now):
                break
            cooldown.end(connection, self.id, [one.address])
            position = Pool.of(rules).place(one.address)
            self._resting -= 1
            self._bits.clear(position)
            self._changed_pages.add(position // PAGE_BITS)

    def _forget_keys(self, turn: Turn, rows: Sequence[Row]) -> None:
        """Forget what the keys of new allocations led to: they are in use again."""
        if keys := [row.sticky_key for row in rows if row.sticky_key]:
            cooldown.forget(turn.connection, self.id, keys)

    def _one(self, turn: Turn, query: str, value: object) -> Row | None:
        row = turn.connection.execute(query, (self.id, value)).fetchone()
        return Row(*row) if row else None


def subnet_not_found(subnet: IPNetwork) -> SubnetNotFound:
    """Say that a subnet has no book."""
    return SubnetNotFound(
        f"subnet {subnet} is not open in backend bitmap; open it first",
        resource=f"subnet {subnet}",
    )

"""One subnet's book: its bits in memory, and the same with owners in the file, changed together.

All of it runs in the writer thread of the file's database, inside a transaction; so there is no
lock, and memory is changed last, when nothing that a verb does to the file can fail any more.
"""

import sqlite3
from datetime import UTC, datetime

from mynet.ipam.api import AllocateRequest, IPAddress, IPNetwork, ReleaseRequest
from mynet.ipam.bitmap.bits import PAGE_BITS, SparseBits
from mynet.ipam.bitmap.pool import Pool, packed, unpacked
from mynet.ipam.errors import (
    AddressInUse,
    AllocationNotFound,
    OwnerMismatch,
    SubnetExhausted,
    SubnetNotFound,
)

MOST_RESTING = 65536  # of a subnet; beyond, the longest released are free like any other

# An allocation as the file has it: address, owner, create_time, revision.
Row = tuple[bytes, str, str, int]


class Book:
    """The book of one subnet. Raises SubnetNotFound where the file has none."""

    def __init__(self, connection: sqlite3.Connection, subnet: IPNetwork) -> None:
        self._pool = Pool.of(subnet)
        row = connection.execute(
            "SELECT id, cursor FROM subnets WHERE cidr = ?", (str(subnet),)
        ).fetchone()
        if row is None:
            raise subnet_not_found(subnet)
        self._id: int = row[0]
        self._cursor = int.from_bytes(row[1], "big")
        self._bits = SparseBits()
        pages = connection.execute("SELECT number, bits FROM pages WHERE subnet = ?", (self._id,))
        for number, bits in pages:
            self._bits.put_page(int.from_bytes(number, "big"), int.from_bytes(bits, "little"))

    def allocate(
        self, connection: sqlite3.Connection, revision: int, request: AllocateRequest
    ) -> Row:
        """Allocate the address asked for, what the owner has already, or any that is free."""
        if request.address is not None:
            return self._allocate_this(connection, revision, request, request.address)
        held = request.owner and self._first_of(connection, request.owner)
        return held or self._allocate_any(connection, revision, request.owner)

    def release(self, connection: sqlite3.Connection, request: ReleaseRequest) -> Row:
        """Let an address rest; return its allocation as it was."""
        self._pool.require(request.address)
        address = packed(request.address)
        held = self._held(connection, address)
        if held is None:
            raise AllocationNotFound(
                f"nobody has {request.address} of {request.subnet}, so it is released already",
                resource=f"address {request.address}",
            )
        if request.owner is not None and request.owner != held[1]:
            raise OwnerMismatch(
                f"{request.address} is held by {held[1] or 'nobody by name'}, not by"
                f" {request.owner or 'nobody by name'}; it was not released",
                resource=f"address {request.address}",
                holder=held[1],
            )
        key = (self._id, address)
        connection.execute("DELETE FROM allocations WHERE subnet = ? AND address = ?", key)
        connection.execute("INSERT INTO resting (subnet, address) VALUES (?, ?)", key)
        (resting,) = connection.execute(
            "UPDATE subnets SET allocated = allocated - 1, resting = resting + 1"
            " WHERE id = ? RETURNING resting",
            (self._id,),
        ).fetchone()
        if resting > MOST_RESTING:
            self._free_longest_resting(connection)
        return held

    def _allocate_this(
        self,
        connection: sqlite3.Connection,
        revision: int,
        request: AllocateRequest,
        address: IPAddress,
    ) -> Row:
        position = self._pool.position(address)
        held = self._held(connection, packed(address))
        if held is None:
            if position in self._bits:
                self._wake(connection, packed(address))
                return self._insert(connection, revision, address, request.owner)
            return self._mark(connection, revision, position, request.owner, self._cursor)
        if request.owner and held[1] == request.owner:
            return held
        if request.take_from and held[1] == request.take_from:
            return self._hand_over(connection, revision, packed(address), request.owner)
        raise AddressInUse(
            f"{address} is held by {held[1] or 'somebody without a name'}; ask for another, or for"
            " any",
            resource=f"address {address}",
            holder=held[1],
        )

    def _allocate_any(self, connection: sqlite3.Connection, revision: int, owner: str) -> Row:
        """Allocate the next that is free behind the last; of the resting the longest released."""
        pool = self._pool
        position = self._bits.next_clear(max(self._cursor, pool.first))
        if position > pool.last:
            position = self._bits.next_clear(pool.first)
        if position <= pool.last:
            return self._mark(connection, revision, position, owner, position + 1)
        address = self._longest_resting(connection)
        if address is None:
            raise SubnetExhausted(
                f"every address of {pool.subnet} is held ({pool.capacity}); release some, or use"
                " a larger subnet",
                resource=f"subnet {pool.subnet}",
            )
        self._wake(connection, address)
        return self._insert(connection, revision, unpacked(pool.subnet.version, address), owner)

    def _mark(
        self,
        connection: sqlite3.Connection,
        revision: int,
        position: int,
        owner: str,
        cursor: int,
    ) -> Row:
        """Set a bit and write down whose it is."""
        row = self._insert(connection, revision, self._pool.address(position), owner)
        connection.execute(
            "UPDATE subnets SET cursor = ? WHERE id = ?", (cursor.to_bytes(17, "big"), self._id)
        )
        self._put_bit(connection, position, value=True)
        self._cursor = cursor
        return row

    def _insert(
        self, connection: sqlite3.Connection, revision: int, address: IPAddress, owner: str
    ) -> Row:
        row = (packed(address), owner, datetime.now(UTC).isoformat(), revision)
        connection.execute("INSERT INTO allocations VALUES (?, ?, ?, ?, ?)", (self._id, *row))
        connection.execute("UPDATE subnets SET allocated = allocated + 1 WHERE id = ?", (self._id,))
        return row

    def _put_bit(self, connection: sqlite3.Connection, position: int, *, value: bool) -> None:
        number, bit = divmod(position, PAGE_BITS)
        before = self._bits.page(number)
        bits = before | 1 << bit if value else before & ~(1 << bit)
        key = (self._id, number.to_bytes(16, "big"))
        if bits:
            data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
            connection.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (*key, data))
        else:
            connection.execute("DELETE FROM pages WHERE subnet = ? AND number = ?", key)
        self._bits.put_page(number, bits)

    def _held(self, connection: sqlite3.Connection, address: bytes) -> Row | None:
        return self._one(connection, "address = ?", address)

    def _first_of(self, connection: sqlite3.Connection, owner: str) -> Row | None:
        return self._one(connection, "owner = ? ORDER BY revision LIMIT 1", owner)

    def _one(self, connection: sqlite3.Connection, condition: str, value: object) -> Row | None:
        row: Row | None = connection.execute(
            "SELECT address, owner, create_time, revision FROM allocations"
            f" WHERE subnet = ? AND {condition}",
            (self._id, value),
        ).fetchone()
        return row

    def _hand_over(
        self, connection: sqlite3.Connection, revision: int, address: bytes, owner: str
    ) -> Row:
        row = (address, owner, datetime.now(UTC).isoformat(), revision)
        connection.execute(
            "INSERT OR REPLACE INTO allocations VALUES (?, ?, ?, ?, ?)", (self._id, *row)
        )
        return row

    def _longest_resting(self, connection: sqlite3.Connection) -> bytes | None:
        row = connection.execute(
            "SELECT address FROM resting WHERE subnet = ? ORDER BY seq LIMIT 1", (self._id,)
        ).fetchone()
        return bytes(row[0]) if row else None

    def _wake(self, connection: sqlite3.Connection, address: bytes) -> None:
        """End an address's rest."""
        connection.execute(
            "DELETE FROM resting WHERE subnet = ? AND address = ?", (self._id, address)
        )
        connection.execute("UPDATE subnets SET resting = resting - 1 WHERE id = ?", (self._id,))

    def _free_longest_resting(self, connection: sqlite3.Connection) -> None:
        """Keep the queue within bounds, or a subnet that is large enough would let it grow."""
        address = self._longest_resting(connection)
        if address is not None:
            self._wake(connection, address)
            position = self._pool.position(unpacked(self._pool.subnet.version, address))
            self._put_bit(connection, position, value=False)


def subnet_not_found(subnet: IPNetwork) -> SubnetNotFound:
    """Say that a subnet has no book."""
    return SubnetNotFound(
        f"subnet {subnet} is not open in backend bitmap; open it first",
        resource=f"subnet {subnet}",
    )

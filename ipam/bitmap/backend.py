"""The backend ``bitmap``: the contract's verbs over one file of books."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    BackendInfo,
    Call,
    IPNetwork,
    ReleaseRequest,
    Usage,
)
from mynet.ipam.bitmap.book import Book, Row, subnet_not_found
from mynet.ipam.bitmap.pool import Pool, packed, unpacked
from mynet.ipam.bitmap.schema import MIGRATIONS
from mynet.ipam.errors import SubnetInUse
from mynet.ipam.sqlite import Database

FILE = "bitmap.db"


class BitmapBackend(Backend):
    """Keeps bits in memory, and bits and owners in ``bitmap.db``."""

    def __init__(self, context: BackendContext) -> None:
        self._instance = context.instance
        # The books that are in use. Only the database's writer thread touches them: no lock.
        self._books: dict[IPNetwork, Book] = {}
        self._database = Database(
            Path(context.state_dir) / FILE, MIGRATIONS, on_rollback=self._books.clear
        )

    @property
    def info(self) -> BackendInfo:
        """What this backend is."""
        return BackendInfo(name="bitmap")

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Begin a book, where there is none."""
        row = (subnet.version, packed(subnet.network_address), str(subnet), bytes(17))
        self._database.write(
            lambda connection, _: connection.execute(
                "INSERT OR IGNORE INTO subnets (version, first, cidr, cursor, allocated, resting)"
                " VALUES (?, ?, ?, ?, 0, 0)",
                row,
            )
        )

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """End a book in which no allocation stands."""
        self._database.write(lambda connection, _: self._close(connection, subnet))

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        """Hand out an address; it is on the disk when this returns."""
        row = self._database.write(
            lambda connection, revision: self._book(connection, request.subnet).allocate(
                connection, revision, request
            )
        )
        return self._allocation(request.subnet, row)

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        """Take an address back; that is on the disk when this returns."""
        row = self._database.write(
            lambda connection, _: self._book(connection, request.subnet).release(
                connection, request
            )
        )
        return self._allocation(request.subnet, row)

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        """List allocations, from the file."""
        conditions, values = _conditions(query)
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT cidr, address, owner, create_time, revision FROM subnets"
                " JOIN allocations ON allocations.subnet = subnets.id"
                f" WHERE {' AND '.join(conditions)} ORDER BY version, first, address LIMIT ?",
                (*values, query.limit),
            ).fetchall()
        return [self._allocation(ip_network(cidr), (*row,)) for cidr, *row in rows]

    def usage(self, call: Call, subnet: IPNetwork) -> Usage:
        """Count, from the file."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT allocated FROM subnets WHERE cidr = ?", (str(subnet),)
            ).fetchone()
        if row is None:
            raise subnet_not_found(subnet)
        return Usage(capacity=Pool.of(subnet).capacity, allocated=row[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _book(self, connection: sqlite3.Connection, subnet: IPNetwork) -> Book:
        book = self._books.get(subnet)
        if book is None:
            book = self._books[subnet] = Book(connection, subnet)
        return book

    def _close(self, connection: sqlite3.Connection, subnet: IPNetwork) -> None:
        row = connection.execute(
            "SELECT id, allocated FROM subnets WHERE cidr = ?", (str(subnet),)
        ).fetchone()
        if row is None:
            return
        number, allocated = row
        if allocated:
            raise SubnetInUse(
                f"{allocated} addresses of {subnet} are held; release them first",
                resource=f"subnet {subnet}",
            )
        for table in ("pages", "resting"):
            connection.execute(f"DELETE FROM {table} WHERE subnet = ?", (number,))
        connection.execute("DELETE FROM subnets WHERE id = ?", (number,))
        self._books.pop(subnet, None)

    def _allocation(self, subnet: IPNetwork, row: Row) -> Allocation:
        address, owner, create_time, revision = row
        return Allocation(
            subnet=subnet,
            address=unpacked(subnet.version, address),
            owner=owner,
            instance=self._instance,
            create_time=datetime.fromisoformat(create_time),
            revision=revision,
        )


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
    if query.after is not None:
        subnet, address = query.after
        conditions.append("(version, first, address) > (?, ?, ?)")
        values += [subnet.version, packed(subnet.network_address), packed(address)]
    return conditions, values

"""The backend ``bitmap``: the contract's verbs over one file of books."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    BackendInfo,
    BatchRequest,
    Call,
    Holdings,
    IPAddress,
    IPNetwork,
    MapQuery,
    Part,
    ReleaseRequest,
    Subnet,
    Usage,
)
from mynet.ipam.bitmap import allocation
from mynet.ipam.bitmap.book import Book, Turn
from mynet.ipam.bitmap.clock import BootClock, Clock
from mynet.ipam.bitmap.queries import Reading, held_by
from mynet.ipam.bitmap.ranges import Pool, packed
from mynet.ipam.bitmap.schema import MIGRATIONS
from mynet.ipam.errors import StoreDamaged, SubnetInUse
from mynet.ipam.sqlite.database import Database, Work
from mynet.ipam.sqlite.errors import store_error

FILE = "bitmap.db"

T = TypeVar("T")


class BitmapBackend(Backend):
    """Keeps bits in memory, and bits and owners in ``bitmap.db``."""

    def __init__(self, context: BackendContext, clock: Clock | None = None) -> None:
        self._path = context.state_dir / FILE
        self._clock = clock or BootClock()
        # The books that are in use, and those that this commit has changed. Only the database's
        # writer thread touches them: no lock.
        self._books: dict[IPNetwork, Book] = {}
        self._changed: set[Book] = set()
        self._database = Database(
            self._path,
            MIGRATIONS,
            before_commit=self._flush,
            on_rollback=self._forget,
        )
        self._reading = Reading(self._database, self._clock, context.instance)

    @property
    def info(self) -> BackendInfo:
        """What this backend is."""
        return BackendInfo(name="bitmap")

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Begin a book, where there is none."""
        self._write(lambda connection, _: _open(connection, subnet))

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """End a book in which no allocation stands."""
        self._write(lambda connection, _: self._close(connection, subnet))

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        """Hand out an address; it is on the disk when this returns."""
        subnet = request.subnet
        row = self._change(subnet, lambda book, turn: allocation.allocate(book, turn, request))
        return self._reading.allocation(subnet.cidr, row)

    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        """Hand out several; they are on the disk when this returns."""
        subnet = request.subnet
        rows = self._change(
            subnet, lambda book, turn: allocation.allocate_batch(book, turn, request)
        )
        return [self._reading.allocation(subnet.cidr, row) for row in rows]

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        """Take an address back; that is on the disk when this returns."""
        subnet = request.subnet
        row = self._change(subnet, lambda book, turn: allocation.release(book, turn, request))
        return self._reading.allocation(subnet.cidr, row)

    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        """Take all back; that is on the disk when this returns."""
        return self.release_owners(call, [owner])

    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        """Take all back of several, in one commit; that is on the disk when this returns."""

        def work(connection: sqlite3.Connection, revision: int) -> Sequence[Allocation]:
            turn = Turn(connection, revision, self._clock.now())
            released = []
            for owner in owners:
                for cidr, rows in held_by(connection, owner).items():
                    self._touched(connection, cidr).let_rest(turn, rows)
                    released += [self._reading.allocation(cidr, row) for row in rows]
            return released

        return self._write(work)

    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        """Give addresses to those who had them elsewhere; on the disk when this returns."""

        def work(connection: sqlite3.Connection, revision: int) -> None:
            turn = Turn(connection, revision, self._clock.now())
            for each in holdings:
                _open(connection, each.subnet.cidr)
                book = self._touched(connection, each.subnet.cidr)
                book.insert(turn, Pool.of(each.subnet), allocation.plan(book, turn, each))

        with self._contradictions():
            self._database.write_alone(work)

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        """List allocations, from the file."""
        return self._reading.allocations(query)

    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        """Look a sticky key up, in the file."""
        return self._reading.recall(request)

    def usage(self, call: Call, subnet: Subnet) -> Usage:
        """Count, from the file."""
        return self._reading.usage(subnet)

    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        """Count part by part, from the file."""
        return self._reading.parts(query)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _change(self, subnet: Subnet, verb: Callable[[Book, Turn], T]) -> T:
        """Run a verb on a subnet's book, in the writer thread."""

        def work(connection: sqlite3.Connection, revision: int) -> T:
            book = self._touched(connection, subnet.cidr)
            book.told(subnet)
            return verb(book, Turn(connection, revision, self._clock.now()))

        return self._write(work)

    def _write(self, work: Work[T]) -> T:
        """Run work in the writer thread."""
        with self._contradictions():
            return self._database.write(work)

    @contextlib.contextmanager
    def _contradictions(self) -> Iterator[None]:
        """Say that the file is damaged where bits, rows and counters say different things."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise store_error(StoreDamaged, self._path, error) from error

    def _touched(self, connection: sqlite3.Connection, cidr: IPNetwork) -> Book:
        """Return a book that is going to change."""
        book = self._book(connection, cidr)
        self._changed.add(book)
        return book

    def _book(self, connection: sqlite3.Connection, cidr: IPNetwork) -> Book:
        book = self._books.get(cidr)
        if book is None:
            book = self._books[cidr] = Book(connection, cidr)
        return book

    def _flush(self, connection: sqlite3.Connection) -> None:
        now = self._clock.now()
        for book in self._changed:
            book.flush(connection, now)
        self._changed.clear()

    def _forget(self) -> None:
        self._changed.clear()
        self._books.clear()

    def _close(self, connection: sqlite3.Connection, subnet: IPNetwork) -> None:
        row = connection.execute("SELECT id FROM subnets WHERE cidr = ?", (str(subnet),)).fetchone()
        if row is None:
            return
        (held,) = connection.execute(
            "SELECT count(*) FROM allocations WHERE subnet = ?", row
        ).fetchone()
        if held:
            raise SubnetInUse(
                f"{held} addresses of {subnet} are held; release them first",
                resource=f"subnet {subnet}",
            )
        for table in ("pages", "resting", "remembered"):
            connection.execute(f"DELETE FROM {table} WHERE subnet = ?", row)
        connection.execute("DELETE FROM subnets WHERE id = ?", row)
        if book := self._books.pop(subnet, None):
            self._changed.discard(book)


def _open(connection: sqlite3.Connection, subnet: IPNetwork) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO subnets (version, first, cidr, cursor, allocated, resting)"
        " VALUES (?, ?, ?, ?, 0, 0)",
        (subnet.version, packed(subnet.network_address), str(subnet), bytes(17)),
    )

"""The backend ``bitmap``: the contract's verbs over one SQLite file."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    BackendContext,
    BackendInfo,
    BatchRequest,
    Call,
    Holdings,
    IPNetwork,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.bitmap.allocation import Allocator
from mynet.ipam.bitmap.allocation_table import AllocationTable, Row, Transaction
from mynet.ipam.bitmap.clock import BootClock, Clock
from mynet.ipam.bitmap.queries import Queries, held_by
from mynet.ipam.bitmap.ranges import packed
from mynet.ipam.bitmap.schema import MIGRATIONS
from mynet.ipam.errors import StoreDamaged, SubnetInUse
from mynet.ipam.sqlite.database import Database, Work
from mynet.ipam.sqlite.errors import store_error

FILE = "bitmap.db"

T = TypeVar("T")


class BitmapBackend(Queries):
    """Keeps bits in memory, and bits and owners in ``bitmap.db``."""

    def __init__(self, context: BackendContext, clock: Clock | None = None) -> None:
        self._path = context.state_dir / FILE
        # The tables in memory, and those that this commit has changed. Only the database's writer
        # thread uses them, so they need no lock.
        self._tables: dict[IPNetwork, AllocationTable] = {}
        self._changed: set[AllocationTable] = set()
        database = Database(
            self._path, MIGRATIONS, before_commit=self._flush, on_rollback=self._forget
        )
        super().__init__(database, clock or BootClock(), context.instance)

    @property
    def info(self) -> BackendInfo:
        """The backend's description."""
        return BackendInfo(name="bitmap")

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Insert the subnet, unless it is open."""
        self._write(lambda connection, _: _open(connection, subnet))

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Delete the subnet, unless it has allocations."""
        self._write(lambda connection, _: self._close(connection, subnet))

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        """Allocate an address."""
        return self._change(request.subnet, lambda allocator: [allocator.allocate(request)])[0]

    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        """Allocate an address for each owner."""
        return self._change(request.subnet, lambda allocator: allocator.allocate_batch(request))

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        """Release an address."""
        return self._change(request.subnet, lambda allocator: [allocator.release(request)])[0]

    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        """Release all addresses of an owner."""
        return self.release_owners(call, [owner])

    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        """Release all addresses of several owners, in one commit."""

        def work(connection: sqlite3.Connection, revision: int) -> Sequence[Allocation]:
            transaction = Transaction(connection, revision, self._clock.now())
            released = []
            for owner in owners:
                for cidr, rows in held_by(connection, owner).items():
                    self._changing(connection, cidr).release(transaction, rows)
                    released += [self.allocation(cidr, row) for row in rows]
            return released

        return self._write(work)

    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        """Allocate the given addresses, in one commit."""

        def work(connection: sqlite3.Connection, revision: int) -> None:
            transaction = Transaction(connection, revision, self._clock.now())
            for subnet_holdings in holdings:
                cidr = subnet_holdings.subnet.cidr
                _open(connection, cidr)
                Allocator(self._changing(connection, cidr), transaction).load(subnet_holdings)

        with self._contradictions():
            self._database.write_alone(work)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _change(
        self, subnet: Subnet, verb: Callable[[Allocator], Sequence[Row]]
    ) -> Sequence[Allocation]:
        """Run a verb on a subnet, in the writer thread; return the allocations of its rows."""

        def work(connection: sqlite3.Connection, revision: int) -> Sequence[Row]:
            table = self._changing(connection, subnet.cidr)
            table.set_rules(subnet)
            return verb(Allocator(table, Transaction(connection, revision, self._clock.now())))

        return [self.allocation(subnet.cidr, row) for row in self._write(work)]

    def _write(self, work: Work[T]) -> T:
        """Run a function in the writer thread."""
        with self._contradictions():
            return self._database.write(work)

    @contextlib.contextmanager
    def _contradictions(self) -> Iterator[None]:
        """Raise StoreDamaged if bits, rows and counters contradict each other."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise store_error(StoreDamaged, self._path, error) from error

    def _changing(self, connection: sqlite3.Connection, cidr: IPNetwork) -> AllocationTable:
        """Return a subnet's table, which the caller is about to change."""
        table = self._tables.get(cidr)
        if table is None:
            table = self._tables[cidr] = AllocationTable(connection, cidr)
        self._changed.add(table)
        return table

    def _flush(self, connection: sqlite3.Connection) -> None:
        now = self._clock.now()
        for table in self._changed:
            table.flush(connection, now)
        self._changed.clear()

    def _forget(self) -> None:
        self._changed.clear()
        self._tables.clear()

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
        for name in ("pages", "resting", "remembered"):
            connection.execute(f"DELETE FROM {name} WHERE subnet = ?", row)
        connection.execute("DELETE FROM subnets WHERE id = ?", row)
        if table := self._tables.pop(subnet, None):
            self._changed.discard(table)


def _open(connection: sqlite3.Connection, subnet: IPNetwork) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO subnets (version, first, cidr, cursor, allocated, resting)"
        " VALUES (?, ?, ?, ?, 0, 0)",
        (subnet.version, packed(subnet.network_address), str(subnet), bytes(17)),
    )

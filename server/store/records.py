"""What the tables of networks and endpoints have in common: a JSON document a row, in order."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from mynet.ipam.sqlite.database import Database
from mynet.server.store import codec


class Record(Protocol):
    """What all records have."""

    @property
    def id(self) -> str:
        """Tells it from all others."""

    @property
    def revision(self) -> int:
        """That of the commit that wrote it."""


R = TypeVar("R", bound=Record)


class Documents(Generic[R]):
    """A table whose rows have a sequence number, an id and a document."""

    def __init__(self, database: Database, table: str, record: type[R]) -> None:
        self._database = database
        self._record = record
        # The table's name and the conditions come from this package alone, never from a request.
        self._read = f"SELECT seq, document FROM {table}"
        self._revisions = f"SELECT id, document ->> 'revision' FROM {table} ORDER BY seq"
        self._exists = f"SELECT 1 FROM {table} WHERE id = ?"
        self._revision = f"SELECT document ->> 'revision' FROM {table} WHERE id = ?"

    def all(self) -> Sequence[R]:
        """Return every record, the oldest first."""
        return self._select("true")

    def renewed(self, known: Sequence[R]) -> Sequence[R]:
        """Return every record, the oldest first, as :meth:`all` does.

        Of those that are known, none is read again that has not changed.
        """
        with self._database.read() as connection:
            rows = connection.execute(self._revisions).fetchall()
        unchanged = {(record.id, record.revision): record for record in known}
        found: list[R] = []
        for row in rows:
            found += [unchanged[row]] if row in unchanged else self.with_id(row[0])
        return found

    def with_id(self, record_id: str) -> Sequence[R]:
        """Return the record with that id, or none."""
        return self._select("id = ?", record_id)

    def has(self, record_id: str) -> bool:
        """Say whether there is a record with that id, without reading it."""
        with self._database.read() as connection:
            return connection.execute(self._exists, (record_id,)).fetchone() is not None

    def now(self, known: R) -> Sequence[R]:
        """Return a record as it is now, or none. It is not read again if it has not changed."""
        with self._database.read() as connection:
            row = connection.execute(self._revision, (known.id,)).fetchone()
        unchanged = row is not None and row[0] == known.revision
        return [known] if unchanged else self.with_id(known.id)

    def by_id_prefix(self, prefix: str) -> Sequence[R]:
        """Return the records whose id, of hexadecimal digits, begins so."""
        return self._select("id >= ? AND id < ? || 'g'", prefix, prefix)

    def page(self, after: int, limit: int, wanted: Callable[[R], bool]) -> Sequence[tuple[int, R]]:
        """Return at most ``limit`` wanted records behind a sequence number, each with its own."""
        found: list[tuple[int, R]] = []
        with self._database.read() as connection:
            rows = connection.execute(f"{self._read} WHERE seq > ? ORDER BY seq", (after,))
            while len(found) < limit and (row := rows.fetchone()):
                record = codec.decode(row[1], self._record)
                if wanted(record):
                    found.append((row[0], record))
            rows.close()
        return found

    def _select(self, condition: str, *values: object) -> Sequence[R]:
        with self._database.read() as connection:
            return self._matching(connection, condition, *values)

    def _matching(
        self, connection: sqlite3.Connection, condition: str, *values: object
    ) -> Sequence[R]:
        rows = connection.execute(f"{self._read} WHERE {condition} ORDER BY seq", values)
        return [codec.decode(document, self._record) for _, document in rows]

"""What the tables of networks and endpoints have in common: a JSON document a row, in order."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from mynet.ipam.sqlite.database import Database
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.store import codec

R = TypeVar("R", bound=Network | Endpoint)


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

    def refreshed(self, known: Sequence[R]) -> Sequence[R]:
        """Return every record, the oldest first, and parse only those that changed since.

        ``known`` are the records of an earlier :meth:`all` or :meth:`refreshed`.
        """
        with self._database.read() as connection:
            rows = connection.execute(self._revisions).fetchall()
        unchanged = {(record.id, record.revision): record for record in known}
        records = (unchanged.get(row) or self.get(row[0]) for row in rows)
        return [record for record in records if record]

    def get(self, record_id: str) -> R | None:
        """Return the record with that id, or None."""
        records = self._select("id = ?", record_id)
        return records[0] if records else None

    def current(self, known: R) -> R | None:
        """Return a record as it is now, or None where it was removed.

        A record that has not changed is not parsed again, which takes a tenth of the time.
        """
        with self._database.read() as connection:
            row = connection.execute(self._revision, (known.id,)).fetchone()
        return known if row == (known.revision,) else self.get(known.id)

    def has(self, record_id: str) -> bool:
        """Return whether there is a record with that id, without parsing it."""
        with self._database.read() as connection:
            return connection.execute(self._exists, (record_id,)).fetchone() is not None

    def by_id_prefix(self, prefix: str) -> Sequence[R]:
        """Return the records whose id, of hexadecimal digits, begins with the prefix."""
        return self._select("id >= ? AND id < ? || 'g'", prefix, prefix)

    def page(self, after: int, limit: int, wanted: Callable[[R], bool]) -> Sequence[tuple[int, R]]:
        """Return at most ``limit`` wanted records behind a sequence number, each with its own."""
        records: list[tuple[int, R]] = []
        with self._database.read() as connection:
            rows = connection.execute(f"{self._read} WHERE seq > ? ORDER BY seq", (after,))
            while len(records) < limit and (row := rows.fetchone()):
                record = codec.decode(row[1], self._record)
                if wanted(record):
                    records.append((row[0], record))
            rows.close()
        return records

    def _select(self, condition: str, *values: object) -> Sequence[R]:
        with self._database.read() as connection:
            return self._matching(connection, condition, *values)

    def _matching(
        self, connection: sqlite3.Connection, condition: str, *values: object
    ) -> Sequence[R]:
        rows = connection.execute(f"{self._read} WHERE {condition} ORDER BY seq", values)
        return [codec.decode(document, self._record) for _, document in rows]

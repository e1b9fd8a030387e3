"""The read connections of a database: as many as ever read at the same time."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator


class Readers:
    """A pool of connections that grows with the number of concurrent readers."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        # Guards the two above. Notified when a connection comes back.
        self._guard = threading.Condition()

    @contextlib.contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection."""
        with self._guard:
            connection = self._idle.pop() if self._idle else self._connect()
            self._lent += 1
        try:
            yield connection
        finally:
            with self._guard:
                self._idle.append(connection)
                self._lent -= 1
                self._guard.notify_all()

    def close(self) -> None:
        """Wait until every connection has come back, and close them. Call it once, at the end."""
        with self._guard:
            self._guard.wait_for(lambda: not self._lent)
            for connection in self._idle:
                connection.close()

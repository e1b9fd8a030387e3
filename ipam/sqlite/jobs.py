"""What waits for the writer thread of a :class:`~mynet.ipam.sqlite.database.Database`."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from mynet.ipam.sqlite.errors import kind_of

T = TypeVar("T")

# What runs in the writer thread: it gets the connection and the revision that its commit will have.
# It may change memory too, if ``on_rollback`` forgets that: it may be run a second time.
Work = Callable[[sqlite3.Connection, int], T]


class HalfDone(Exception):
    """A job failed after it had changed something: its commit must not be."""


class Job(Generic[T]):
    """One function that waits for the writer, and how it came out.

    ``_done`` is held until the caller may know: a lock alone wakes a thread with a third of what a
    Future costs, and there is one of these for each write.
    """

    def __init__(self, work: Work[T], *, alone: bool) -> None:
        self.alone = alone  # in its commit
        self._work = work
        self._done = threading.Lock()
        self._done.acquire()
        self._result: T | None = None
        self._error: Exception | None = None

    def run(self, connection: sqlite3.Connection, revision: int) -> bool:
        """Run; say whether it changed the file. Raises HalfDone where it failed, having done so.

        What the file or its disk refuses comes out as it is.
        """
        before = connection.total_changes
        self._error = None
        try:
            self._result = self._work(connection, revision)
            _require_no_cursor(self._result)
        except Exception as error:
            if kind_of(error) is not None:
                raise  # the file fails, so it does for all jobs of this commit
            self._error = error
            if connection.total_changes > before or not connection.in_transaction:
                raise HalfDone from error
            return False
        return connection.total_changes > before

    def answer(self) -> None:
        """Tell the caller; only after the commit."""
        self._done.release()

    def fail(self, error: Exception) -> None:
        """Tell the caller that nothing came of it."""
        self._error = error
        self._done.release()

    def result(self) -> T:
        """Wait, in the caller's thread, and return what the function did, or raise that."""
        self._done.acquire()
        error, self._error = self._error, None
        if error is None:
            return self._result  # type: ignore[return-value]  # set, as there is no error
        try:
            raise error
        finally:
            del error  # it leads to this frame, which would lead to it: nobody would let go of them


def _require_no_cursor(result: object) -> None:
    """Refuse what is not to be let go of in another thread than its connection's."""
    if isinstance(result, sqlite3.Cursor):
        raise TypeError("a cursor stays in the thread of its connection: return its rows")

"""The jobs that the writer thread of a :class:`~mynet.ipam.sqlite.database.Database` runs."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from mynet.ipam.sqlite.errors import class_of

T = TypeVar("T")

# A function that runs in the writer thread, with the connection and the revision that its commit
# will have. It may be run a second time. It may change memory, if ``on_rollback`` forgets that.
Work = Callable[[sqlite3.Connection, int], T]


class PartialChange(Exception):
    """A job failed after it had changed something, so its transaction must be rolled back."""


class Job(Generic[T]):
    """One function that waits for the writer thread, and its result.

    ``_done`` is held until the caller may know the result. A lock wakes a thread at a third of the
    cost of a Future, and each write has a job.
    """

    def __init__(self, work: Work[T], *, alone: bool) -> None:
        self.alone = alone  # in its commit
        self._work = work
        self._done = threading.Lock()
        self._done.acquire()
        self._result: T | None = None
        self._error: Exception | None = None

    def run(self, connection: sqlite3.Connection, revision: int) -> bool:
        """Run the function; return whether it changed the file.

        Raises PartialChange if it failed after a change, and what the file or its disk raises.
        """
        before = connection.total_changes
        self._error = None
        try:
            self._result = self._work(connection, revision)
            _require_no_cursor(self._result)
        except Exception as error:
            if class_of(error) is not None:
                raise  # the file fails, and with it all jobs of this commit
            self._error = error
            if connection.total_changes > before or not connection.in_transaction:
                raise PartialChange from error
            return False
        return connection.total_changes > before

    def answer(self) -> None:
        """Wake the caller. Only valid after the commit."""
        self._done.release()

    def fail(self, error: Exception) -> None:
        """Wake the caller with an error."""
        self._error = error
        self._done.release()

    def result(self) -> T:
        """Wait, in the caller's thread; return what the function returned or raise its error."""
        self._done.acquire()
        error, self._error = self._error, None
        if error is None:
            return self._result  # type: ignore[return-value]  # set, as there is no error
        try:
            raise error
        finally:
            del error  # its traceback refers to this frame: a cycle would keep both alive


def _require_no_cursor(result: object) -> None:
    """Raise TypeError for a cursor, which must be released in the thread of its connection."""
    if isinstance(result, sqlite3.Cursor):
        raise TypeError("a cursor stays in the thread of its connection: return its rows")

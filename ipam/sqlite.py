"""A durable SQLite file with one writer thread and group commit.

Backends that keep their book in SQLite build on it, and so does the daemon's own store.

Writers hand a function to :meth:`Database.write` and wait. The writer thread takes all that wait at
that moment, runs each in a savepoint of its own, and commits them together: one fsync for many
callers, and still each call happens whole or not at all. Readers never wait for writers (WAL).
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from mynet.ipam.errors import StoreDamaged, StoreUnavailable

T = TypeVar("T")

# What runs in the writer thread: it gets the connection and the revision that its commit will have.
# It may change memory too, as its last act, when nothing it does to the file can fail any more.
Work = Callable[[sqlite3.Connection, int], T]

_BATCH = 256  # jobs in one commit: enough to hide the fsync, few enough to answer in milliseconds

_REVISION_TABLE = """
CREATE TABLE IF NOT EXISTS revision (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  value INTEGER NOT NULL
);
INSERT OR IGNORE INTO revision VALUES (1, 0);
"""


def _nothing() -> None:
    """Keep no memory beside the file, so there is nothing to forget."""


class _Job(Generic[T]):
    """One function that waits for the writer, and its caller's future."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self.future: Future[T] = Future()
        self._answer: Callable[[], None] = _nothing

    def run(self, connection: sqlite3.Connection, revision: int) -> bool:
        """Run in a savepoint; say whether it changed the file."""
        connection.execute("SAVEPOINT job")
        before = connection.total_changes
        try:
            result = self._work(connection, revision)
        except Exception as error:  # whatever it is, it is its caller's, not the thread's
            if not connection.in_transaction:
                raise  # SQLite threw the whole transaction away (a full disk): so must the batch
            connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
            failure = error
            self._answer = lambda: self.future.set_exception(failure)
            return False
        connection.execute("RELEASE job")
        self._answer = lambda: self.future.set_result(result)
        return connection.total_changes > before

    def answer(self) -> None:
        """Tell the caller; only after the commit."""
        self._answer()


class Database:
    """One SQLite file, opened by one process at a time.

    ``migrations`` are SQL scripts, numbered from 1 in the order given and kept in the file's
    ``user_version``; a file from a newer version is refused. ``on_rollback`` runs in the writer
    thread when a commit failed after its jobs had run: memory must forget what it learnt from them.

    Raises :exc:`~mynet.ipam.errors.StoreDamaged` where the file is not what it should be and
    :exc:`~mynet.ipam.errors.StoreUnavailable` where another process has it.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        *,
        on_rollback: Callable[[], None] = _nothing,
    ) -> None:
        self._path = path
        self._on_rollback = on_rollback
        self._lock_fd = _lock(path)
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._closed = False
        # Guards `_readers`, all the read connections that threads have opened, and `_closed`
        # against a write that slips in behind the end mark of the queue.
        self._guard = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._local = threading.local()
        try:
            self._connection = self._open(migrations)
        except BaseException:
            os.close(self._lock_fd)
            raise
        self._thread = threading.Thread(target=self._run, name=f"writer-{path.stem}", daemon=True)
        self._thread.start()

    def write(self, work: Work[T]) -> T:
        """Run ``work`` in the writer thread; return when what it did is on the disk.

        What ``work`` raises is raised here, and nothing of it stays. Raises StoreUnavailable where
        the disk refuses: then nothing was changed either.
        """
        job = _Job(work)
        with self._guard:
            if self._closed:
                raise StoreUnavailable(f"{self._path.name} is closed: the daemon is stopping")
            self._queue.put(job)
        return job.future.result()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's read-only connection, in one consistent snapshot of the file."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect(read_only=True)
            self._local.connection = connection
            with self._guard:
                self._readers.append(connection)
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def close(self) -> None:
        """Finish what was handed in, close every connection, give the file free."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        for reader in self._readers:
            reader.close()
        self._connection.close()
        os.close(self._lock_fd)

    def _open(self, migrations: Sequence[str]) -> sqlite3.Connection:
        try:
            connection = self._connect(read_only=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(self._path, connection, migrations)
            self._revision: int = connection.execute("SELECT value FROM revision").fetchone()[0]
        except sqlite3.DatabaseError as error:
            message = (
                f"{self._path} does not open as a mynet database: {error}. It was left as it is;"
                " restore it from a backup, or move it away to begin with an empty one"
            )
            raise StoreDamaged(message, resource=str(self._path)) from error
        return connection

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            batch = [job]
            ending = False
            while len(batch) < _BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    ending = True
                    break
                batch.append(following)
            self._commit(batch)
            if ending:
                return

    def _commit(self, batch: Sequence[_Job[Any]]) -> None:
        revision = self._revision
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                if job.run(self._connection, revision + 1):
                    revision += 1
            self._connection.execute("UPDATE revision SET value = ?", (revision,))
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the thread must outlive any failure of a commit
            self._fail(batch, error)
        else:
            self._revision = revision
            for job in batch:
                job.answer()

    def _fail(self, batch: Sequence[_Job[Any]], error: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._on_rollback()
        message = (
            f"{self._path} cannot be written: {error}. Nothing was changed; make room on the disk"
            " or mend it, and call again"
        )
        for job in batch:
            job.future.set_exception(StoreUnavailable(message, resource=str(self._path)))


def _lock(path: Path) -> int:
    """Lock the file for this process. Like: flock --exclusive --nonblock PATH.lock."""
    fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        message = f"{path} is in use by another process; stop that one first"
        raise StoreUnavailable(message, resource=str(path)) from error
    return fd


def _migrate(path: Path, connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the file to the newest schema, one transaction a step."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > len(migrations):
        message = (
            f"{path} has schema {found}, and this version knows schemas up to {len(migrations)}:"
            " it was written by a newer mynetd, so install that one again. It was left as it is"
        )
        raise StoreDamaged(message, resource=str(path))
    for number, script in enumerate(migrations[found:], start=found + 1):
        connection.executescript(
            f"BEGIN; {_REVISION_TABLE} {script}; PRAGMA user_version = {number}; COMMIT;"
        )

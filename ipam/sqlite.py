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

# SQLite's result codes that speak of the file or its disk. All others speak of the statement.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}
Kind = type[StoreDamaged] | type[StoreUnavailable]


def _nothing() -> None:
    """Keep no memory beside the file, so there is nothing to forget."""


class _Job(Generic[T]):
    """One function that waits for the writer, and its caller's future."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self.future: Future[T] = Future()
        self._result: T
        self._failure: Exception | None = None

    def run(self, connection: sqlite3.Connection, revision: int) -> bool:
        """Run in a savepoint; say whether it changed the file."""
        connection.execute("SAVEPOINT job")
        before = connection.total_changes
        try:
            self._result = self._work(connection, revision)
        except Exception as error:  # whatever it is, it is its caller's, not the thread's
            if not connection.in_transaction:
                raise  # SQLite threw the whole transaction away (a full disk): so must the batch
            connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
            self._failure = error
            return False
        connection.execute("RELEASE job")
        return connection.total_changes > before

    def answer(self) -> None:
        """Tell the caller; only after the commit."""
        if self._failure is not None:
            self.future.set_exception(self._failure)
        else:
            self.future.set_result(self._result)


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
        # Guards `_idle`, the read connections that nobody uses, `_lent`, how many are in use, and
        # `_closed` against a write that slips in behind the end mark of the queue. Woken when a
        # connection comes back.
        self._guard = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
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
            self._require_open()
            self._queue.put(job)
        with _telling(self._path):
            return job.future.result()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection, in one consistent snapshot of the file.

        Raises StoreDamaged or StoreUnavailable where the file cannot be read.
        """
        with _telling(self._path), self._reader() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    def close(self) -> None:
        """Finish what is being written and read, close every connection, give the file free."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        with self._guard:
            self._guard.wait_for(lambda: not self._lent)
            for reader in self._idle:
                reader.close()
        self._connection.close()
        os.close(self._lock_fd)

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self._path.name} is closed: the daemon is stopping")

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading: there are as many as ever read at once."""
        with self._guard:
            self._require_open()
            connection = self._idle.pop() if self._idle else self._connect(read_only=True)
            self._lent += 1
        try:
            yield connection
        finally:
            with self._guard:
                self._idle.append(connection)
                self._lent -= 1
                self._guard.notify_all()

    def _open(self, migrations: Sequence[str]) -> sqlite3.Connection:
        with _telling(self._path, otherwise=StoreDamaged), contextlib.ExitStack() as undo:
            connection = self._connect(read_only=False)
            undo.callback(connection.close)
            _require_ours(self._path, connection, len(migrations))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection, migrations)
            self._revision: int = connection.execute("SELECT value FROM revision").fetchone()[0]
            undo.pop_all()
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
        kind = _kind(error) or StoreUnavailable
        for job in batch:
            job.future.set_exception(_refusal(kind, self._path, error))


@contextlib.contextmanager
def _telling(path: Path, *, otherwise: Kind | None = None) -> Iterator[None]:
    """Raise what the file or its disk refuses as what the contract calls it."""
    try:
        yield
    except sqlite3.Error as error:
        kind = _kind(error) or otherwise
        if kind is None:
            raise
        raise _refusal(kind, path, error) from error


def _kind(error: Exception) -> Kind | None:
    """Say what an error is, if the file or its disk is the reason and not the statement."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # without its extension
    if code in _DAMAGED:
        return StoreDamaged
    return StoreUnavailable if code in _UNAVAILABLE else None


def _refusal(kind: Kind, path: Path, error: Exception) -> StoreDamaged | StoreUnavailable:
    if kind is StoreDamaged:
        message = (
            f"{path} does not read as a mynet database: {error}. It was left as it is; restore it"
            " from a backup, or move it away to begin with an empty one"
        )
    else:
        message = (
            f"{path} cannot be used: {error}. Nothing was changed; make room on the disk or mend"
            " it, and call again"
        )
    return kind(message, resource=str(path))


def _lock(path: Path) -> int:
    """Lock the file for this process. Like: flock --exclusive --nonblock PATH.lock."""
    lock = path.with_name(path.name + ".lock")
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refusal(StoreUnavailable, lock, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        message = f"{path} is in use by another process; stop that one first"
        raise StoreUnavailable(message, resource=str(path)) from error
    return fd


def _require_ours(path: Path, connection: sqlite3.Connection, newest: int) -> None:
    """Refuse another program's file, and a later version's, before anything is changed in it."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > newest:
        message = (
            f"{path} has schema {found}, and this version knows schemas up to {newest}:"
            " it was written by a newer mynetd, so install that one again. It was left as it is"
        )
        raise StoreDamaged(message, resource=str(path))
    if found == 0 and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        message = (
            f"{path} is another program's database. It was left as it is; move it away, or restore"
            " ours from a backup"
        )
        raise StoreDamaged(message, resource=str(path))


def _migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the file to the newest schema, one transaction a step."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(migrations[found:], start=found + 1):
        connection.executescript(
            f"BEGIN; {_REVISION_TABLE} {script}; PRAGMA user_version = {number}; COMMIT;"
        )

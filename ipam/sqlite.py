"""A durable SQLite file with one writer thread and group commit.

Backends that keep their book in SQLite build on it, and so does the daemon's own store.

Writers hand a function to :meth:`Database.write` and wait. The writer thread takes all that wait at
that moment, runs them one after the other, and commits them together: one fsync for many callers.
Still each happens whole or not at all: where one fails half-way, everything is rolled back and each
is run again, in a commit of its own. Readers never wait for writers (WAL).
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite_file import (
    kind_of,
    lock,
    migrate,
    refusal,
    require_ours,
    require_sound,
    require_whole,
    settle,
    telling,
)

T = TypeVar("T")

# What runs in the writer thread: it gets the connection and the revision that its commit will have.
# It may change memory too, if ``on_rollback`` forgets that: it may be run a second time.
Work = Callable[[sqlite3.Connection, int], T]

_BATCH = 256  # jobs in one commit: enough to hide the fsync, few enough to answer in milliseconds


def _nothing() -> None:
    """Keep no memory beside the file, so there is nothing to forget."""


def _nothing_more(_connection: sqlite3.Connection) -> None:
    """Add nothing to what the jobs of a commit have written."""


class _HalfDone(Exception):
    """A job failed after it had changed something: its commit must not be."""


class _Job(Generic[T]):
    """One function that waits for the writer, and how it came out.

    ``_done`` is held until the caller may know: a lock alone wakes a thread with a third of what a
    Future costs, and there is one of these for each write.
    """

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._done = threading.Lock()
        self._done.acquire()
        self._result: T | None = None
        self._error: Exception | None = None

    def run(self, connection: sqlite3.Connection, revision: int) -> bool:
        """Run; say whether it changed the file. Raises _HalfDone where it failed, having done so.

        What the file or its disk refuses comes out as it is.
        """
        before = connection.total_changes
        self._error = None
        try:
            self._result = self._work(connection, revision)
        except Exception as error:
            if kind_of(error) is not None:
                raise  # the file fails, so it does for all jobs of this commit
            self._error = error
            if connection.total_changes > before or not connection.in_transaction:
                raise _HalfDone from error
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


class Database:
    """One SQLite file, opened by one process at a time.

    ``migrations`` are SQL scripts, numbered from 1 in the order given and kept in the file's
    ``user_version``; a file from a newer version is refused. Both hooks run in the writer thread:
    ``before_commit`` adds what all jobs of a commit have in common, and ``on_rollback`` is for when
    the commit failed after they had run: memory must forget what it learnt from them.

    Raises :exc:`~mynet.ipam.errors.StoreDamaged` where the file is not what it should be and
    :exc:`~mynet.ipam.errors.StoreUnavailable` where another process has it.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        *,
        before_commit: Callable[[sqlite3.Connection], None] = _nothing_more,
        on_rollback: Callable[[], None] = _nothing,
    ) -> None:
        self._path = path
        self._before_commit = before_commit
        self._on_rollback = on_rollback
        self._lock_fd = lock(path)
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
        with telling(self._path):
            return job.result()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection, in one consistent snapshot of the file.

        Raises StoreDamaged or StoreUnavailable where the file cannot be read.
        """
        with telling(self._path), self._reader() as connection:
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
        with telling(self._path, otherwise=StoreDamaged), contextlib.ExitStack() as undo:
            require_whole(self._path, self._lock_fd)
            connection = self._connect(read_only=False)
            undo.callback(connection.close)
            require_ours(self._path, connection, self._lock_fd, len(migrations))
            require_sound(self._path, connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, migrations)
            settle(self._path, connection, self._lock_fd)
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
        """Commit jobs together, or where one fails half-way, each by itself."""
        try:
            self._transact(batch)
        except _HalfDone:
            self._roll_back()
            if len(batch) > 1:
                for job in batch:
                    self._commit([job])
                return
        except Exception as error:  # noqa: BLE001 - the thread must outlive any failure of a commit
            self._roll_back()
            kind = kind_of(error) or StoreUnavailable
            for job in batch:
                job.fail(refusal(kind, self._path, error))
            return
        for job in batch:
            job.answer()

    def _transact(self, batch: Sequence[_Job[Any]]) -> None:
        revision = self._revision
        self._connection.execute("BEGIN IMMEDIATE")
        for job in batch:
            if job.run(self._connection, revision + 1):
                revision += 1
        self._before_commit(self._connection)
        self._connection.execute("UPDATE revision SET value = ?", (revision,))
        self._connection.execute("COMMIT")
        self._revision = revision

    def _roll_back(self) -> None:
        """Undo the transaction; where even that fails, the next one is refused until it works."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._on_rollback()

"""A durable SQLite file with one writer thread and group commit.

IPAM backends can keep their allocations in it, and the daemon's own store does.

A caller hands a function to :meth:`Database.write` and waits. The writer thread takes all functions
that wait at that moment, runs them one after the other, and commits them together, with one fsync
for many callers. Each of them still happens whole or not at all: if one fails half-way, everything
is rolled back and each is run again, in a commit of its own. Readers never wait for writers (WAL).

Callers wake up while the disk works on the *next* commit, if there is one, and not while its
functions run: they would compete with the writer for the interpreter at every statement.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.checksums import add_crc32, require_checksums
from mynet.ipam.sqlite.errors import (
    class_of,
    fence_error,
    leaves_doubt,
    store_error,
    translated_errors,
)
from mynet.ipam.sqlite.file import migrate, require_ours, require_sound, require_whole
from mynet.ipam.sqlite.jobs import Job, PartialChange, Work
from mynet.ipam.sqlite.lock_file import LockFile
from mynet.ipam.sqlite.readers import Readers

__all__ = ["Database", "Work"]

T = TypeVar("T")

log = logging.getLogger(__name__)

_BATCH = 256  # jobs in one commit: enough to hide the fsync, few enough to answer in milliseconds


def _forget_nothing() -> None:
    """Do nothing, for a database without a memory beside it."""


def _add_nothing(_connection: sqlite3.Connection) -> None:
    """Do nothing, for a database whose jobs write all there is."""


class Database:
    """One SQLite file, opened by one process at a time.

    ``migrations`` are SQL scripts, numbered from 1 in the order given. The file's ``user_version``
    is the number of the last one that was applied. ``before_commit`` runs in the writer thread
    after the jobs of a commit, and adds to it what they have in common. ``on_rollback`` runs in the
    writer thread when a transaction was rolled back: what the jobs changed in memory must be
    forgotten.

    Raises :exc:`~mynet.ipam.errors.StoreDamaged` if the file is damaged, or another program or a
    newer version wrote it, and :exc:`~mynet.ipam.errors.StoreUnavailable` if another process has it
    open or the disk refuses.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        *,
        before_commit: Callable[[sqlite3.Connection], None] = _add_nothing,
        on_rollback: Callable[[], None] = _forget_nothing,
    ) -> None:
        self._path = path
        self._before_commit = before_commit
        self._on_rollback = on_rollback
        self._lock_file = LockFile(path)
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        # Used by the writer thread alone: jobs that are committed and not answered yet.
        self._unanswered: list[Job[Any]] = []
        # Used by the writer thread alone: the failure after which it refuses every write.
        self._fence: Exception | None = None
        self._closed = False
        # Guards `_closed`, so that no job enters the queue behind its end mark.
        self._guard = threading.Lock()
        self._readers = Readers(lambda: self._connect(read_only=True))
        try:
            self._connection = self._open(migrations)
        except BaseException:
            self._lock_file.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"writer-{path.stem}", daemon=True)
        self._thread.start()

    def write(self, work: Work[T]) -> T:
        """Run ``work`` in the writer thread; return its result when its changes are on the disk.

        If ``work`` raises, its error is raised here and its changes are rolled back. It may not
        return a cursor (TypeError), which would be released in this thread while the writer uses
        the connection.

        Raises StoreUnavailable if the disk refuses; then nothing was changed. After a failed write
        or sync, all further writes are refused until the file is opened again. Raises StoreDamaged
        if the file cannot be read.
        """
        return self._hand_in(Job(work, alone=False))

    def write_alone(self, work: Work[T]) -> T:
        """Run ``work``, which takes long, in a commit of its own; otherwise like :meth:`write`.

        Callers that came before do not wait for it.
        """
        return self._hand_in(Job(work, alone=True))

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection that sees one consistent snapshot of the file.

        Raises StoreDamaged or StoreUnavailable if the file cannot be read.
        """
        with translated_errors(self._path):
            with self._guard:
                self._require_open()
            with self._readers.lend() as connection:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("COMMIT")

    def close(self) -> None:
        """Finish all writes and reads, and close the file. A second call does nothing."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._readers.close()
        self._connection.close()
        self._lock_file.close()

    def _hand_in(self, job: Job[T]) -> T:
        with self._guard:
            self._require_open()
            self._queue.put(job)
        with translated_errors(self._path):
            return job.result()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self._path.name} is closed: the daemon is stopping")

    def _open(self, migrations: Sequence[str]) -> sqlite3.Connection:
        with (
            translated_errors(self._path, otherwise=StoreDamaged),
            contextlib.ExitStack() as rollback,
        ):
            require_whole(self._path, self._lock_file)
            connection = self._connect(read_only=False)
            rollback.callback(connection.close)
            require_ours(self._path, connection, self._lock_file, len(migrations))
            require_sound(self._path, connection)
            require_checksums(self._path, connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, migrations)
            self._lock_file.initialise(connection)
            self._revision = self._last_revision(connection)
            rollback.pop_all()
        return connection

    def _last_revision(self, connection: sqlite3.Connection) -> int:
        """Return the last commit's revision, counting commits that were lost, and log those."""
        revision: int = connection.execute("SELECT value FROM revision").fetchone()[0]
        noted = self._lock_file.last_commit
        if noted > revision:
            log.error(
                "%s has lost its newest commits, %d to %d: it is as it was before them. Its log"
                " (%s-wal) was cut or removed, or it was restored from a backup",
                *(self._path, revision + 1, noted, self._path.name),
            )
            # So that the loss is logged once, and no revision is used twice.
            connection.execute("UPDATE revision SET value = ?", (noted,))
        return max(revision, noted)

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        add_crc32(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _run(self) -> None:
        batch: list[Job[Any]] = []
        for job in iter(self._queue.get, None):
            if job.alone:
                self._commit(batch)
                self._answer()
                batch = []
            batch.append(job)
            if job.alone or len(batch) == _BATCH or self._queue.empty():
                self._commit(batch)
                batch = []
            if job.alone or self._queue.empty():
                self._answer()
        self._commit(batch)
        self._answer()

    def _commit(self, batch: Sequence[Job[Any]]) -> None:
        """Commit jobs together, or each by itself if one of them fails half-way."""
        if not batch:
            return
        try:
            self._transact(batch)
        except PartialChange:
            self._roll_back()
            if len(batch) > 1:
                for job in batch:
                    self._commit([job])
                return
        except Exception as error:  # noqa: BLE001 - the thread must outlive any failure of a commit
            self._roll_back()
            if self._fence is None and leaves_doubt(error):
                self._fence = error
                log.critical("%s", fence_error(self._path, error))
            for job in batch:
                job.fail(self._commit_error(error))
            return
        self._unanswered += batch

    def _commit_error(self, error: Exception) -> Exception:
        if self._fence:
            return fence_error(self._path, self._fence)
        return store_error(class_of(error) or StoreUnavailable, self._path, error)

    def _answer(self) -> None:
        """Wake the callers whose jobs are committed."""
        for job in self._unanswered:
            job.answer()
        self._unanswered.clear()

    def _transact(self, batch: Sequence[Job[Any]]) -> None:
        if self._fence:
            raise self._fence
        revision = self._revision
        self._connection.execute("BEGIN IMMEDIATE")
        for job in batch:
            if job.run(self._connection, revision + 1):
                revision += 1
        self._before_commit(self._connection)
        self._connection.execute("UPDATE revision SET value = ?", (revision,))
        self._answer()  # the jobs of the commit before: this thread now waits for the disk
        self._connection.execute("COMMIT")
        if revision != self._revision:
            self._revision = revision
            self._lock_file.note(revision)

    def _roll_back(self) -> None:
        """Roll the transaction back; if even that fails, the next BEGIN fails until it works."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._on_rollback()

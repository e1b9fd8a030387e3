"""A durable SQLite file with one writer thread and group commit.

Backends that keep their book in SQLite build on it, and so does the daemon's own store.

Writers hand a function to :meth:`Database.write` and wait. The writer thread takes all that wait at
that moment, runs them one after the other, and commits them together: one fsync for many callers.
Still each happens whole or not at all: where one fails half-way, everything is rolled back and each
is run again, in a commit of its own. Readers never wait for writers (WAL).

Callers wake up while the disk works on the *next* commit, if there is one, and not while its
functions run: there is one interpreter, and they would wrest it from the writer at every statement.
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
from mynet.ipam.sqlite.checksums import require_seals, teach
from mynet.ipam.sqlite.errors import fenced, kind_of, leaves_doubt, refusal, telling
from mynet.ipam.sqlite.file import Witness, migrate, require_ours, require_sound, require_whole
from mynet.ipam.sqlite.jobs import HalfDone, Job, Work

__all__ = ["Database", "Work"]

T = TypeVar("T")

log = logging.getLogger(__name__)

_BATCH = 256  # jobs in one commit: enough to hide the fsync, few enough to answer in milliseconds


def _nothing() -> None:
    """Keep no memory beside the file, so there is nothing to forget."""


def _nothing_more(_connection: sqlite3.Connection) -> None:
    """Add nothing to what the jobs of a commit have written."""


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
        self._witness = Witness(path)
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        # The writer thread's own: who is in the file and does not know it yet.
        self._unanswered: list[Job[Any]] = []
        # The writer thread's own: why it writes no more, once that is so.
        self._fence: Exception | None = None
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
            self._witness.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"writer-{path.stem}", daemon=True)
        self._thread.start()

    def write(self, work: Work[T]) -> T:
        """Run ``work`` in the writer thread; return when what it did is on the disk.

        What ``work`` raises is raised here, and nothing of it stays. A cursor is nothing to return:
        it would be let go of in this thread, while the other works on its statement. Raises
        StoreUnavailable where the disk refuses: then nothing was changed either. After a write or a
        sync that failed, all others are refused until the file is opened anew.
        """
        return self._hand_in(Job(work, alone=False))

    def write_alone(self, work: Work[T]) -> T:
        """Run ``work``, which takes long, in a commit of its own; else like :meth:`write`.

        Only those who come behind wait for it, and not those who came before.
        """
        return self._hand_in(Job(work, alone=True))

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
        self._witness.close()

    def _hand_in(self, job: Job[T]) -> T:
        with self._guard:
            self._require_open()
            self._queue.put(job)
        with telling(self._path):
            return job.result()

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
            require_whole(self._path, self._witness)
            connection = self._connect(read_only=False)
            undo.callback(connection.close)
            require_ours(self._path, connection, self._witness, len(migrations))
            require_sound(self._path, connection)
            require_seals(self._path, connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, migrations)
            self._witness.settle(connection)
            self._revision = self._last_revision(connection)
            undo.pop_all()
        return connection

    def _last_revision(self, connection: sqlite3.Connection) -> int:
        """Return the last commit's revision, also of those that were lost, which is said once."""
        found: int = connection.execute("SELECT value FROM revision").fetchone()[0]
        seen = self._witness.seen
        if seen > found:
            log.error(
                "%s has lost its newest commits, %d to %d: it is as it was before them. Its log"
                " (%s-wal) was cut or removed, or it was restored from a backup",
                *(self._path, found + 1, seen, self._path.name),
            )
            # It has been said; and no revision is used twice.
            connection.execute("UPDATE revision SET value = ?", (seen,))
        return max(found, seen)

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        teach(connection)
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
        """Commit jobs together, or where one fails half-way, each by itself."""
        if not batch:
            return
        try:
            self._transact(batch)
        except HalfDone:
            self._roll_back()
            if len(batch) > 1:
                for job in batch:
                    self._commit([job])
                return
        except Exception as error:  # noqa: BLE001 - the thread must outlive any failure of a commit
            self._roll_back()
            if self._fence is None and leaves_doubt(error):
                self._fence = error
                log.critical("%s", fenced(self._path, error))
            for job in batch:
                job.fail(self._refused(error))
            return
        self._unanswered += batch

    def _refused(self, error: Exception) -> Exception:
        """Say why a commit failed."""
        if self._fence:
            return fenced(self._path, self._fence)
        return refusal(kind_of(error) or StoreUnavailable, self._path, error)

    def _answer(self) -> None:
        """Tell those whose work is in the file."""
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
        self._answer()  # those of the commit before: this thread waits for the disk now
        self._connection.execute("COMMIT")
        if revision != self._revision:
            self._revision = revision
            self._witness.note(revision)

    def _roll_back(self) -> None:
        """Undo the transaction; where even that fails, the next one is refused until it works."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._on_rollback()

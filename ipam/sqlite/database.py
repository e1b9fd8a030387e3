"""A durable SQLite file with one writer thread and group commit.

IPAM backends can keep their allocations in it, and the daemon's own store does.

A caller hands a function to :meth:`Database.write` and waits until its changes are on the disk. All
functions that wait at the same time share one commit. Readers never wait for writers (WAL).
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.checksums import add_crc32, require_checksums
from mynet.ipam.sqlite.errors import translated_errors
from mynet.ipam.sqlite.file import migrate, require_ours, require_sound, require_whole
from mynet.ipam.sqlite.jobs import Job, Work
from mynet.ipam.sqlite.lock_file import LockFile
from mynet.ipam.sqlite.readers import Readers
from mynet.ipam.sqlite.writer import Writer

__all__ = ["Database", "Work"]

T = TypeVar("T")

log = logging.getLogger(__name__)


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
        before_commit: Callable[[sqlite3.Connection], None] = lambda _: None,
        on_rollback: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._lock_file = LockFile(path)
        try:
            self._connection = self._open(migrations)
        except BaseException:
            self._lock_file.close()
            raise
        self._readers = Readers(lambda: self._connect(read_only=True))
        self._writer = Writer(
            path,
            self._connection,
            self._revision,
            self._lock_file.note,
            before_commit,
            on_rollback,
        )

    def write(self, work: Work[T]) -> T:
        """Run ``work`` in the writer thread; return its result when its changes are on the disk.

        If ``work`` raises, its error is raised here and its changes are rolled back. It may not
        return a cursor (TypeError), which would be released in this thread while the writer uses
        the connection.

        Raises StoreUnavailable if the disk refuses; then nothing was changed. After a failed write
        or sync, all further writes are refused until the file is opened again. Raises StoreDamaged
        if the file cannot be read.
        """
        return self._run(Job(work, alone=False))

    def write_alone(self, work: Work[T]) -> T:
        """Run ``work``, which takes long, in a commit of its own; otherwise like :meth:`write`.

        Callers that came before do not wait for it.
        """
        return self._run(Job(work, alone=True))

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection that sees one consistent snapshot of the file.

        Raises StoreDamaged or StoreUnavailable if the file cannot be read.
        """
        with translated_errors(self._path):
            self._writer.require_open()
            with self._readers.lend() as connection:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("COMMIT")

    def close(self) -> None:
        """Finish all writes and reads, and close the file. A second call does nothing."""
        if self._writer.close():
            self._readers.close()
            self._connection.close()
            self._lock_file.close()

    def _run(self, job: Job[T]) -> T:
        self._writer.hand_in(job)
        with translated_errors(self._path):
            return job.result()

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

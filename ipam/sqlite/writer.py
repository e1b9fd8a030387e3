"""The writer thread of a :class:`~mynet.ipam.sqlite.database.Database`: group commit.

The thread takes all jobs that wait at a moment, runs them one after the other, and commits them
together, with one fsync for many callers. Each of them still happens whole or not at all: if one
fails half-way, everything is rolled back and each is run again, in a commit of its own.

Callers wake up while the disk works on the *next* commit, if there is one, and not while its
functions run: they would compete with the writer for the interpreter at every statement.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.errors import class_of, fence_error, leaves_doubt, store_error
from mynet.ipam.sqlite.jobs import Job, PartialChange

log = logging.getLogger(__name__)

_BATCH = 256  # jobs in one commit: enough to hide the fsync, few enough to answer in milliseconds


@dataclass(eq=False, slots=True)
class Writer:
    """A thread that runs and commits jobs on one connection.

    ``revision`` is that of the last commit. ``note`` is called with the revision of each commit
    that changed the file. The other two are as for Database.
    """

    path: Path
    connection: sqlite3.Connection
    revision: int
    note: Callable[[int], None]
    before_commit: Callable[[sqlite3.Connection], None]
    on_rollback: Callable[[], None]
    _queue: SimpleQueue[Job[Any] | None] = field(default_factory=SimpleQueue, init=False)
    # Used by the thread alone: jobs that are committed and not answered yet.
    _unanswered: list[Job[Any]] = field(default_factory=list, init=False)
    # Used by the thread alone: the failure after which it refuses every write.
    _fence: Exception | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    # Guards `_closed`, so that no job enters the queue behind its end mark.
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        """Start the thread."""
        name = f"writer-{self.path.stem}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def hand_in(self, job: Job[Any]) -> None:
        """Append a job to the queue. Raises StoreUnavailable after :meth:`close`."""
        with self._guard:
            self._require_open()
            self._queue.put(job)

    def require_open(self) -> None:
        """Raise StoreUnavailable after :meth:`close`."""
        with self._guard:
            self._require_open()

    def close(self) -> bool:
        """Finish all jobs and end the thread; return whether this call did it."""
        with self._guard:
            if self._closed:
                return False
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        return True

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self.path.name} is closed: the daemon is stopping")

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
                log.critical("%s", fence_error(self.path, error))
            for job in batch:
                job.fail(self._commit_error(error))
            return
        self._unanswered += batch

    def _commit_error(self, error: Exception) -> Exception:
        if self._fence:
            return fence_error(self.path, self._fence)
        return store_error(class_of(error) or StoreUnavailable, self.path, error)

    def _answer(self) -> None:
        """Wake the callers whose jobs are committed."""
        for job in self._unanswered:
            job.answer()
        self._unanswered.clear()

    def _transact(self, batch: Sequence[Job[Any]]) -> None:
        if self._fence:
            raise self._fence
        revision = self.revision
        self.connection.execute("BEGIN IMMEDIATE")
        for job in batch:
            if job.run(self.connection, revision + 1):
                revision += 1
        self.before_commit(self.connection)
        self.connection.execute("UPDATE revision SET value = ?", (revision,))
        self._answer()  # the jobs of the commit before: this thread now waits for the disk
        self.connection.execute("COMMIT")
        if revision != self.revision:
            self.revision = revision
            self.note(revision)

    def _roll_back(self) -> None:
        """Roll the transaction back; if even that fails, the next BEGIN fails until it works."""
        if self.connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
        self.on_rollback()

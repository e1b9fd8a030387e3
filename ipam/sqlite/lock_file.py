"""The file ``PATH.lock`` beside a database: it excludes other processes and notes commits."""

import contextlib
import fcntl
import os
import re
import sqlite3
from pathlib import Path

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.errors import store_error

_LENGTH = 256  # bytes to read, more than a note has
_COMMIT = re.compile(rb"commit (\d+)\n")


class LockFile:
    """The lock file of a database that this process has open.

    It is locked like: flock --exclusive --nonblock PATH.lock. Its content is written after the
    commit that it notes, so a power failure can leave it behind the database and never ahead.

    Raises StoreUnavailable if another process has the lock or the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _locked(path)

    @property
    def is_initialised(self) -> bool:
        """Whether the database was ever initialised: only an empty database may lack content."""
        return os.fstat(self._fd).st_size > 0

    @property
    def last_commit(self) -> int:
        """The revision of the last commit that was noted, or 0."""
        return _parsed(os.pread(self._fd, _LENGTH, 0))

    def initialise(self, connection: sqlite3.Connection) -> None:
        """Note durably, once, that the database is initialised.

        The schema is moved from the log into the database before, because the log may be lost.
        """
        if self.is_initialised:
            return
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try:
            self._write(0)
            os.fsync(self._fd)
        except OSError as error:
            raise store_error(StoreUnavailable, self._path, error) from error

    def note(self, revision: int) -> None:
        """Note a commit. A failure is ignored, because the commit itself is on the disk."""
        with contextlib.suppress(OSError):
            self._write(revision)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._fd)

    def _write(self, revision: int) -> None:
        os.pwrite(self._fd, b"%s has seen commit %d\n" % (self._path.name.encode(), revision), 0)


def last_noted_commit(path: Path) -> int:
    """Return the last commit noted for a database that this process has not opened, or 0.

    Raises OSError if the lock file cannot be read.
    """
    try:
        return _parsed(_lock_path(path).read_bytes()[:_LENGTH])
    except FileNotFoundError:
        return 0


def _parsed(text: bytes) -> int:
    match = _COMMIT.search(text)
    return int(match[1]) if match else 0


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _locked(path: Path) -> int:
    lock = _lock_path(path)
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise store_error(StoreUnavailable, lock, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        message = f"{path} is in use by another process; stop that one first"
        raise StoreUnavailable(message, resource=str(path)) from error
    return fd

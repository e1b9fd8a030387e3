"""The file below a :class:`~mynet.ipam.sqlite.Database`: whose it is, and whether it is whole."""

import contextlib
import fcntl
import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.checksums import seal
from mynet.ipam.sqlite.errors import refusal

_REVISION_TABLE = f"""
CREATE TABLE IF NOT EXISTS revision (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  value INTEGER NOT NULL,
  {seal("only", "value")}
);
"""
_FIRST_REVISION = "INSERT OR IGNORE INTO revision (only, value) VALUES (1, 0)"

# In the first page of a file: https://sqlite.org/fileformat.html#the_database_header
_HEADER = 100
MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = slice(16, 18)

_NOTE = 256  # bytes, and more than a note has
_SEEN = re.compile(rb"commit (\d+)\n")
_LOST = "it is empty or not there, and was not when it was left"


class Witness:
    """The file beside the file, ``PATH.lock``: it keeps others out, and remembers what there was.

    It is locked for this process. Like: flock --exclusive --nonblock PATH.lock. What it says is
    written after the commit that it speaks of, so it never says too much, whenever the power fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _locked(path)

    @property
    def is_settled(self) -> bool:
        """Whether there was ever something in the file."""
        return os.fstat(self._fd).st_size > 0

    @property
    def seen(self) -> int:
        """The last revision of the file that was noted, or 0."""
        return _noted(os.pread(self._fd, _NOTE, 0))

    def settle(self, connection: sqlite3.Connection) -> None:
        """Note, once, that from now on there is something in the file.

        Its schema is in the file itself then, and not in the log alone, which may be lost.
        """
        if self.is_settled:
            return
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try:
            self._write(0)
            os.fsync(self._fd)
        except OSError as error:
            raise refusal(StoreUnavailable, self._path, error) from error

    def note(self, revision: int) -> None:
        """Note a commit. A disk that refuses this has the commit all the same."""
        with contextlib.suppress(OSError):
            self._write(revision)

    def close(self) -> None:
        """Let others have the file."""
        os.close(self._fd)

    def _write(self, revision: int) -> None:
        os.pwrite(self._fd, b"%s has seen commit %d\n" % (self._path.name.encode(), revision), 0)


def last_seen(path: Path) -> int:
    """Return the last revision that was noted of a file that this process has not opened, or 0."""
    try:
        return _noted(_lock_of(path).read_bytes()[:_NOTE])
    except FileNotFoundError:
        return 0


def require_whole(path: Path, witness: Witness) -> None:
    """Refuse a file that has lost what was in it, before SQLite has looked at it.

    For SQLite takes an empty file for a new one, deletes its log, and reads zeros where a page is
    cut off.
    """
    try:
        size, header = beginning(path)
        logged, _ = beginning(path.with_name(path.name + "-wal"))
    except OSError as error:
        raise refusal(StoreUnavailable, path, error) from error
    if not size and (logged or witness.is_settled):
        raise refusal(StoreDamaged, path, _LOST)
    page_size = int.from_bytes(header[_PAGE_SIZE], "big")
    if header.startswith(MAGIC) and page_size and size % page_size and not logged:
        raise refusal(StoreDamaged, path, "it ends within a page")


def require_ours(path: Path, connection: sqlite3.Connection, witness: Witness, newest: int) -> None:
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
    if found == 0 and witness.is_settled:
        raise refusal(StoreDamaged, path, _LOST)


def require_sound(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file whose pages do not hang together. A million rows take 0.6 seconds."""
    found: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise refusal(StoreDamaged, path, " ".join(found.split()))


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the file to the newest schema, one transaction a step."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(migrations[found:], start=found + 1):
        connection.executescript(
            f"BEGIN; {_REVISION_TABLE} {_FIRST_REVISION}; {script};"
            f" PRAGMA user_version = {number}; COMMIT;"
        )


def _noted(text: bytes) -> int:
    found = _SEEN.search(text)
    return int(found[1]) if found else 0


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _locked(path: Path) -> int:
    lock = _lock_of(path)
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refusal(StoreUnavailable, lock, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        message = f"{path} is in use by another process; stop that one first"
        raise StoreUnavailable(message, resource=str(path)) from error
    return fd


def beginning(path: Path) -> tuple[int, bytes]:
    """Return the size of a file and its first bytes; of one that is not there, 0 and none."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size, file.read(_HEADER)
    except FileNotFoundError:
        return 0, b""

"""The file below a :class:`~mynet.ipam.sqlite.Database`: whose it is, and what its errors mean."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable

_REVISION_TABLE = """
CREATE TABLE IF NOT EXISTS revision (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  value INTEGER NOT NULL
);
INSERT OR IGNORE INTO revision VALUES (1, 0);
"""

# In the first page of a file: https://sqlite.org/fileformat.html#the_database_header
_HEADER = 100
_MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = slice(16, 18)

# SQLite's result codes that speak of the file or its disk. All others speak of the statement.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}
_LOST = "it is empty or not there, and was not when it was left"
_NO_TEXT = "Could not decode to UTF-8"  # Python's own words, about a text that SQLite gave it
Kind = type[StoreDamaged] | type[StoreUnavailable]


@contextlib.contextmanager
def telling(path: Path, *, otherwise: Kind | None = None) -> Iterator[None]:
    """Raise what the file or its disk refuses as what the contract calls it."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        kind = kind_of(error) or otherwise
        if kind is None:
            raise
        raise refusal(kind, path, error) from error


def kind_of(error: Exception) -> Kind | None:
    """Say what an error is, if the file or its disk is the reason and not the statement."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # without its extension
    if code in _DAMAGED or isinstance(error, UnicodeDecodeError) or _NO_TEXT in str(error):
        return StoreDamaged
    return StoreUnavailable if code in _UNAVAILABLE else None


def refusal(kind: Kind, path: Path, error: object) -> StoreDamaged | StoreUnavailable:
    """Make the error that says what became of the file."""
    if kind is StoreDamaged:
        message = (
            f"{path} does not read as a mynet database: {error}. It was left as it is; restore it"
            f" from a backup, or move it and {path.name}.lock away to begin with an empty one"
        )
    else:
        message = (
            f"{path} cannot be used: {error}. Nothing was changed; make room on the disk or mend"
            " it, and call again"
        )
    return kind(message, resource=str(path))


def lock(path: Path) -> int:
    """Lock the file for this process. Like: flock --exclusive --nonblock PATH.lock."""
    lock = path.with_name(path.name + ".lock")
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


def require_whole(path: Path, lock_fd: int) -> None:
    """Refuse a file that has lost what was in it, before SQLite has looked at it.

    For SQLite takes an empty file for a new one, deletes its log, and reads zeros where a page is
    cut off.
    """
    try:
        size, header = _beginning(path)
        logged, _ = _beginning(path.with_name(path.name + "-wal"))
    except OSError as error:
        raise refusal(StoreUnavailable, path, error) from error
    if not size and (logged or _is_settled(lock_fd)):
        raise refusal(StoreDamaged, path, _LOST)
    page_size = int.from_bytes(header[_PAGE_SIZE], "big")
    if header.startswith(_MAGIC) and page_size and size % page_size and not logged:
        raise refusal(StoreDamaged, path, "it ends within a page")


def require_ours(path: Path, connection: sqlite3.Connection, lock_fd: int, newest: int) -> None:
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
    if found == 0 and _is_settled(lock_fd):
        raise refusal(StoreDamaged, path, _LOST)


def require_sound(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file whose pages do not hang together. A million rows take a third of a second."""
    found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise refusal(StoreDamaged, path, " ".join(found.split()))


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the file to the newest schema, one transaction a step."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(migrations[found:], start=found + 1):
        connection.executescript(
            f"BEGIN; {_REVISION_TABLE} {script}; PRAGMA user_version = {number}; COMMIT;"
        )


def settle(path: Path, connection: sqlite3.Connection, lock_fd: int) -> None:
    """Note in the lock file, once, that from now on there is something in the file.

    Its schema is in the file itself then, and not in the log alone, which may be lost.
    """
    if _is_settled(lock_fd):
        return
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        os.pwrite(lock_fd, f"{path.name} is not empty\n".encode(), 0)
        os.fsync(lock_fd)
    except OSError as error:
        raise refusal(StoreUnavailable, path, error) from error


def _is_settled(lock_fd: int) -> bool:
    return os.fstat(lock_fd).st_size > 0


def _beginning(path: Path) -> tuple[int, bytes]:
    """Return the size of a file and its first bytes; of one that is not there, 0 and none."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size, file.read(_HEADER)
    except FileNotFoundError:
        return 0, b""

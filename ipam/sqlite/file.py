"""Checks of a database file before it is used, and the migration of its schema."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.checksums import checksum_column
from mynet.ipam.sqlite.errors import store_error
from mynet.ipam.sqlite.lock_file import LockFile

_REVISION_TABLE = f"""
CREATE TABLE IF NOT EXISTS revision (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  value INTEGER NOT NULL,
  {checksum_column("only", "value")}
);
"""
_FIRST_REVISION = "INSERT OR IGNORE INTO revision (only, value) VALUES (1, 0)"

# The first bytes of a file: https://sqlite.org/fileformat.html#the_database_header
_HEADER = 100
MAGIC = b"SQLite format 3\0"
_PAGE_SIZE = slice(16, 18)

_LOST = "it is empty or missing, and it had content when it was last closed"


def require_whole(path: Path, lock_file: LockFile) -> None:
    """Raise StoreDamaged if the file was emptied or cut. Call it before SQLite opens the file.

    SQLite takes an empty file for a new one and deletes its log, and it reads zeros where a page is
    cut off.
    """
    try:
        size, header = beginning(path)
        log_size, _ = beginning(path.with_name(path.name + "-wal"))
    except OSError as error:
        raise store_error(StoreUnavailable, path, error) from error
    if not size and (log_size or lock_file.is_initialised):
        raise store_error(StoreDamaged, path, _LOST)
    page_size = int.from_bytes(header[_PAGE_SIZE], "big")
    if header.startswith(MAGIC) and page_size and size % page_size and not log_size:
        raise store_error(StoreDamaged, path, "it ends within a page")


def require_ours(
    path: Path, connection: sqlite3.Connection, lock_file: LockFile, newest: int
) -> None:
    """Raise StoreDamaged if another program or a newer version wrote the file.

    ``newest`` is the newest schema that this version knows. Nothing is changed in the file before.
    """
    schema: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if schema > newest:
        message = (
            f"{path} has schema {schema}, and this version knows schemas up to {newest}:"
            " a newer mynetd wrote it, so install that version again. It was left as it is"
        )
        raise StoreDamaged(message, resource=str(path))
    if schema == 0 and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        message = (
            f"{path} is another program's database. It was left as it is; move it away, or restore"
            " mynet's from a backup"
        )
        raise StoreDamaged(message, resource=str(path))
    if schema == 0 and lock_file.is_initialised:
        raise store_error(StoreDamaged, path, _LOST)


def require_sound(path: Path, connection: sqlite3.Connection) -> None:
    """Raise StoreDamaged if SQLite finds the structure damaged. A million rows take 0.6 seconds."""
    answer: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if answer != "ok":
        raise store_error(StoreDamaged, path, " ".join(answer.split()))


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Upgrade the file to the newest schema, one transaction a migration."""
    schema: int = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(migrations[schema:], start=schema + 1):
        connection.executescript(
            f"BEGIN; {_REVISION_TABLE} {_FIRST_REVISION}; {script};"
            f" PRAGMA user_version = {number}; COMMIT;"
        )


def beginning(path: Path) -> tuple[int, bytes]:
    """Return the size of a file and its first bytes, or 0 and no bytes if it does not exist.

    Raises OSError if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size, file.read(_HEADER)
    except FileNotFoundError:
        return 0, b""

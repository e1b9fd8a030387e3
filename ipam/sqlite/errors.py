"""Translation of the errors of SQLite and of the disk into the errors of the IPAM contract."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable

# SQLite's result codes for a failure of the file or its disk. All others concern the statement.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}
# I/O errors that concern memory or the index beside the log. They leave nothing on the disk in
# doubt. A full disk causes some of them, because the index cannot grow.
_HARMLESS = {
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_NOMEM,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
_NO_TEXT = "Could not decode to UTF-8"  # Python's message about a text that SQLite returned
ErrorClass = type[StoreDamaged] | type[StoreUnavailable]


@contextlib.contextmanager
def translated_errors(path: Path, *, otherwise: ErrorClass | None = None) -> Iterator[None]:
    """Translate what SQLite raises in the block, if the file or its disk is the cause.

    Other errors pass unchanged, or become an ``otherwise`` if that is given.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        kind = class_of(error) or otherwise
        if kind is None:
            raise
        raise store_error(kind, path, error) from error


def class_of(error: Exception) -> ErrorClass | None:
    """Return the contract's class for an error, or None if the statement is the cause."""
    code = _code(error) & 0xFF  # the primary code, without its extension
    if code in _DAMAGED or isinstance(error, UnicodeDecodeError) or _NO_TEXT in str(error):
        return StoreDamaged
    return StoreUnavailable if code in _UNAVAILABLE else None


def leaves_doubt(error: Exception) -> bool:
    """Return whether a write or sync failed, so that the contents of the disk are unknown.

    The kernel reports such a failure once, and may count the same pages as clean afterwards.
    """
    code = _code(error)
    return code & 0xFF == sqlite3.SQLITE_IOERR and code not in _HARMLESS


def store_error(kind: ErrorClass, path: Path, reason: object) -> StoreDamaged | StoreUnavailable:
    """Return the error that reports a file, the reason, and what the operator can do."""
    if kind is StoreDamaged:
        message = (
            f"{path} cannot be read as a mynet database: {reason}. It was left as it is; restore it"
            f" from a backup, or move it and {path.name}.lock away to begin with an empty one"
        )
    else:
        message = (
            f"{path} cannot be used: {reason}. Nothing was changed; make room on the disk or"
            " repair it, and call again"
        )
    return kind(message, resource=str(path))


def fence_error(path: Path, reason: object) -> StoreUnavailable:
    """Return the error that refuses every write until the file is opened again."""
    return StoreUnavailable(
        f"{path} takes no more writes: one failed ({reason}), and it is unknown what of that write"
        " is on the disk. Reading goes on; repair the disk and restart mynetd, which reads the"
        " file again",
        resource=str(path),
    )


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code

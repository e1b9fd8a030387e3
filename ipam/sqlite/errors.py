"""What SQLite and the disk below it refuse, in the contract's words."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable

# SQLite's result codes that speak of the file or its disk. All others speak of the statement.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}
# I/O errors that are about the index beside the log, or about memory: nothing on the disk is in
# doubt. A full disk is among them, as the index cannot grow.
_HARMLESS = {
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_NOMEM,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
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
    code = _code(error) & 0xFF  # without its extension
    if code in _DAMAGED or isinstance(error, UnicodeDecodeError) or _NO_TEXT in str(error):
        return StoreDamaged
    return StoreUnavailable if code in _UNAVAILABLE else None


def leaves_doubt(error: Exception) -> bool:
    """Say whether an error leaves in doubt what is on the disk: a write or a sync that failed.

    The kernel tells of it once, and may take the same pages for clean afterwards.
    """
    code = _code(error)
    return code & 0xFF == sqlite3.SQLITE_IOERR and code not in _HARMLESS


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


def fenced(path: Path, error: object) -> StoreUnavailable:
    """Make the error that says that a file takes no more writes before it is opened anew."""
    return StoreUnavailable(
        f"{path} takes no more writes: one failed ({error}), and what of it is on the disk is in"
        " doubt. It can be read; mend the disk and restart mynetd, which finds out",
        resource=str(path),
    )


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code

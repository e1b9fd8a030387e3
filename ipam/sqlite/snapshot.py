"""Consistent copies of several databases that are in use.

Each database is consistent in itself at any moment. What must hold *between* databases (a connected
endpoint has an address) is kept by the order in which the daemon writes them, so it holds whenever
the daemon is killed. So a copy of all databases as of one moment is as good as the files that a
kill leaves. Copies made one after the other would not be, in either order: the address of an
endpoint that is connected in between is in the later copy alone, and the address of an endpoint
that is disconnected in between is in the earlier copy alone.

The moment is made by taking the write lock of every file, which takes as long as the commits that
are under way. Then a reader of each file begins its snapshot, and the locks are released. From then
on copying may take long: readers and writers do not wait for each other (WAL).
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.checksums import add_crc32
from mynet.ipam.sqlite.errors import class_of, store_error, translated_errors

# Seconds that writers are kept waiting at most, and seconds without a lock before the next attempt.
# By sqlite3's default a writer tries for 5 seconds, every tenth of a second, before it fails.
_HELD, _PAUSE = 0.5, 0.5
_POLL = 0.0005  # seconds between attempts to take one lock: short, because others wait meanwhile


@contextlib.contextmanager
def at_one_moment(paths: Sequence[Path], deadline: float) -> Iterator[Sequence[sqlite3.Connection]]:
    """Lend a reader of each database, all with a snapshot of the same moment.

    The databases exist, and this and other processes may use them. ``deadline`` is in seconds of
    :func:`time.monotonic`. Raises StoreDamaged if a file is damaged, and StoreUnavailable if one
    cannot be read or another program keeps it locked until the deadline.
    """
    with contextlib.ExitStack() as opened:
        readers = [opened.enter_context(_connected(path)) for path in paths]
        writers = [opened.enter_context(_connected(path)) for path in paths]
        while busy := _try(paths, readers, writers):
            if time.monotonic() > deadline:
                raise store_error(StoreUnavailable, busy, "another program keeps it locked")
            time.sleep(_PAUSE)
        yield readers


def copy(reader: sqlite3.Connection, source: Path, target: Path) -> None:
    """Write what a reader of ``source`` sees to a new file. The file is not synced.

    Raises StoreDamaged if the source is damaged, and StoreUnavailable if the target cannot be
    written.
    """
    try:
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as target_connection:
            # Half a copy is of no use, so it needs no journal.
            target_connection.execute("PRAGMA journal_mode = OFF")
            target_connection.execute("PRAGMA synchronous = OFF")
            reader.backup(target_connection)
    except sqlite3.Error as error:
        if class_of(error) is StoreDamaged:
            raise store_error(StoreDamaged, source, error) from error
        raise store_error(StoreUnavailable, target, error) from error


def _try(
    paths: Sequence[Path],
    readers: Sequence[sqlite3.Connection],
    writers: Sequence[sqlite3.Connection],
) -> Path | None:
    """Begin the readers' snapshots; return the file that was locked for too long, or None."""
    end = time.monotonic() + _HELD
    try:
        for path, writer in zip(paths, writers, strict=True):
            with translated_errors(path):
                if not _locks(writer, end):
                    return path
        for path, reader in zip(paths, readers, strict=True):
            with translated_errors(path):
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    finally:
        for writer in writers:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
    return None


def _locks(writer: sqlite3.Connection, end: float) -> bool:
    """Take a file's write lock; return whether that succeeded in time."""
    while True:
        try:
            writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > end:
                return False
            time.sleep(_POLL)
        else:
            return True


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a database that exists; a missing one is not created."""
    with translated_errors(path):
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)
    try:
        add_crc32(connection)
        yield connection
    finally:
        connection.close()

"""Databases that are in use, as all of them were at one and the same moment.

Each book is consistent in itself at any moment, and what must hold *between* books (who is on
record as connected has an address) is kept by the order in which a daemon writes them: it holds
whenever the daemon is killed. So a copy of several books is as good as a kill is harmless, if all
of them are copied as of one moment. Copied one after the other they would not be, in either order:
what is connected in between has an address in the later copy alone, and what is disconnected, in
the earlier.

The moment is made by taking the write lock of every file, which takes as long as the commits that
are under way; then a reader of each is made to remember what it sees, and the locks are given back.
From there on copying takes as long as it likes: readers and writers do not wait for each other
(WAL).
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.checksums import teach
from mynet.ipam.sqlite.errors import kind_of, refusal, telling

# Seconds that writers are kept waiting at most, and that they are left alone before the next try.
# They look for the lock every tenth of a second, for 5 by sqlite3's default, and take whoever keeps
# them longer for a failure.
_HELD, _REST = 0.5, 0.5
_PAUSE = 0.0005  # seconds between our own looks at a lock, so that they are kept waiting for less


@contextlib.contextmanager
def at_one_moment(paths: Sequence[Path], deadline: float) -> Iterator[Sequence[sqlite3.Connection]]:
    """Lend a reader of each database; what they see is what there was at one moment.

    The databases are there, and may be in use by this process and by others. ``deadline`` is in
    seconds of :func:`time.monotonic`. Raises StoreDamaged and StoreUnavailable, the latter also
    where somebody does not let go of a file until the deadline.
    """
    with contextlib.ExitStack() as opened:
        readers = [opened.enter_context(_connected(path)) for path in paths]
        writers = [opened.enter_context(_connected(path)) for path in paths]
        while busy := _try(paths, readers, writers):
            if time.monotonic() > deadline:
                raise refusal(StoreUnavailable, busy, "somebody keeps it locked")
            time.sleep(_REST)
        yield readers


def copy(reader: sqlite3.Connection, source: Path, target: Path) -> None:
    """Write what a reader of ``source`` sees to a new file, which is not synced yet.

    Raises StoreDamaged of the source, and StoreUnavailable of the target.
    """
    try:
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as made:
            made.execute("PRAGMA journal_mode = OFF")  # nobody needs half a copy
            made.execute("PRAGMA synchronous = OFF")
            reader.backup(made)
    except sqlite3.Error as error:
        if kind_of(error) is StoreDamaged:
            raise refusal(StoreDamaged, source, error) from error
        raise refusal(StoreUnavailable, target, error) from error


def _try(
    paths: Sequence[Path],
    readers: Sequence[sqlite3.Connection],
    writers: Sequence[sqlite3.Connection],
) -> Path | None:
    """Make the readers remember what they see; return the file that was locked for too long."""
    end = time.monotonic() + _HELD
    try:
        for path, writer in zip(paths, writers, strict=True):
            with telling(path):
                if not _locks(writer, end):
                    return path
        for path, reader in zip(paths, readers, strict=True):
            with telling(path):
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    finally:
        for writer in writers:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
    return None


def _locks(writer: sqlite3.Connection, end: float) -> bool:
    """Take a file's write lock; say whether it was to be had in time."""
    while True:
        try:
            writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
        else:
            return True


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a database that is there; one that is not is not made."""
    with telling(path):
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)
    try:
        teach(connection)
        yield connection
    finally:
        connection.close()

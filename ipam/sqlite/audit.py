"""Looking at a database that nobody has open, without touching it, however damaged it is.

To open a file read-only is not to leave it as it is: SQLite makes the index of its log beside it,
and what a killed process has left in the log is not seen where it may not. So what is opened is a
copy, log and all, in a folder that is gone afterwards.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mynet.ipam.sqlite.checksums import broken_seals, said_of, teach
from mynet.ipam.sqlite.file import MAGIC, beginning, last_seen

_WITH_IT = ("", "-wal", "-journal")
_MOST = 10  # findings of one kind: what is wrong a thousand times is said as often by a count

Rows = Sequence[tuple[Any, ...]]


class Look:
    """A look at one database: what is wrong with it, and what can be read of it.

    ``findings`` are sentences, to be added to. Once something could not be read, it is not
    ``whole``.
    """

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.whole = True
        self._connection: sqlite3.Connection | None = None

    @property
    def is_readable(self) -> bool:
        """Whether there is anything to be read."""
        return self._connection is not None

    def find(self, *findings: str) -> None:
        """Note what is wrong: a sentence each, and a count where there are very many."""
        self.findings += findings[:_MOST]
        if len(findings) > _MOST:
            self.findings.append(f"and {len(findings) - _MOST} more of the kind")

    def miss(self, finding: str) -> None:
        """Note that something cannot be read."""
        self.find(finding)
        self.whole = False

    def select(self, query: str, *values: object) -> Rows:
        """Return what a query finds; of a damaged file, what comes before the damage."""
        rows: list[tuple[Any, ...]] = []
        if self._connection:
            try:
                rows.extend(self._connection.execute(query, values))
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self.miss(f"cannot be read to its end: {_line(error)}")
        return rows

    def open(self, copy: Path, newest: int | None) -> None:
        """Open the copy, and check all that can be checked of any database."""
        connection = sqlite3.connect(copy, isolation_level=None)
        teach(connection)
        self._connection = connection
        with contextlib.suppress(IndexError):  # a version that cannot be read is found below
            version: int = self.select("PRAGMA user_version")[0][0]
            if newest is not None and version > newest:
                self.miss(
                    f"has schema {version}, and this version knows schemas up to {newest}:"
                    " a newer mynetd wrote it"
                )
                self.close()
                return
            if newest is not None and version == 0:
                self.miss("is another program's database, or lost all that was in it")
                self.close()
                return
        self._check()

    def close(self) -> None:
        """Read no more of it."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _check(self) -> None:
        for (said,) in self.select(f"PRAGMA integrity_check({_MOST})"):
            if said != "ok":
                self.miss(f"is damaged: {_line(said)}")
        orphans = self.select("PRAGMA foreign_key_check")
        self.find(*(f"row {row} of {table} is of no {other}" for table, row, other, _ in orphans))
        try:
            for table, count in broken_seals(self._connection) if self._connection else ():
                self.miss(f"is damaged: {said_of(table, count)}")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.miss(f"cannot be checked by its checksums: {_line(error)}")

    def compare_with(self, seen: int) -> None:
        """Note where a file lacks commits that its witness has seen."""
        if seen and self.is_readable:
            for (found,) in self.select("SELECT value FROM revision"):
                if seen > found:
                    self.find(
                        f"has lost its newest commits, {found + 1} to {seen}: its log was cut or"
                        " removed, or the file was exchanged for an older one"
                    )


@contextlib.contextmanager
def looked_at(path: Path, newest: int | None = None) -> Iterator[Look]:
    """Look at a database; one that was never made has nothing wrong with it.

    ``newest`` is the newest schema that the caller knows (``user_version``, as
    :class:`mynet.ipam.sqlite.Database` numbers them), None where it knows nothing of the file.
    Raises OSError where there is no room for a copy.
    """
    look = Look()
    with TemporaryDirectory(prefix="mynet-fsck-") as folder:
        try:
            if _copied(path, Path(folder), look):
                look.open(Path(folder) / path.name, newest)
                look.compare_with(last_seen(path))
            yield look
        finally:
            look.close()


def _copied(path: Path, folder: Path, look: Look) -> bool:
    """Copy a database with its log; say whether there is anything to open."""
    try:
        size, header = beginning(path)
        logged, _ = beginning(path.with_name(path.name + "-wal"))
        if size == 0 and not path.exists():
            if last_seen(path) or logged:
                look.miss("is missing, and was there")
            return False
    except OSError as error:
        look.miss(f"cannot be read: {error.strerror}")
        return False
    if not header.startswith(MAGIC):
        look.miss("is no SQLite database" if size else "is empty, and no database is")
        return False
    for suffix in _WITH_IT:
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return True


def _line(said: object) -> str:
    return " ".join(str(said).split())

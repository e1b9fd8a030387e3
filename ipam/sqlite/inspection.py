"""Inspection of a database that no process has open, without a change to any of its files.

Opening a file read-only is not enough: SQLite creates the index of the log beside it, and where it
may not, it ignores what a killed process left in the log. So a copy of the database and its log is
opened, in a temporary directory.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mynet.ipam.sqlite.checksums import add_crc32, damaged_tables, describe_damage
from mynet.ipam.sqlite.file import MAGIC, beginning
from mynet.ipam.sqlite.lock_file import last_noted_commit

_SUFFIXES = ("", "-wal", "-journal")
_MOST = 10  # findings of one kind; the others are reported as a number

Rows = Sequence[tuple[Any, ...]]


class Inspection:
    """The findings about one database, and queries on the copy of it."""

    def __init__(self) -> None:
        # Sentences on what is wrong. The database is their subject, and its name is not in them.
        self.findings: list[str] = []
        # False once something could not be read.
        self.complete = True
        self._connection: sqlite3.Connection | None = None

    @property
    def is_readable(self) -> bool:
        """Whether queries can find anything."""
        return self._connection is not None

    def report(self, *findings: str) -> None:
        """Add findings of one kind: a sentence each, and a count instead of very many."""
        self.findings += findings[:_MOST]
        if len(findings) > _MOST:
            self.findings.append(f"and {len(findings) - _MOST} more of the kind")

    def report_unreadable(self, finding: str) -> None:
        """Add a finding about something that cannot be read, which makes this incomplete."""
        self.report(finding)
        self.complete = False

    def select(self, query: str, *types: type) -> Rows:
        """Return the rows of a query; of a damaged file, the rows before the damage.

        If the columns' types are given, rows with other values are reported and left out.
        """
        rows: list[tuple[Any, ...]] = []
        if self._connection:
            try:
                rows.extend(self._connection.execute(query))
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self.report_unreadable(f"cannot be read to its end: {_line(error)}")
        if not types:
            return rows
        sound = [row for row in rows if all(map(isinstance, row, types))]
        if len(sound) < len(rows):
            self.report_unreadable(f"has values of a wrong type: {query}")
        return sound

    def open(self, copy: Path, newest: int | None) -> None:
        """Open the copy, and check what can be checked of any database."""
        connection = sqlite3.connect(copy, isolation_level=None)
        add_crc32(connection)
        self._connection = connection
        with contextlib.suppress(IndexError):  # an unreadable version is reported by the checks
            version: int = self.select("PRAGMA user_version")[0][0]
            if newest is not None and not 0 < version <= newest:
                self.report_unreadable(
                    f"has schema {version}, and this version knows schemas up to {newest}:"
                    " a newer mynetd wrote it"
                    if version
                    else "is another program's database, or lost all its content"
                )
                self.close()
                return
        self._check()

    def close(self) -> None:
        """Close the copy; queries find nothing any more."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _check(self) -> None:
        for (answer,) in self.select(f"PRAGMA integrity_check({_MOST})"):
            if answer != "ok":
                self.report_unreadable(f"is damaged: {_line(answer)}")
        violations = self.select("PRAGMA foreign_key_check")
        self.report(
            *(
                f"row {row} of {table} refers to a row of {parent} that does not exist"
                for table, row, parent, _ in violations
            )
        )
        try:
            for table, count in damaged_tables(self._connection) if self._connection else ():
                self.report_unreadable(f"is damaged: {describe_damage(table, count)}")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.report_unreadable(f"cannot be checked by its checksums: {_line(error)}")

    def report_lost_commits(self, noted: int) -> None:
        """Add a finding if the file lacks commits that its lock file notes."""
        if noted and self.is_readable:
            for (revision,) in self.select("SELECT value FROM revision", int):
                if noted > revision:
                    self.report(
                        f"has lost its newest commits, {revision + 1} to {noted}: its log was cut"
                        " or removed, or the file was exchanged for an older one"
                    )


@contextlib.contextmanager
def inspected(path: Path, newest: int | None = None) -> Iterator[Inspection]:
    """Yield the inspection of a database; a database that was never created has no findings.

    ``newest`` is the newest schema that the caller knows (``user_version``, as
    :class:`mynet.ipam.sqlite.Database` numbers them), or None if it knows nothing of the file.
    Raises OSError if there is no room for a copy.
    """
    inspection = Inspection()
    with TemporaryDirectory(prefix="mynet-fsck-") as folder:
        try:
            if _copied(path, Path(folder), inspection):
                inspection.open(Path(folder) / path.name, newest)
                inspection.report_lost_commits(last_noted_commit(path))
            yield inspection
        finally:
            inspection.close()


def _copied(path: Path, folder: Path, inspection: Inspection) -> bool:
    """Copy a database with its log; return whether there is anything to open."""
    try:
        size, header = beginning(path)
        log_size, _ = beginning(path.with_name(path.name + "-wal"))
        if size == 0 and not path.exists():
            if last_noted_commit(path) or log_size:
                inspection.report_unreadable("is missing, and was there")
            return False
    except OSError as error:
        inspection.report_unreadable(f"cannot be read: {error.strerror}")
        return False
    if not header.startswith(MAGIC):
        inspection.report_unreadable("is not an SQLite database" if size else "is empty")
        return False
    for suffix in _SUFFIXES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return True


def _line(message: object) -> str:
    return " ".join(str(message).split())

"""A checksum in every row, that SQLite keeps and that is checked when the file is opened.

SQLite looks at how a file hangs together, not at what is in it: a few bytes of noise within a text
read as another text. So a table has a column that :func:`seal` makes, which is computed whenever
the row is written. ``crc32`` is a function that we give SQLite: the rows can be read with any tool,
and written with none but ours.
"""

import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.errors import refusal

_SEAL = "checksum INTEGER NOT NULL AS ({}) STORED"
_SEALED = re.compile(_SEAL.replace("(", r"\(").replace(")", r"\)").format("(.+)"))


def seal(*columns: str) -> str:
    """Return the definition of the column that seals the others of its table, for a migration.

    Only what is named is sealed. Source: https://sqlite.org/gencol.html
    """
    one_after_the_other = " || ".join(f"ifnull({column}, 'null')" for column in columns)
    return _SEAL.format(f"crc32(CAST({one_after_the_other} AS BLOB))")


def teach(connection: sqlite3.Connection) -> None:
    """Give a connection the function that the seals are made with: of bytes, not of text."""
    connection.create_function("crc32", 1, zlib.crc32, deterministic=True)


def require_seals(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file with a row that is not what was written. A million rows take a second."""
    for table, count in broken_seals(connection):
        raise refusal(StoreDamaged, path, said_of(table, count))


def broken_seals(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Yield the tables with rows that are not what was written, and how many they are."""
    for name, definition in connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"
    ).fetchall():
        if sealed := _SEALED.search(definition):
            broken = f"SELECT count(*) FROM {name} WHERE checksum IS NOT {sealed[1]}"  # noqa: S608
            (count,) = connection.execute(broken).fetchone()
            if count:
                yield name, count


def said_of(table: str, count: int) -> str:
    """Say that rows of a table are not what was written."""
    return f"{count} rows of its table {table} are not as they were written"

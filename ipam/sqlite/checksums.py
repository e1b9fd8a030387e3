"""A checksum in every row, which SQLite computes and which is verified when the file is opened.

SQLite verifies the structure of a file and not its contents: a few damaged bytes within a text read
as another text. So each table has the column that :func:`checksum_column` defines. SQLite computes
it whenever the row is written, with the function ``crc32`` that :func:`add_crc32` gives to a
connection. Any tool can read the rows, but only a program that defines ``crc32`` can write them.
"""

import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.errors import store_error

_COLUMN = "checksum INTEGER NOT NULL AS ({}) STORED"
_EXPRESSION = re.compile(_COLUMN.replace("(", r"\(").replace(")", r"\)").format("(.+)"))


def checksum_column(*columns: str) -> str:
    """Return the SQL definition of a column with the checksum of ``columns``, for a migration.

    Columns that are not named are not protected. Source: https://sqlite.org/gencol.html
    """
    concatenated = " || ".join(f"ifnull({column}, 'null')" for column in columns)
    return _COLUMN.format(f"crc32(CAST({concatenated} AS BLOB))")


def add_crc32(connection: sqlite3.Connection) -> None:
    """Define the SQL function ``crc32`` of a blob, which checksum columns call."""
    connection.create_function("crc32", 1, zlib.crc32, deterministic=True)


def require_checksums(path: Path, connection: sqlite3.Connection) -> None:
    """Raise StoreDamaged if a row does not match its checksum.

    A million rows take a second.
    """
    for table, count in damaged_tables(connection):
        raise store_error(StoreDamaged, path, describe_damage(table, count))


def damaged_tables(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """Yield each table that has rows which do not match their checksums, and their number."""
    for name, definition in connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"
    ).fetchall():
        if expression := _EXPRESSION.search(definition):
            query = f"SELECT count(*) FROM {name} WHERE checksum IS NOT {expression[1]}"  # noqa: S608
            (count,) = connection.execute(query).fetchone()
            if count:
                yield name, count


def describe_damage(table: str, count: int) -> str:
    """Return the sentence that reports damaged rows of a table."""
    return f"{count} rows of its table {table} are not as they were written"

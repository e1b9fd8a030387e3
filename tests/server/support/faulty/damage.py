"""Damage to the databases of a state directory, and its findings without ids."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from mynet.ipam.sqlite.checksums import add_crc32


def change(path: Path, script: str) -> None:
    """Run SQL statements on a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_crc32(connection)
        connection.executescript(script)


def edit(path: Path, table: str, edited: Callable[[str], str]) -> None:
    """Replace each document of a table by ``edited`` of it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_crc32(connection)
        connection.create_function("edited", 1, edited)
        connection.execute(f"UPDATE {table} SET document = edited(document)")  # noqa: S608


def with_names(findings: Sequence[str], state: Path) -> list[str]:
    """Return findings with names in place of ids."""
    with closing(sqlite3.connect(state / "mynet.db")) as database:
        named = database.execute("SELECT id, container_id FROM endpoints").fetchall()
        named += database.execute("SELECT id, name FROM networks").fetchall()
    shortened = list(findings)
    for number, name in named:
        shortened = [text.replace(number, name).replace(number[:12], name) for text in shortened]
    return shortened

"""A file with a changed row is refused, which SQLite itself does not notice."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mynet.ipam.bitmap.schema import MIGRATIONS as BITMAP
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.checksums import checksum_column
from mynet.ipam.sqlite.database import Database
from mynet.server.store import MIGRATIONS as STORE
from tests.ipam.support.databases import executing

TABLES = (
    f"""
    CREATE TABLE things (
      name TEXT NOT NULL,
      number INTEGER NOT NULL,
      data BLOB NOT NULL,
      note TEXT,
      {checksum_column("name", "number", "data", "note")}
    ) STRICT;
    """,
)
NAME = "a name that can be found in the file"
ROW = (NAME, 7_000_000_000, b"some\0data", None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "things.db"
    with closing(Database(path, TABLES)) as database:
        database.write(
            lambda connection, _: (
                connection.execute("INSERT INTO things VALUES (?, ?, ?, ?)", ROW).rowcount
            )
        )
    return path


def test_a_sound_file_is_opened(path: Path) -> None:
    with closing(Database(path, TABLES)) as database, database.read() as connection:
        assert connection.execute("SELECT name, number, data, note FROM things").fetchone() == ROW


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(NAME.encode(), NAME.upper().encode()),
        lambda data: data.replace(b"some\0data", b"some\0dada"),
        lambda data: data.replace((7_000_000_000).to_bytes(6, "big"), bytes(6)),
    ],
    ids=["text", "blob", "number"],
)
def test_a_changed_row_is_refused(change: Callable[[bytes], bytes], path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    assert path.read_bytes() != whole
    damaged = path.read_bytes()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with pytest.raises(StoreDamaged, match="1 rows of its table things are not as they were"):
        Database(path, TABLES)
    assert path.read_bytes() == damaged


def test_a_change_by_the_daemon_has_a_new_checksum(path: Path) -> None:
    with closing(Database(path, TABLES)) as database:
        database.write(executing("UPDATE things SET note = 'new'"))
    with closing(Database(path, TABLES)):
        pass


def test_any_tool_reads_the_rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT name FROM things").fetchall() == [(NAME,)]
        with pytest.raises(sqlite3.OperationalError, match="crc32"):
            file.execute("UPDATE things SET number = 1")


@pytest.mark.parametrize("migrations", [BITMAP, STORE], ids=["bitmap", "store"])
def test_every_column_of_every_table_is_in_the_checksum(
    migrations: tuple[str, ...], tmp_path: Path
) -> None:
    with (
        closing(Database(tmp_path / "any.db", migrations)) as database,
        database.read() as connection,
    ):
        tables = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        assert len(tables) >= 5
        for name, definition in tables:
            columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
            covered = set(re.findall(r"ifnull\((\w+), 'null'\)", definition))
            # seq is the order of the rows, and chosen by SQLite when it writes them.
            assert {column[1] for column in columns} - {"seq"} == covered, name

"""Migrations run step by step and keep the content of the file."""

from contextlib import closing
from pathlib import Path

import pytest

from mynet.ipam.bitmap.schema import MIGRATIONS as BITMAP
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.database import Database
from tests.ipam.support.databases import TABLE, insert, names, revision_of

STEPS = (
    TABLE,
    "ALTER TABLE things ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'",
    "UPDATE things SET colour = 'red' WHERE name = 'a'; CREATE TABLE more (name TEXT)",
)
BROKEN = "CREATE TABLE half (name TEXT); INSERT INTO half VALUES ('a'); INSERT INTO nowhere"


def schema_of(database: Database) -> int:
    with database.read() as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {name for (name,) in rows}


@pytest.mark.parametrize("first", range(1, 4))
@pytest.mark.parametrize("further", range(4))
def test_a_file_of_any_schema_is_migrated_to_any_later_one(
    first: int, further: int, tmp_path: Path
) -> None:
    with closing(Database(tmp_path / "things.db", STEPS[:first])) as database:
        database.write(
            lambda connection, _: (
                connection.execute("INSERT INTO things (name) VALUES ('a')").rowcount
            )
        )
    steps = STEPS[: max(first, further)]
    with closing(Database(tmp_path / "things.db", steps)) as database:
        assert schema_of(database) == len(steps)
        assert names(database) == ["a"]
        assert revision_of(database) == 1


def test_a_migration_runs_once(tmp_path: Path) -> None:
    for count in (1, 2, 3, 3):
        with closing(Database(tmp_path / "things.db", STEPS[:count])) as database:
            assert schema_of(database) == count


def test_a_failed_migration_keeps_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    with closing(Database(path, STEPS[:1])) as database:
        database.write(insert("a"))
    with pytest.raises(StoreDamaged, match=r"incomplete input|syntax error"):
        Database(path, [*STEPS[:2], BROKEN])
    with closing(Database(path, STEPS[:2])) as database:
        assert schema_of(database) == 2
        assert tables(database) == {"things", "revision"}
        assert names(database) == ["a"]


def test_a_failed_first_migration_leaves_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    with pytest.raises(StoreDamaged):
        Database(path, [BROKEN])
    with closing(Database(path, STEPS)) as database:
        assert names(database) == []


def test_the_bitmap_backend_has_the_tables_that_it_needs(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "bitmap.db", BITMAP)) as database:
        assert {"subnets", "pages", "allocations", "resting"} <= tables(database)

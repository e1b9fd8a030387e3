"""A file is opened only if mynet wrote it, it is whole, and no other process has it open."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.database import Database
from tests.ipam.support.databases import (
    MIGRATIONS,
    TABLE,
    contents,
    executing,
    insert,
    names,
    noise,
    revision_of,
)

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a thousand things in it, closed."""
    path = tmp_path / "things.db"
    with closing(Database(path, MIGRATIONS)) as database:
        database.write(
            lambda connection, _: (
                connection.executemany(
                    "INSERT INTO things VALUES (?)",
                    ((f"thing {number:04}",) for number in range(1000)),
                ).rowcount
            )
        )
    return path


def make_noise(path: Path) -> None:
    path.write_bytes(noise(50_000))


def cut_to_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:PAGE])


def cut_within_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def overwrite_all_but_the_header(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + noise(len(data) - 100))


def make_newer(path: Path) -> None:
    with closing(Database(path, [*MIGRATIONS, "CREATE TABLE more (name TEXT)"])):
        pass


def make_another_programs(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE things (name TEXT)")
        file.execute("INSERT INTO things VALUES ('theirs')")


def make_another_programs_with_other_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE theirs (name TEXT)")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (make_noise, "file is not a database"),
        (cut_to_a_page, "malformed"),
        (cut_within_a_page, "ends within a page"),
        (overwrite_all_but_the_header, "malformed"),
        (make_newer, "has schema 2, and this version knows schemas up to 1"),
        (make_another_programs, "is another program's database"),
        (make_another_programs_with_other_tables, "is another program's database"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused_and_not_changed(
    damage: Callable[[Path], None], sentence: str, path: Path
) -> None:
    damage(path)
    before = contents(path.parent)
    for _ in range(2):
        with pytest.raises(StoreDamaged, match=sentence) as caught:
            Database(path, MIGRATIONS)
        assert "It was left as it is" in str(caught.value)
        assert caught.value.resource == str(path)
        assert contents(path.parent) == before


def test_a_file_that_is_restored_opens_again(path: Path) -> None:
    backup = path.read_bytes()
    make_noise(path)
    with pytest.raises(StoreDamaged):
        Database(path, MIGRATIONS)
    path.write_bytes(backup)
    with closing(Database(path, MIGRATIONS)) as database:
        assert len(names(database)) == 1000


def test_damage_after_the_start_raises_store_damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4 * PAGE :] = noise(len(data) - 4 * PAGE)
    with closing(Database(path, MIGRATIONS)) as database:
        path.write_bytes(data)
        database.write(executing("PRAGMA shrink_memory"))
        with pytest.raises(StoreDamaged, match="malformed"):
            names(database)
        with pytest.raises(StoreDamaged, match="malformed"):
            database.write(insert("thing 0500"))
        assert revision_of(database) == 1


@pytest.mark.parametrize("in_the_way", ["things.db", "things.db.lock"])
def test_a_file_that_cannot_be_opened_is_unavailable(in_the_way: str, tmp_path: Path) -> None:
    (tmp_path / in_the_way).mkdir()
    with pytest.raises(StoreUnavailable, match=in_the_way):
        Database(tmp_path / "things.db", MIGRATIONS)


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        Database(tmp_path / "nowhere" / "things.db", MIGRATIONS)


OPENING = """
import sys
from pathlib import Path
from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.database import Database
try:
    database = Database(Path(sys.argv[1]), sys.argv[2:])
except StoreUnavailable as error:
    print(error, flush=True)
else:
    print("opened", flush=True)
    sys.stdin.read()
"""


def in_another_process(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPENING, str(path), TABLE]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_second_process_is_refused(path: Path) -> None:
    with closing(Database(path, MIGRATIONS)) as database:
        with in_another_process(path) as other:
            said, _ = other.communicate(timeout=30)
        assert said == f"{path} is in use by another process; stop that one first\n"
        assert len(names(database)) == 1000


def test_a_second_opening_is_refused_in_the_same_process(path: Path) -> None:
    with closing(Database(path, MIGRATIONS)) as database:
        with pytest.raises(StoreUnavailable, match="is in use"):
            Database(path, MIGRATIONS)
        assert database.write(insert("still at work")) == 2


def test_the_lock_of_a_killed_process_is_released(path: Path) -> None:
    with in_another_process(path) as other:
        assert other.stdout
        assert other.stdout.readline() == "opened\n"
        with pytest.raises(StoreUnavailable, match="is in use"):
            Database(path, MIGRATIONS)
        other.kill()
        other.wait(30)
    with closing(Database(path, MIGRATIONS)) as database:
        assert len(names(database)) == 1000

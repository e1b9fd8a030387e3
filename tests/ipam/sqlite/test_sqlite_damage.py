"""A file that was cut, emptied or overwritten is refused or read in full, and never begun anew.

SQLite reads a log that is cut, or overwritten from somewhere on, as if the commits behind had never
been. So it is opened as they left it, and the log of the daemon says which are gone.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.database import Database
from tests.ipam.support.databases import MIGRATIONS, contents, insert, names, noise, revision_of

COMMITS = 40
NAMES = [f"thing {number:02} {'x' * 400}" for number in range(COMMITS)]
PAGE = 4096


def fill(database: Database) -> None:
    for name in NAMES:
        database.write(insert(name))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with forty things in it, closed."""
    path = tmp_path / "closed" / "things.db"
    path.parent.mkdir()
    with closing(Database(path, MIGRATIONS)) as database:
        fill(database)
    return path


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The same, as it is when the process was killed: all of the things are in the log."""
    path, copy = tmp_path / "open" / "things.db", tmp_path / "killed"
    path.parent.mkdir()
    with closing(Database(path, MIGRATIONS)) as database:
        fill(database)
        shutil.copytree(path.parent, copy)
    return copy / "things.db"


def restore(folder: Path, saved: dict[str, bytes]) -> None:
    """Restore a folder's files."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name, data in saved.items():
        (folder / name).write_bytes(data)


def require_refused(path: Path, sentence: str = "It was left as it is") -> None:
    """Require that the file is refused each time, and that no file changes."""
    before = contents(path.parent)
    for _ in range(2):
        with pytest.raises(StoreDamaged, match=sentence) as caught:
            Database(path, MIGRATIONS)
        assert "It was left as it is" in str(caught.value)
        assert contents(path.parent) == before


def test_a_file_that_is_cut_is_refused_wherever_it_is_cut(path: Path) -> None:
    whole = path.read_bytes()
    cuts = {0, 1, 16, 99, 100, 101, *range(0, len(whole), 1000), *range(0, len(whole), PAGE)}
    for length in sorted(cuts):
        path.write_bytes(whole[:length])
        require_refused(path)
    path.write_bytes(whole)
    with closing(Database(path, MIGRATIONS)) as database:
        assert names(database) == NAMES


def test_an_emptied_or_removed_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    require_refused(path, "it is empty or missing, and it had content when it was last closed")
    path.unlink()
    require_refused(path, "move it and things.db.lock away to begin with an empty one")
    assert not path.exists()


def test_a_file_replaced_by_an_empty_database_is_refused(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
    require_refused(path, "it is empty or missing")


def test_a_log_is_kept_though_its_file_was_emptied(killed: Path) -> None:
    for settled in (True, False):
        killed.write_bytes(b"")
        if not settled:
            killed.with_name("things.db.lock").unlink()
        require_refused(killed, "it is empty or missing")
        assert killed.with_name("things.db-wal").stat().st_size > COMMITS * PAGE


def test_a_file_whose_lock_file_was_moved_away_too_begins_empty(path: Path) -> None:
    path.unlink()
    path.with_name("things.db.lock").unlink()
    with closing(Database(path, MIGRATIONS)) as database:
        assert names(database) == []


def test_an_interrupted_first_start_is_repeated(path: Path) -> None:
    for left in (b"", None):
        path.unlink()
        path.with_name("things.db.lock").write_bytes(b"")
        if left is not None:
            path.write_bytes(left)
        with closing(Database(path, MIGRATIONS)) as database:
            assert names(database) == []


def test_an_empty_lock_file_is_initialised_beside_an_old_file(path: Path) -> None:
    path.with_name("things.db.lock").write_bytes(b"")
    with closing(Database(path, MIGRATIONS)) as database:
        assert names(database) == NAMES
    path.write_bytes(b"")
    require_refused(path)


def test_a_file_that_is_cut_beside_its_log_is_refused_or_made_whole(killed: Path) -> None:
    saved = contents(killed.parent)
    whole, opened = saved["things.db"], 0
    for length in sorted({0, 1, 50, 100, *range(0, len(whole), 500)}):
        restore(killed.parent, saved)
        killed.write_bytes(whole[:length])
        try:
            database = Database(killed, MIGRATIONS)
        except StoreDamaged:
            continue
        with closing(database):
            assert names(database) == NAMES
            opened += 1
    assert opened


@pytest.mark.parametrize("by", ["cut", "noise"])
def test_a_damaged_log_loses_its_last_commits_which_is_logged(
    by: str, killed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = contents(killed.parent)
    log = saved["things.db-wal"]
    found = []
    for at in range(0, len(log), len(log) // 30):
        restore(killed.parent, saved)
        damaged = log[:at] if by == "cut" else log[:at] + noise(500) + log[at + 500 :]
        killed.with_name("things.db-wal").write_bytes(damaged)
        caplog.clear()
        with closing(Database(killed, MIGRATIONS)) as database:
            found.append(len(names(database)))
            assert names(database) == NAMES[: found[-1]]
            assert revision_of(database) == COMMITS
            assert f"its newest commits, {found[-1] + 1} to {COMMITS}" in caplog.text
            assert database.write(insert("another")) == COMMITS + 1  # a revision is not used twice
        caplog.clear()
        with closing(Database(killed, MIGRATIONS)):
            assert caplog.text == ""
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] > COMMITS * 0.9


def test_a_page_of_noise_is_refused_at_the_start(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(0, len(whole), PAGE):
        path.write_bytes(whole[:at] + noise(PAGE) + whole[at + PAGE :])
        require_refused(path)


@pytest.mark.parametrize("length", [1, 16, 512])
def test_noise_in_a_file_is_refused_or_does_no_harm(length: int, path: Path) -> None:
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole) - length, len(whole) // 60):
        path.write_bytes(whole[:at] + noise(length) + whole[at + length :])
        before = contents(path.parent)
        try:
            database = Database(path, MIGRATIONS)
        except StoreDamaged:
            refused += 1
            assert contents(path.parent) == before
            continue
        with closing(database):
            assert names(database) == NAMES
    assert refused


def test_the_index_of_the_log_may_be_lost(killed: Path) -> None:
    saved = contents(killed.parent)
    for index in (b"", noise(32768), None):
        restore(killed.parent, saved)
        if index is None:
            killed.with_name("things.db-shm").unlink()
        else:
            killed.with_name("things.db-shm").write_bytes(index)
        with closing(Database(killed, MIGRATIONS)) as database:
            assert names(database) == NAMES

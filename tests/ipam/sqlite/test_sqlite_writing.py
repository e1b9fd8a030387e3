"""Group commit: the writes of many callers share a commit, and each has its own result."""

import gc
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite import writer
from mynet.ipam.sqlite.database import Database
from tests.ipam.support.databases import (
    MIGRATIONS,
    executing,
    held,
    insert,
    names,
    revision_of,
    together,
    wait_for_callers,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "things.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    made = Database(path, MIGRATIONS)
    yield made
    made.close()


@pytest.fixture
def commits(database: Database) -> list[str]:
    """What the writer has committed; it grows."""
    found: list[str] = []

    def trace(statement: str) -> None:
        if statement == "COMMIT":
            found.append(statement)

    database._connection.set_trace_callback(trace)
    return found


def test_all_waiting_callers_share_one_commit(database: Database, commits: list[str]) -> None:
    futures = together(database, [insert(f"{number:02}") for number in range(40)])
    assert [future.result() for future in futures] == list(range(1, 41))
    assert len(commits) == 2  # of the one that kept the writer busy, and of all the others
    assert len(names(database)) == 40


def test_a_commit_takes_no_more_than_a_batch(
    database: Database, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_BATCH", 4)
    together(database, [insert(f"{number:02}") for number in range(10)])
    assert len(commits) == 1 + 3
    assert len(names(database)) == 10


def test_an_answered_write_is_in_the_file(database: Database, path: Path) -> None:
    database.write(insert("a"))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM things").fetchall() == [("a",)]


def test_no_caller_is_answered_before_the_commit(database: Database) -> None:
    first_ran, go_on = threading.Event(), threading.Event()

    def first(connection: sqlite3.Connection, revision: int) -> None:
        insert("a")(connection, revision)
        first_ran.set()

    def second(connection: sqlite3.Connection, revision: int) -> None:
        go_on.wait(30)

    with ThreadPoolExecutor(2) as pool:
        with held(database):
            one = pool.submit(database.write, first)
            wait_for_callers(database, 1)
            pool.submit(database.write, second)
            wait_for_callers(database, 2)
        first_ran.wait(30)
        assert not one.done()
        assert names(database) == []
        go_on.set()
        one.result()
    assert names(database) == ["a"]


def test_a_caller_waits_no_longer_than_the_next_commit(database: Database) -> None:
    """Callers are told while the next commit is on its way to the disk, or at once if none is."""
    ran, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection, revision: int) -> int:
        ran.set()
        go_on.wait(30)
        return insert("slow")(connection, revision)

    with ThreadPoolExecutor(3) as pool:
        before = [pool.submit(database.write, insert(name)) for name in "ab"]
        assert sorted(future.result(30) for future in before) == [1, 2]  # none came behind
        waiting = pool.submit(database.write, slow)
        ran.wait(30)
        behind = pool.submit(database.write, insert("c"))
        go_on.set()
        assert (waiting.result(30), behind.result(30)) == (3, 4)


def test_callers_before_a_long_write_do_not_wait_for_it(database: Database) -> None:
    go_on = threading.Event()

    def long(connection: sqlite3.Connection, revision: int) -> int:
        go_on.wait(30)
        return insert("long")(connection, revision)

    with ThreadPoolExecutor(3) as pool:
        with held(database):
            first = pool.submit(database.write, insert("a"))
            wait_for_callers(database, 1)
            waiting = pool.submit(database.write_alone, long)
            wait_for_callers(database, 2)
            last = pool.submit(database.write, insert("b"))
            wait_for_callers(database, 3)
        assert first.result(30) == 1
        assert names(database) == ["a"]
        go_on.set()
        assert (waiting.result(30), last.result(30)) == (2, 3)


def test_only_a_change_has_a_revision(database: Database) -> None:
    def look(connection: sqlite3.Connection, revision: int) -> int:
        connection.execute("SELECT * FROM things").fetchall()
        return revision

    asked = [insert("a"), look, insert("b"), look]
    one, _, two, last = together(database, asked)
    assert (one.result(), two.result(), last.result()) == (1, 2, 3)
    assert revision_of(database) == 2


def test_work_that_changes_nothing_writes_nothing(database: Database, path: Path) -> None:
    database.write(insert("a"))
    log = path.with_name("things.db-wal")
    before = log.stat().st_size
    with pytest.raises(sqlite3.IntegrityError):
        database.write(insert("a"))
    database.write(executing("DELETE FROM things WHERE name = 'b'"))
    assert log.stat().st_size == before


def test_revisions_go_on_after_a_restart(path: Path, database: Database) -> None:
    assert database.write(insert("a")) == 1
    database.close()
    with closing(Database(path, MIGRATIONS)) as again:
        assert again.write(insert("b")) == 2
        assert revision_of(again) == 2


def test_a_commit_is_synced(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection, _: int) -> tuple[Any, Any]:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        return mode, connection.execute("PRAGMA synchronous").fetchone()[0]

    full = 2  # fsync the log at every commit: https://sqlite.org/pragma.html#pragma_synchronous
    assert database.write(pragmas) == ("wal", full)


def test_a_reader_sees_one_state_of_the_file(database: Database) -> None:
    database.write(insert("a"))
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM things").fetchone() == (1,)
        database.write(insert("b"))
        assert connection.execute("SELECT count(*) FROM things").fetchone() == (1,)
    assert names(database) == ["a", "b"]


def test_a_reader_waits_for_no_writer(database: Database) -> None:
    database.write(insert("a"))
    with held(database):
        assert names(database) == ["a"]


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"), database.read() as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    assert names(database) == []
    assert database.write(insert("b")) == 1


def test_a_failed_read_does_not_affect_the_next(database: Database) -> None:
    with (
        pytest.raises(sqlite3.OperationalError, match="no such table"),
        database.read() as connection,
    ):
        connection.execute("SELECT * FROM others")
    assert names(database) == []


def test_close_finishes_the_waiting_writes(path: Path, database: Database) -> None:
    with ThreadPoolExecutor(4) as pool, held(database):
        waiting = [pool.submit(database.write, insert(name)) for name in "abc"]
        wait_for_callers(database, 3)
        closing_it = pool.submit(database.close)
        wait_for_callers(database, 4)
    closing_it.result()
    assert sorted(future.result() for future in waiting) == [1, 2, 3]
    with closing(Database(path, MIGRATIONS)) as again:
        assert names(again) == ["a", "b", "c"]


def test_the_writer_keeps_no_reference_to_an_answer(database: Database) -> None:
    class Answer:
        pass

    gc.disable()  # so that what is in a circle with something stays
    try:
        answer = weakref.ref(database.write(lambda *_: Answer()))
        database.write(insert("a"))  # until the next, the writer has the last in its hands
        assert answer() is None
    finally:
        gc.enable()


def test_a_closed_file_takes_no_more_calls(database: Database) -> None:
    names(database)
    database.close()
    database.close()
    with pytest.raises(StoreUnavailable, match="is closed"):
        database.write(insert("a"))
    with pytest.raises(StoreUnavailable, match="is closed"):
        names(database)


def test_work_that_returns_a_cursor_is_refused_and_rolled_back(database: Database) -> None:
    """Released in another thread, it would reset the statement that the writer works on."""
    sql = "INSERT INTO things (name) VALUES ('no')"
    with pytest.raises(TypeError, match="return its rows"):
        database.write(lambda connection, _: connection.execute(sql))
    assert names(database) == []

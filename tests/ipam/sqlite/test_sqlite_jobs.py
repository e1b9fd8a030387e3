"""Of jobs that share a commit, each happens whole or not at all when one fails."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.database import Database, Work
from tests.ipam.support.databases import MIGRATIONS, insert, names, revision_of, together


class Hooks:
    """The two hooks of a database, and a memory beside it of what is in the file."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.known: set[str] = set()
        self.at_commit: Callable[[sqlite3.Connection], object] = lambda _: None

    def before_commit(self, connection: sqlite3.Connection) -> None:
        self.called.append("before commit")
        self.at_commit(connection)

    def on_rollback(self) -> None:
        self.called.append("on rollback")
        self.known.clear()

    def insert(self, name: str) -> Work[int]:
        """Return work that adds a thing to the file and to the memory."""

        def work(connection: sqlite3.Connection, revision: int) -> int:
            self.known.add(name)
            return insert(name)(connection, revision)

        return work


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def database(tmp_path: Path, hooks: Hooks) -> Iterator[Database]:
    path = tmp_path / "things.db"
    with closing(
        Database(path, MIGRATIONS, before_commit=hooks.before_commit, on_rollback=hooks.on_rollback)
    ) as made:
        yield made


@pytest.fixture
def runs() -> list[str]:
    """The names of jobs in the order that they were run in."""
    return []


def counted(runs: list[str], name: str, work: Work[Any]) -> Work[Any]:
    def run(connection: sqlite3.Connection, revision: int) -> Any:
        runs.append(name)
        return work(connection, revision)

    return run


def fail(*_: object) -> None:
    raise KeyError("mine")


def fail_half_way(connection: sqlite3.Connection, _: int) -> None:
    connection.execute("INSERT INTO things VALUES ('half')")
    raise KeyError("mine")


def test_a_job_that_fails_half_way_leaves_nothing(database: Database) -> None:
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            database.write(fail_half_way)
        assert names(database) == []
        assert revision_of(database) == 0
    assert database.write(insert("a")) == 1


def test_the_others_of_its_commit_are_run_again_and_committed(
    database: Database, runs: list[str], hooks: Hooks
) -> None:
    works: dict[str, Work[Any]] = {
        "a": insert("a"),
        "half": fail_half_way,
        "b": insert("b"),
        "c": insert("c"),
    }
    jobs = [counted(runs, name, work) for name, work in works.items()]
    one, failed, two, three = together(database, jobs)
    assert [one.result(), two.result(), three.result()] == [1, 2, 3]
    with pytest.raises(KeyError, match="mine"):
        failed.result()
    assert names(database) == ["a", "b", "c"]
    assert revision_of(database) == 3
    # All up to it, and then each by itself: the writer was kept busy by a commit before them.
    assert runs == ["a", "half", "a", "half", "b", "c"]
    assert hooks.called[1:] == [
        "on rollback",
        "before commit",
        "on rollback",
        "before commit",
        "before commit",
    ]


def test_several_that_fail_half_way_fail_each_for_itself(database: Database) -> None:
    jobs = [fail_half_way, insert("a"), fail_half_way, insert("b"), fail_half_way]
    first, one, second, two, third = together(database, jobs)
    assert (one.result(), two.result()) == (1, 2)
    for failed in (first, second, third):
        with pytest.raises(KeyError, match="mine"):
            failed.result()
    assert names(database) == ["a", "b"]


def test_a_job_that_fails_before_a_change_does_not_affect_others(
    database: Database, runs: list[str], hooks: Hooks
) -> None:
    works: dict[str, Work[Any]] = {"a": insert("a"), "fails": fail, "b": insert("b")}
    jobs = [counted(runs, name, work) for name, work in works.items()]
    one, failed, two = together(database, jobs)
    assert (one.result(), two.result()) == (1, 2)
    with pytest.raises(KeyError, match="mine"):
        failed.result()
    assert runs == ["a", "fails", "b"]
    assert hooks.called == ["before commit"] * 2


def test_a_refused_statement_is_its_callers(database: Database) -> None:
    one, twice, two = together(database, [insert("a"), insert("a"), insert("b")])
    assert (one.result(), two.result()) == (1, 2)
    with pytest.raises(sqlite3.IntegrityError):
        twice.result()
    assert names(database) == ["a", "b"]


def test_a_job_that_ends_the_transaction_fails_alone(database: Database) -> None:
    def give_up(connection: sqlite3.Connection, _: int) -> None:
        connection.execute("ROLLBACK")
        raise KeyError("mine")

    one, failed, two = together(database, [insert("a"), give_up, insert("b")])
    assert (one.result(), two.result()) == (1, 2)
    with pytest.raises(KeyError, match="mine"):
        failed.result()
    assert names(database) == ["a", "b"]


def test_on_rollback_keeps_memory_equal_to_the_file(database: Database, hooks: Hooks) -> None:
    together(database, [hooks.insert("a"), fail_half_way, hooks.insert("b"), hooks.insert("c")])
    assert names(database) == ["a", "b", "c"]
    assert hooks.known == {"b", "c"}  # a was forgotten with the failed job's commit


def test_changes_of_before_commit_are_part_of_the_commit(database: Database, hooks: Hooks) -> None:
    hooks.at_commit = lambda connection: connection.execute(
        "INSERT INTO things SELECT 'number ' || count(*) FROM things"
    )
    one, two = together(database, [insert("a"), insert("b")])
    assert (one.result(), two.result()) == (1, 2)
    assert names(database) == ["a", "b", "number 0", "number 3"]
    assert hooks.called == ["before commit"] * 2  # of the commit before them, and of both


def test_an_error_of_before_commit_fails_the_commit(database: Database, hooks: Hooks) -> None:
    def fail_with_a(connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT 1 FROM things WHERE name = 'a'").fetchone():
            raise KeyError("mine")

    database.write(insert("before"))
    hooks.at_commit = fail_with_a
    futures = together(database, [insert("a"), insert("b")])
    for future in futures:
        with pytest.raises(StoreUnavailable, match="mine"):
            future.result()
    assert names(database) == ["before"]
    assert revision_of(database) == 1
    assert hooks.called[-2:] == ["before commit", "on rollback"]
    hooks.at_commit = lambda _: None
    assert database.write(insert("a")) == 2


def test_an_answer_is_of_the_run_that_was_committed(database: Database) -> None:
    runs: list[int] = []

    def work(connection: sqlite3.Connection, revision: int) -> str:
        runs.append(revision)
        insert("a")(connection, revision)
        return f"run {len(runs)}"

    answer, _ = together(database, [work, fail_half_way])
    assert answer.result() == "run 2"
    assert names(database) == ["a"]


def test_an_error_of_a_run_that_was_rolled_back_is_forgotten(database: Database) -> None:
    runs: list[str] = []

    def insert_once(connection: sqlite3.Connection, revision: int) -> None:
        if not runs:
            insert("a")(connection, revision)
        runs.append("one")

    def count(connection: sqlite3.Connection, _: int) -> int:
        found: int = connection.execute("SELECT count(*) FROM things").fetchone()[0]
        if found:
            raise KeyError("mine")
        return found

    _, counted, _ = together(database, [insert_once, count, fail_half_way])
    assert counted.result() == 0

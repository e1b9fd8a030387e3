"""A call on a full disk changes nothing, and works when there is room."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite.database import Database
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.databases import MIGRATIONS, insert, names, revision_of, together

LARGE = "x" * 100_000
SUBNET = IPv4Network("10.1.0.0/16")


@contextmanager
def out_of_pages(database: Database) -> Iterator[None]:
    """Make SQLite report a full disk in the block."""

    def limit(pages: int) -> int:
        def work(connection: sqlite3.Connection, _: int) -> int:
            connection.execute(f"PRAGMA max_page_count = {pages}")
            count: int = connection.execute("PRAGMA page_count").fetchone()[0]
            return count

        return database.write(work)

    limit(limit(2**31))
    try:
        yield
    finally:
        limit(2**31)


@pytest.fixture
def rollbacks() -> list[str]:
    """An entry for each commit that failed."""
    return []


@pytest.fixture
def database(tmp_path: Path, rollbacks: list[str]) -> Iterator[Database]:
    path = tmp_path / "things.db"
    made = Database(path, MIGRATIONS, on_rollback=lambda: rollbacks.append("failed"))
    yield made
    made.close()


def test_a_call_is_refused_and_changes_nothing(database: Database) -> None:
    database.write(insert("a"))
    for _ in range(2):
        with out_of_pages(database):
            with pytest.raises(StoreUnavailable, match="disk is full") as caught:
                database.write(insert(LARGE))
            assert names(database) == ["a"]
            assert revision_of(database) == 1
        assert "Nothing was changed" in str(caught.value)
        assert caught.value.resource == str(database._path)
    assert database.write(insert("b")) == 2
    assert names(database) == ["a", "b"]


def test_all_that_shared_the_commit_are_refused(database: Database, rollbacks: list[str]) -> None:
    with out_of_pages(database):
        futures = together(database, [insert("a"), insert(LARGE), insert("b")])
    for future in futures:
        with pytest.raises(StoreUnavailable):
            future.result()
    assert names(database) == []
    assert rollbacks == ["failed"]
    assert database.write(insert("c")) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailable),
        (sqlite3.SQLITE_BUSY, StoreUnavailable),
        (sqlite3.SQLITE_CANTOPEN, StoreUnavailable),
        (sqlite3.SQLITE_READONLY, StoreUnavailable),
        (sqlite3.SQLITE_CORRUPT, StoreDamaged),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreDamaged),
        (sqlite3.SQLITE_NOTADB, StoreDamaged),
        (sqlite3.SQLITE_ERROR, sqlite3.OperationalError),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.OperationalError),
    ],
)
def test_errors_of_the_disk_and_of_a_statement_have_different_classes(
    code: int, kind: type[Exception], database: Database
) -> None:
    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("it was refused")
        error.sqlite_errorcode = code
        raise error

    with pytest.raises(kind, match="it was refused"):
        database.write(fail)
    with pytest.raises(kind, match="it was refused"), database.read():
        fail()


def test_a_statement_that_fails_does_not_fail_the_commit(
    database: Database, rollbacks: list[str]
) -> None:
    database.write(insert("a"))
    with pytest.raises(sqlite3.IntegrityError):
        database.write(insert("a"))
    assert rollbacks == []


def test_a_backend_has_changed_nothing_in_memory_either(bench: Bench) -> None:
    bench.open(SUBNET)
    first = bench.allocate(SUBNET, "a")
    with out_of_pages(database_of(bench)):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                bench.allocate(SUBNET, LARGE)
    second = bench.allocate(SUBNET, "b")
    assert second.address == first.address + 1
    assert bench.allocations() == [first, second]


def test_a_transfer_is_refused_like_any_other_call(bench: Bench) -> None:
    bench.open(SUBNET)
    held = bench.allocate(SUBNET, "a")
    with out_of_pages(database_of(bench)), pytest.raises(StoreUnavailable):
        bench.allocate(SUBNET, LARGE, address=held.address, take_from="a")
    assert bench.allocations() == [held]


def database_of(bench: Bench) -> Database:
    assert isinstance(bench.backend, BitmapBackend)
    return bench.backend._database

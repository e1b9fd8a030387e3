"""After a failed write, the content of the disk is unknown, so no other write is tried.

The tests limit the size of files (RLIMIT_FSIZE), so that a write beyond it fails with EFBIG. SQLite
takes only ENOSPC for a full disk, and EFBIG for an I/O error.
"""

import logging
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.database import Database, Work
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.databases import MIGRATIONS, insert, names, revision_of, together

LARGE = "x" * 100_000
SUBNET = IPv4Network("10.1.0.0/16")


@contextmanager
def writes_fail(folder: Path) -> Iterator[None]:
    """Make the kernel refuse to grow a file beyond the largest in a folder."""
    largest = max(path.stat().st_size for path in folder.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def failing_with(code: int) -> Work[None]:
    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("it was refused")
        error.sqlite_errorcode = code
        raise error

    return fail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "things.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(Database(path, MIGRATIONS)) as made:
        made.write(insert("a"))
        yield made


def break_it(database: Database, path: Path) -> None:
    with writes_fail(path.parent), pytest.raises(StoreUnavailable, match="disk I/O error"):
        database.write(insert(LARGE))


def test_nothing_is_written_after_a_write_that_failed(database: Database, path: Path) -> None:
    break_it(database, path)
    log = path.with_name("things.db-wal")
    before = path.read_bytes(), log.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"disk I/O error.*restart mynetd") as caught:
            database.write(insert("b"))
        assert "takes no more writes" in str(caught.value)
        assert caught.value.resource == str(path)
    assert (path.read_bytes(), log.read_bytes()) == before


def test_reading_continues_after_a_failed_write(database: Database, path: Path) -> None:
    break_it(database, path)
    assert names(database) == ["a"]
    assert revision_of(database) == 1


def test_a_file_that_is_opened_again_accepts_writes(database: Database, path: Path) -> None:
    break_it(database, path)
    database.close()
    with closing(Database(path, MIGRATIONS)) as again:
        assert names(again) == ["a"]
        assert again.write(insert("b")) == 2


def test_all_that_shared_the_commit_are_refused(database: Database, path: Path) -> None:
    with writes_fail(path.parent):
        futures = together(database, [insert("b"), insert(LARGE), insert("c")])
    for future in futures:
        with pytest.raises(StoreUnavailable, match="takes no more writes"):
            future.result()
    assert names(database) == ["a"]


def test_a_failed_write_is_logged_once(
    database: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    break_it(database, path)
    with pytest.raises(StoreUnavailable):
        database.write(insert("b"))
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert f"{path} takes no more writes" in record.getMessage()


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_IOERR_SHMSIZE,  # what a full disk says of the index beside the log
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_BUSY,
    ],
)
def test_an_error_that_leaves_no_doubt_does_not_fence(code: int, database: Database) -> None:
    with pytest.raises(StoreUnavailable, match="it was refused"):
        database.write(failing_with(code))
    assert database.write(insert("b")) == 2


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_READ])
def test_a_sync_or_a_read_that_failed_fences_too(code: int, database: Database) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="takes no more writes"):
            database.write(failing_with(code))


def test_a_fenced_backend_lists_and_does_not_allocate(bench: Bench, tmp_path: Path) -> None:
    bench.open(SUBNET)
    first = bench.allocate(SUBNET, "a")
    with writes_fail(tmp_path), pytest.raises(StoreUnavailable):
        bench.allocate(SUBNET, LARGE)
    with pytest.raises(StoreUnavailable, match="takes no more writes"):
        bench.allocate(SUBNET, "b")
    assert bench.allocations() == [first]
    bench.restart()
    assert bench.allocate(SUBNET, "b").address == first.address + 1

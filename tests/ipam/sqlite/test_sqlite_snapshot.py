"""Snapshots of several databases are of one moment."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.ipam.sqlite import snapshot
from mynet.ipam.sqlite.checksums import add_crc32
from mynet.ipam.sqlite.database import Database
from mynet.ipam.sqlite.snapshot import at_one_moment, copy
from tests.ipam.support.databases import MIGRATIONS, insert, names, noise

NAMES = ("a.db", "b.db", "c.db")
LOOKS = 20


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[list[Database]]:
    with ExitStack() as opened:
        yield [
            opened.enter_context(closing(Database(tmp_path / name, MIGRATIONS))) for name in NAMES
        ]


@pytest.fixture
def paths(databases: list[Database], tmp_path: Path) -> list[Path]:
    return [tmp_path / name for name in NAMES]


def soon() -> float:
    return time.monotonic() + 30


@contextmanager
def written_in_turn(databases: list[Database]) -> Iterator[list[Exception]]:
    """Write each number to the first, the second and the third, one after the other."""
    over, failures = threading.Event(), list[Exception]()

    def work() -> None:
        number = 0
        try:
            while not over.is_set():
                for database in databases:
                    database.write(insert(str(number)))
                number += 1
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        yield failures
    finally:
        over.set()
        writer.join()


@pytest.mark.parametrize("order", [1, -1])
def test_all_databases_are_read_as_of_one_moment(
    databases: list[Database], paths: list[Path], order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(connection: sqlite3.Connection) -> None:
        add_crc32(connection)
        # Time enough, before a file is looked at, for others to write to it.
        connection.set_trace_callback(lambda said: time.sleep(0.005 * (said == "BEGIN")))

    monkeypatch.setattr(snapshot, "add_crc32", slow)
    seen = []
    with written_in_turn(databases) as failures:
        for _ in range(LOOKS):
            time.sleep(0.03)  # or the writer would only ever wait
            with at_one_moment(paths[::order], soon()) as readers:
                query = "SELECT count(*) FROM things"
                seen.append([reader.execute(query).fetchone()[0] for reader in readers][::order])
    assert failures == []
    assert seen[-1][0] > LOOKS  # it was written all the time
    for first, second, third in seen:
        assert first - 1 <= third <= second <= first


def test_a_snapshot_does_not_change_while_others_write(
    databases: list[Database], paths: list[Path], tmp_path: Path
) -> None:
    databases[0].write(insert("before"))
    with at_one_moment(paths, soon()) as readers:
        databases[0].write(insert("after"))  # and it need not wait
        copy(readers[0], paths[0], tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as made:
        assert made.execute("SELECT name FROM things").fetchall() == [("before",)]
    assert names(databases[0]) == ["after", "before"]


def test_a_copy_can_be_opened_as_a_database(
    databases: list[Database], paths: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(300):
        databases[0].write(insert(str(number)))
    with at_one_moment(paths, soon()) as readers:
        copy(readers[0], paths[0], tmp_path / "copy.db")
    with closing(Database(tmp_path / "copy.db", MIGRATIONS)) as made:
        assert names(made) == names(databases[0])
        assert made.write(insert("next")) == 301
    assert caplog.messages == []  # not that it had lost anything, either


def test_a_lock_of_another_program_is_awaited_until_the_deadline_without_blocking_writers(
    databases: list[Database], paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_HELD", 0.3)
    with closing(sqlite3.connect(paths[2], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        deadline = time.monotonic() + 1.5
        with (
            pytest.raises(StoreUnavailable, match=r"c\.db cannot be used: another program keeps"),
            written_in_turn(databases[:2]) as failures,
            at_one_moment(paths, deadline),
        ):
            pytest.fail("it was locked")
        assert time.monotonic() >= deadline
        other.execute("ROLLBACK")
    assert failures == []
    assert len(names(databases[0])) > 50  # in the pauses
    with at_one_moment(paths, soon()):
        pass


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable, match="unable to open"),
        at_one_moment([tmp_path / "a.db"], soon()),
    ):
        pytest.fail("there is none")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_a_database_raises_store_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(noise(4096))
    with (
        pytest.raises(StoreDamaged, match=r"a\.db cannot be read as a mynet database"),
        at_one_moment([tmp_path / "a.db"], soon()),
    ):
        pytest.fail("there is none")


def test_an_error_of_a_copy_names_the_target(
    databases: list[Database], paths: list[Path], tmp_path: Path
) -> None:
    with (
        at_one_moment(paths, soon()) as readers,
        pytest.raises(StoreUnavailable, match=r"nowhere/copy\.db cannot be used"),
    ):
        copy(readers[0], paths[0], tmp_path / "nowhere" / "copy.db")

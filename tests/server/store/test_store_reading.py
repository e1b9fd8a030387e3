"""Reading the store from many threads, some of which are new."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mynet.ipam.errors import StoreUnavailable
from mynet.server.store import Store
from tests.server.support.samples.records import add, network


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "mynet.db")
    yield made
    made.close()


def test_threads_that_come_and_go_leave_no_file_open(store: Store, tmp_path: Path) -> None:
    def opened() -> int:
        return sum(fd.resolve().parent == tmp_path for fd in Path("/proc/self/fd").iterdir())

    store.networks.all()
    before = opened()
    for _ in range(20):
        thread = threading.Thread(target=store.networks.all)
        thread.start()
        thread.join()
    assert opened() == before


def test_many_threads_read_at_once_each_in_its_own_snapshot(store: Store) -> None:
    all_inside = threading.Barrier(8)

    def look(_: int) -> int:
        with store._database.read() as connection:
            all_inside.wait(5)
            found = connection.execute("SELECT count(*) FROM networks").fetchone()[0]
            if all_inside.wait(5) == 0:
                add(store, network())
            all_inside.wait(5)
            again = connection.execute("SELECT count(*) FROM networks").fetchone()[0]
        assert found == again
        return int(again)

    with ThreadPoolExecutor(8) as readers:
        assert set(readers.map(look, range(8))) == {0}
    assert len(store.networks.all()) == 1


def test_closing_waits_for_readers(store: Store) -> None:
    closing = threading.Thread(target=store.close)
    with store._database.read() as connection:
        closing.start()
        closing.join(0.05)
        assert closing.is_alive()
        assert connection.execute("SELECT count(*) FROM networks").fetchone() == (0,)
    closing.join(5)
    assert not closing.is_alive()


def test_reading_after_closing_is_refused(store: Store) -> None:
    store.networks.all()
    store.close()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"mynet\.db is closed"):
            store.networks.all()
    with pytest.raises(StoreUnavailable, match=r"mynet\.db is closed"):
        add(store, network())


def test_a_failure_while_reading_gives_the_connection_back(store: Store) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), store._database.read():
            raise ZeroDivisionError
    assert store.networks.all() == []

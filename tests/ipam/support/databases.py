"""A database of things, and callers that wait for its writer thread together."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mynet.ipam.sqlite.checksums import checksum_column
from mynet.ipam.sqlite.database import Database, Work

TABLE = f"CREATE TABLE things (name TEXT NOT NULL UNIQUE, {checksum_column('name')}) STRICT"
MIGRATIONS = (TABLE,)


def insert(name: str) -> Work[int]:
    """Return work that adds a thing and returns its revision."""

    def work(connection: Any, revision: int) -> int:
        connection.execute("INSERT INTO things VALUES (?)", (name,))
        return revision

    return work


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM things ORDER BY name")]


def revision_of(database: Database) -> int:
    with database.read() as connection:
        revision: int = connection.execute("SELECT value FROM revision").fetchone()[0]
        return revision


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Keep the writer thread busy, so that writes in the block have to wait."""
    busy, enough = threading.Event(), threading.Event()

    def work(*_: object) -> None:
        busy.set()
        enough.wait(30)

    holder = threading.Thread(target=database.write_alone, args=(work,))
    holder.start()
    busy.wait(30)
    try:
        yield
    finally:
        enough.set()
        holder.join()


def together(database: Database, works: Sequence[Work[Any]]) -> list[Future[Any]]:
    """Write all of them in this order while the writer is busy; return their futures."""
    return called_together(database, [partial(database.write, work) for work in works])


def called_together(database: Database, calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Make all calls in this order, so that they share a commit; return their futures."""
    with ThreadPoolExecutor(len(calls)) as pool, held(database):
        futures: list[Future[Any]] = []
        for number, call in enumerate(calls, start=1):
            futures.append(pool.submit(call))
            wait_for_callers(database, number)
    return futures


def wait_for_callers(database: Database, count: int) -> None:
    """Wait until so many writes are in the queue."""
    deadline = time.monotonic() + 30
    while database._writer._queue.qsize() != count:
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file in a folder that is not empty, by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files if path.stat().st_size}


def executing(statement: str, values: Sequence[object] = ()) -> Work[int]:
    """Return work that executes a statement and returns the number of changed rows."""
    return lambda connection, _: connection.execute(statement, values).rowcount


def noise(length: int) -> bytes:
    """Return so many bytes without a meaning."""
    return bytes(number * 7919 % 251 for number in range(length))

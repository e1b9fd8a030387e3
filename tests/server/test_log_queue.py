"""The log of a daemon whose reader does not read."""

import os
from collections.abc import Iterator

import pytest

from mynet.server import log_queue
from mynet.server.log_queue import LogQueue, LogStream
from tests.server.support.polling import eventually


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe, of which the queue closes the end that it writes to."""
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)


def read_all(fd: int) -> list[str]:
    with os.fdopen(os.dup(fd)) as file:
        return file.read().splitlines()


def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    queue = LogQueue(pipe[1], str)
    for number in range(100):
        queue.put(f"line {number}")
    queue.close(60)
    assert read_all(pipe[0]) == [f"line {number}" for number in range(100)]


def test_lines_that_do_not_fit_are_counted_and_the_others_are_written(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "MOST_LINES", 10)
    queue = LogQueue(pipe[1], lambda count: f"lost {count}")
    line = "x" * (64 << 10)  # the pipe has room for less than one
    queue.put(line)
    assert eventually(lambda: not queue._lines)
    for _ in range(12):
        queue.put(line)
    with os.fdopen(os.dup(pipe[0])) as file:
        lines = [file.readline().rstrip() for _ in range(12)]
        assert lines == [line] * 11 + ["lost 2"]
        queue.put("more")
        assert file.readline() == "more\n"
    queue.close(60)


def test_many_bytes_are_too_many(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_queue, "MOST_BYTES", 100)
    queue = LogQueue(pipe[1], lambda count: f"lost {count}")
    queue.put("x" * 100)
    queue.put("y")
    queue.close(60)
    assert "lost 1" in read_all(pipe[0])


def test_a_reader_that_never_reads_does_not_stop_the_end(pipe: tuple[int, int]) -> None:
    queue = LogQueue(pipe[1], str)
    for _ in range(10):
        queue.put("x" * (64 << 10))
    queue.close(0.01)
    read_all(pipe[0])  # so that its thread ends


def test_a_reader_that_has_gone_is_no_trouble() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    queue = LogQueue(write_end, str)
    for _ in range(10):
        queue.put("line")
    queue.close(60)
    assert not queue._thread.is_alive()


def test_a_file_that_is_non_blocking_gets_all_lines(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    queue = LogQueue(pipe[1], str)
    for _ in range(10):
        queue.put("x" * (64 << 10))
    with os.fdopen(os.dup(pipe[0])) as file:
        lengths = [len(file.readline()) for _ in range(10)]
    assert lengths == [(64 << 10) + 1] * 10
    queue.close(60)


def test_what_is_printed_comes_in_lines(pipe: tuple[int, int]) -> None:
    queue = LogQueue(pipe[1], str)
    stream = LogStream(queue)
    print("one", "two\nthree", file=stream)
    print("begun", end="", file=stream)
    queue.close(60)
    assert read_all(pipe[0]) == ["one two", "three"]

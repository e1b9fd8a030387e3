"""The log of a daemon whose reader does not read."""

import os
import socket
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mynet.server import log_file, log_queue
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
    assert eventually(lambda: not queue._waiting)
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
    os.set_blocking(pipe[1], False)
    os.write(pipe[1], b"x" * (1 << 20))
    queue = LogQueue(pipe[1], lambda count: f"lost {count}")
    queue.put("y" * 99)
    assert eventually(lambda: not queue._waiting)
    queue.put("z" * 99)
    queue.put("w")
    with os.fdopen(os.dup(pipe[0])) as file:
        lines = [file.readline().strip("x\n") for _ in range(3)]
    assert lines == ["y" * 99, "z" * 99, "lost 1"]
    queue.close(60)


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


def terminal() -> tuple[int, int]:
    read_end, write_end = os.openpty()
    tty.setraw(write_end)
    return read_end, write_end


def stream() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def second_pipe() -> tuple[int, int]:
    """A pipe that another program has made non-blocking."""
    read_end, write_end = os.pipe2(os.O_NONBLOCK)
    os.set_blocking(read_end, True)
    return read_end, write_end


@pytest.mark.parametrize("made", [os.pipe, second_pipe, stream, terminal])
@pytest.mark.parametrize("proc", [True, False])
def test_a_slow_reader_gets_all_lines(
    made: Callable[[], tuple[int, int]], monkeypatch: pytest.MonkeyPatch, *, proc: bool
) -> None:
    if not proc:  # such as a terminal of another user
        monkeypatch.setattr(log_file, "_REOPEN", os.O_DIRECTORY)
    read_end, write_end = made()
    queue = LogQueue(write_end, str)
    for _ in range(10):
        queue.put("x" * (64 << 10))
    with os.fdopen(read_end) as file:
        lengths = [len(file.readline()) for _ in range(10)]
        assert lengths == [(64 << 10) + 1] * 10
        queue.close(60)


def test_a_file_gets_lines_after_those_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old\n")
    queue = LogQueue(os.open(path, os.O_WRONLY | os.O_APPEND), str)
    queue.put("new")
    assert path.read_text() == "old\nnew\n"
    queue.close(60)


def test_what_is_printed_comes_in_lines(pipe: tuple[int, int]) -> None:
    queue = LogQueue(pipe[1], str)
    stream = LogStream(queue)
    print("one", "two\nthree", file=stream)
    print("begun", end="", file=stream)
    queue.close(60)
    assert read_all(pipe[0]) == ["one two", "three"]

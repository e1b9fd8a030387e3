"""The log of a daemon whose reader does not read."""

import errno
import os
import socket
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mynet.server.logs import line_queue, log_file
from mynet.server.logs.line_queue import Backlog, LineQueue, LogStream
from mynet.server.logs.log_file import LogFile
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
    queue = LineQueue(pipe[1], str)
    for number in range(100):
        queue.put(f"line {number}")
    queue.close(60)
    assert read_all(pipe[0]) == [f"line {number}" for number in range(100)]


def test_lines_that_do_not_fit_are_counted_and_the_others_are_written(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_queue, "MOST_LINES", 10)
    queue = LineQueue(pipe[1], lambda count: f"lost {count}")
    line = "x" * (64 << 10)  # the pipe has room for less than one
    kept = [queue.put(line) for _ in range(12)]
    assert kept == [True] * 10 + [False] * 2
    assert queue.backlog() == Backlog(waiting=10, dropped=2, reason="")
    with os.fdopen(os.dup(pipe[0])) as file:
        lines = [file.readline().rstrip() for _ in range(11)]
        assert lines == [line] * 10 + ["lost 2"]
        queue.put("more")
        assert file.readline() == "more\n"
    assert eventually(lambda: queue.backlog() == Backlog(waiting=0, dropped=2, reason=""))
    queue.close(60)


def test_many_bytes_are_too_many(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_queue, "MOST_BYTES", 200)
    os.set_blocking(pipe[1], False)
    os.write(pipe[1], b"x" * (1 << 20))
    queue = LineQueue(pipe[1], lambda count: f"lost {count}")
    for line in ("y" * 99, "z" * 99, "w"):
        queue.put(line)
    with os.fdopen(os.dup(pipe[0])) as file:
        lines = [file.readline().strip("x\n") for _ in range(3)]
    assert lines == ["y" * 99, "z" * 99, "lost 1"]
    queue.close(60)


def test_lines_wait_for_a_disk_that_is_full_and_none_is_torn(tmp_path: Path) -> None:
    class Full(LogFile):
        room = 7

        def try_write(self, data: memoryview) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = super().try_write(data[: self.room])
            self.room -= written
            return written

    path = tmp_path / "log"
    queue = LineQueue(os.open(path, os.O_WRONLY | os.O_CREAT), str)
    full = Full(os.dup(queue._file._fd))
    queue._file = full
    for number in range(3):
        queue.put(f"line {number}")
    assert path.read_text() == "line 0\n"
    full.room = 3
    assert eventually(lambda: path.read_text() == "line 0\nlin")
    expected = Backlog(waiting=2, dropped=0, reason="No space left on device")
    assert eventually(lambda: queue.backlog() == expected)
    full.room = 1000
    assert eventually(lambda: path.read_text() == "line 0\nline 1\nline 2\n")
    assert queue.backlog() == Backlog(waiting=0, dropped=0, reason="")
    queue.close(60)


def test_a_file_is_exchanged_while_threads_write_and_no_line_is_lost(tmp_path: Path) -> None:
    def opened(name: object) -> int:
        return os.open(tmp_path / f"{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    queue = LineQueue(opened(0), str)

    def write(writer: int) -> None:
        for number in range(500):
            queue.put(f"{writer} {number}")

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, writer) for writer in range(4)]
        for number in range(1, 50):
            queue.reopen(opened(number))
        for writer in writers:
            writer.result()
    queue.close(60)
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{writer} {line}" for writer in range(4) for line in range(500))


def test_lines_that_a_full_pipe_did_not_take_go_to_the_new_file(
    pipe: tuple[int, int], tmp_path: Path
) -> None:
    queue = LineQueue(pipe[1], str)
    lines = [letter * (64 << 10) for letter in "abcd"]
    for line in lines:
        queue.put(line)  # the pipe takes a part of the first line
    path = tmp_path / "log"
    queue.reopen(os.open(path, os.O_WRONLY | os.O_CREAT))
    assert eventually(lambda: path.read_text().splitlines() == lines)
    queue.close(60)


def test_a_reader_that_never_reads_does_not_stop_the_end(pipe: tuple[int, int]) -> None:
    queue = LineQueue(pipe[1], str)
    for _ in range(10):
        queue.put("x" * (64 << 10))
    queue.close(0.01)
    read_all(pipe[0])  # so that its thread ends


def test_a_reader_that_has_gone_is_no_trouble() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    queue = LineQueue(write_end, str)
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
    queue = LineQueue(write_end, str)
    for _ in range(10):
        queue.put("x" * (64 << 10))
    with os.fdopen(read_end) as file:
        lengths = [len(file.readline()) for _ in range(10)]
        assert lengths == [(64 << 10) + 1] * 10
        queue.close(60)


def test_a_file_gets_lines_after_those_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old\n")
    queue = LineQueue(os.open(path, os.O_WRONLY | os.O_APPEND), str)
    queue.put("new")
    assert path.read_text() == "old\nnew\n"
    queue.close(60)


def test_what_is_printed_comes_in_lines(pipe: tuple[int, int]) -> None:
    queue = LineQueue(pipe[1], str)
    stream = LogStream(queue)
    print("one", "two\nthree", file=stream)
    print("begun", end="", file=stream)
    queue.close(60)
    assert read_all(pipe[0]) == ["one two", "three"]

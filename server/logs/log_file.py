"""Writing to a file, whatever it is, without waiting for its reader."""

import contextlib
import os
import select
import socket
import stat
from collections.abc import Callable, Iterator

_REOPEN = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class LogFile:
    """The file of the log: a file, a pipe, a terminal or a socket."""

    def __init__(self, fd: int) -> None:
        """Take over a file descriptor. It is closed by :meth:`close`."""
        self._fd, self._write = _without_waiting(fd)

    def try_write(self, data: memoryview) -> int:
        """Write what the file takes at once, and return the number of bytes.

        Raises OSError if the file takes nothing any more, as a pipe without a reader.
        """
        try:
            return self._write(self._fd, data)
        except BlockingIOError:
            return 0

    def wait(self, seconds: float) -> None:
        """Wait until the file takes something, for a limited time."""
        _is_ready(self._fd, seconds)

    def close(self) -> None:
        """Close the file descriptor."""
        os.close(self._fd)


def _without_waiting(fd: int) -> tuple[int, Callable[[int, memoryview], int]]:
    """Return a descriptor of the same file, and a function that writes to it without waiting.

    O_NONBLOCK belongs to the open file, which other programs share. So a pipe or a terminal is
    opened again, and a socket is written to with a flag. What cannot be opened again is written to
    when poll(2) says so: a write of PIPE_BUF bytes is then not kept waiting.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd, os.write
    if stat.S_ISSOCK(mode):
        return fd, _send
    with contextlib.suppress(OSError):
        opened = os.open(f"/proc/self/fd/{fd}", _REOPEN)
        os.close(fd)
        return opened, os.write
    return fd, _write_if_ready


def _send(fd: int, data: memoryview) -> int:
    with _borrowed(fd) as connection:
        return connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


@contextlib.contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    connection = socket.socket(fileno=fd)
    try:
        yield connection
    finally:
        connection.detach()


def _write_if_ready(fd: int, data: memoryview) -> int:
    return os.write(fd, data[: select.PIPE_BUF]) if _is_ready(fd, 0) else 0


def _is_ready(fd: int, seconds: float) -> bool:
    """Return whether a file takes something within some seconds."""
    poll = select.poll()  # select(2) knows descriptors up to 1023 only
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))

"""A bounded queue of log lines between the threads that log and a file that may not take them.

A full pipe stops the thread that writes to it until its reader goes on. A paused pager or a stuck
journald may never go on. So one thread alone writes. A line that does not fit into the queue is
dropped and counted, and the count is logged when the file takes lines again.
"""

import collections
import contextlib
import io
import os
import select
import threading
from collections.abc import Callable

MOST_LINES = 10_000
MOST_BYTES = 8 << 20
_CHUNK = 64 << 10  # bytes that are written at once: the capacity of a pipe


class LogQueue:
    """Lines that a thread of its own writes to a file descriptor, in their order."""

    def __init__(self, fd: int, dropped_line: Callable[[int], str]) -> None:
        """Begin to write to ``fd``. ``dropped_line`` returns the line for a number of lost lines.

        The queue closes ``fd`` at the end, if its file takes all lines.
        """
        self._fd = fd
        self._dropped_line = dropped_line
        # Guards the fields below, and is notified when one of them changes.
        self._changed = threading.Condition()
        self._lines: collections.deque[bytes] = collections.deque()
        self._bytes = 0
        self._dropped = 0
        self._is_writing = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Append a line, or drop and count it if the queue is full."""
        encoded = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            fits = len(self._lines) < MOST_LINES and self._bytes + len(encoded) <= MOST_BYTES
            if not fits or self._is_closed:
                self._dropped += 1
                return
            self._lines.append(encoded)
            self._bytes += len(encoded)
            if not self._is_writing:
                self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Take no more lines, and wait until the others are written, for a limited time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _write_all(self) -> None:
        while chunk := self._next_chunk():
            with contextlib.suppress(OSError):  # the file takes no more, such as a closed pipe
                _write(self._fd, chunk)
        os.close(self._fd)

    def _next_chunk(self) -> bytes:
        """Wait for lines, and return them; return b"" when the queue is closed and empty."""
        with self._changed:
            self._is_writing = False
            self._changed.wait_for(lambda: self._lines or self._is_closed)
            self._is_writing = True
            size, lines = 0, []
            while self._lines and size < _CHUNK:
                lines.append(self._lines.popleft())
                size += len(lines[-1])
            self._bytes -= size
            if self._dropped and not self._lines:
                lines.append(self._dropped_line(self._dropped).encode() + b"\n")
                self._dropped = 0
        return b"".join(lines)


class LogStream(io.TextIOBase):
    """A text stream for sys.stderr, whose lines go to a queue."""

    def __init__(self, queue: LogQueue) -> None:
        self._queue = queue
        self._begun = threading.local()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Append the complete lines of a thread's text to the queue."""
        *lines, rest = (getattr(self._begun, "text", "") + text).split("\n")
        self._begun.text = rest
        for line in lines:
            self._queue.put(line)
        return len(text)


def _write(fd: int, chunk: bytes) -> None:
    """Write bytes to a file, which other programs may have made non-blocking. Raises OSError."""
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])

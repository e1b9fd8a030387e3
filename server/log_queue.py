"""A bounded queue of log lines between the threads that log and a file that may not take them.

A full pipe stops the thread that writes to it until its reader goes on. A paused pager or a stuck
journald may never go on. So a thread that logs writes only what the file takes at once. The rest
is put into the queue, and one thread waits for the reader. A line that does not fit into the queue
is dropped and counted, and the count is logged when the file takes lines again.
"""

import collections
import contextlib
import io
import threading
from collections.abc import Callable

from mynet.server.log_file import LogFile

MOST_LINES = 10_000
MOST_BYTES = 8 << 20
_CHUNK = 64 << 10  # bytes that are written at once: the capacity of a pipe


class LogQueue:
    """Lines that are written to a file in their order."""

    def __init__(self, fd: int, dropped_line: Callable[[int], str]) -> None:
        """Write to ``fd``, and close it at the end if its file takes all lines.

        ``dropped_line`` returns the line for a number of lines that were dropped.
        """
        self._file = LogFile(fd)
        self._dropped_line = dropped_line
        # Guards the fields below, and is notified when one of them changes.
        self._changed = threading.Condition()
        self._waiting: collections.deque[bytes] = collections.deque()
        self._bytes = 0
        self._dropped = 0
        self._is_writing = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Write or append a line, or drop and count it if the queue is full."""
        encoded = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            if not self._waiting and not self._is_writing:
                encoded = encoded[self._try_write(encoded) :]
                if not encoded:
                    return
            fits = len(self._waiting) < MOST_LINES and self._bytes + len(encoded) <= MOST_BYTES
            if not fits or self._is_closed:
                self._dropped += 1
                return
            self._waiting.append(encoded)
            self._bytes += len(encoded)
            if not self._is_writing:
                self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Take no more lines, and wait until the others are written, for a limited time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _try_write(self, data: bytes) -> int:
        """Write what the file takes at once. A file that takes nothing any more loses all."""
        try:
            return self._file.try_write(memoryview(data))
        except OSError:
            return len(data)

    def _write_all(self) -> None:
        """Write what waits, until the queue is closed. Runs in a thread."""
        while chunk := self._next_chunk():
            with contextlib.suppress(OSError):  # the file takes no more, as a pipe without a reader
                self._file.write(memoryview(chunk))
        self._file.close()

    def _next_chunk(self) -> bytes:
        """Wait for lines, and return them; return b"" when the queue is closed and empty."""
        with self._changed:
            self._is_writing = False
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._is_writing = True
            size, lines = 0, []
            while self._waiting and size < _CHUNK:
                lines.append(self._waiting.popleft())
                size += len(lines[-1])
            self._bytes -= size
            if self._dropped and not self._waiting:
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

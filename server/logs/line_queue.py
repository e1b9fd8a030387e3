"""A bounded queue of lines between the threads that log and a file that may not take them.

A full pipe stops the thread that writes to it until its reader goes on. A paused pager or a stuck
journald may never go on, and a full disk takes nothing until there is room again. So a thread that
logs writes only what the file takes at once. The rest is put into the queue, and one thread waits
until the file takes it. A line that does not fit into the queue is dropped and counted, and the
count is logged when the file has taken all other lines.
"""

import collections
import io
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mynet.server.logs.log_file import LogFile

MOST_LINES = 10_000
MOST_BYTES = 8 << 20
_CHUNK = 64 << 10  # bytes that are written at once: the capacity of a pipe
_RETRY_SECONDS = 1.0  # until a file that has failed, or was replaced, is tried again


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a file has not taken."""

    # Lines that wait.
    waiting: int
    # Lines that were dropped since the start.
    dropped: int
    # Why the file takes nothing, or "" if it is only slow.
    reason: str


class LineQueue:
    """Lines that are written to a file in their order."""

    def __init__(self, fd: int, dropped_line: Callable[[int], str]) -> None:
        """Write to ``fd``, and close it at the end if its file takes all lines.

        ``dropped_line`` returns the line for a number of lines that were dropped.
        """
        self._file = LogFile(fd)
        self._dropped_line = dropped_line
        # Guards the fields below and writing, and is notified when the thread has something to do.
        self._changed = threading.Condition()
        self._replaced: list[LogFile] = []
        self._waiting: collections.deque[bytes] = collections.deque()
        self._bytes = 0
        self._begun = 0  # bytes of the first line that are written already
        self._dropped = 0  # lines that no line has reported yet
        self._dropped_ever = 0
        self._reason = ""
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> bool:
        """Write or append a line; return False if the queue is full, and the line is dropped."""
        encoded = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            begun = 0 if self._waiting else self._try_write(encoded)
            if begun == len(encoded):
                return True
            fits = len(self._waiting) < MOST_LINES and self._bytes + len(encoded) <= MOST_BYTES
            # What has begun is ended, so that the next line is one of its own.
            if not (fits or begun) or self._is_closed:
                self._dropped += 1
                self._dropped_ever += 1
                return False
            if not self._waiting:
                self._begun = begun
                self._changed.notify_all()
            self._append(encoded)
            return True

    def reopen(self, fd: int) -> None:
        """Write to another file from now on, without losing a line. Close the file before it."""
        with self._changed:
            self._replaced.append(self._file)
            self._file = LogFile(fd)
            self._begun = 0  # a line that has begun is written to the new file as a whole
            self._changed.notify_all()

    def backlog(self) -> Backlog:
        """Return what the file has not taken."""
        with self._changed:
            return Backlog(len(self._waiting), self._dropped_ever, self._reason)

    def close(self, seconds: float) -> None:
        """Take no more lines, and wait until the others are written, for a limited time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _append(self, encoded: bytes) -> None:
        self._waiting.append(encoded)
        self._bytes += len(encoded)

    def _try_write(self, data: bytes) -> int:
        """Write what the file takes at once, and return the number of bytes."""
        try:
            written = self._file.try_write(memoryview(data))
        except OSError as error:  # a full disk, or a pipe without a reader
            self._reason = error.strerror or str(error)
            return 0
        if written:
            self._reason = ""
        return written

    def _write_all(self) -> None:
        """Write what waits, until the queue is closed. Runs in a thread."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._replaced or self._is_closed)
                file, has_written = self._file, self._write_some()
                replaced, self._replaced = self._replaced, []
                is_over = self._is_closed and (not self._waiting or self._reason)
                if self._reason and not is_over:
                    self._changed.wait(_RETRY_SECONDS)
            for other in replaced:  # only this thread waits for a file, and may close it
                other.close()
            if is_over:
                file.close()
                return
            if not (has_written or self._reason):
                file.wait(_RETRY_SECONDS)

    def _write_some(self) -> bool:
        """Write what the file takes of the next lines; return whether it took any, or all."""
        if not self._waiting:
            return True
        chunk = b"".join(itertools.islice(self._waiting, self._lines_of_chunk()))
        written = self._try_write(chunk[self._begun :])
        rest = self._begun + written
        while self._waiting and rest >= len(self._waiting[0]):
            size = len(self._waiting.popleft())
            rest -= size
            self._bytes -= size
        self._begun = rest
        if self._dropped and not self._waiting:
            self._append(self._dropped_line(self._dropped).encode() + b"\n")
            self._dropped = 0
        return bool(written) or not self._waiting

    def _lines_of_chunk(self) -> int:
        """Return how many lines are written at once, at least one of those that wait."""
        total = itertools.accumulate(map(len, self._waiting))
        return 1 + sum(1 for _ in itertools.takewhile(lambda size: size < _CHUNK, total))


class LogStream(io.TextIOBase):
    """A text stream for sys.stderr, whose lines go to a queue."""

    def __init__(self, queue: LineQueue) -> None:
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

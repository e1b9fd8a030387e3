"""The file of the audit log, which is opened again when it was renamed, and never followed.

A line is in the file, in the page cache of the kernel, before :meth:`AuditFile.put` returns. So it
survives a crash of the daemon, and not one of the host. Where the file does not take it, the line
waits in the queue, and :meth:`AuditFile.trouble` has the reason.
"""

import contextlib
import json
import os
import stat
import sys
import threading
import time
from pathlib import Path

import structlog

from mynet.server.errors import CannotStart
from mynet.server.logs.clock import utc_now
from mynet.server.logs.line_queue import LineQueue

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

STANDARD_OUTPUT = "-"
_MODE = 0o600
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | os.O_NOFOLLOW
    | os.O_NONBLOCK
    | os.O_NOCTTY
    | os.O_CLOEXEC
)
_LOG_SECONDS = 10.0  # from one log line about lines that wait to the next
_LAST_SECONDS = 1.0  # for the lines that wait when the daemon ends


class AuditFile:
    """A file of lines, each of which is one JSON object."""

    def __init__(self, name: str) -> None:
        """Open a file by its path, or standard output for ``-``. Raises CannotStart."""
        self._name = name
        descriptor = _opened(name)
        self._identity = _identity(descriptor)
        self._queue = LineQueue(descriptor, _dropped_line)
        # Guards `_logged`, in seconds of time.monotonic().
        self._guard = threading.Lock()
        self._logged = -_LOG_SECONDS

    def put(self, line: str) -> None:
        """Write a line, or keep it until the file takes it, or drop it if too many wait."""
        if not self._queue.put(line) or self._queue.backlog().reason:
            self._log_trouble()

    def reopen(self) -> None:
        """Open the file of that path again, which another program may have renamed.

        Raises CannotStart, and the file before it stays in use.
        """
        if self._name == STANDARD_OUTPUT:
            return
        descriptor = _opened(self._name)
        if _identity(descriptor) == self._identity:
            os.close(descriptor)
        else:
            self._identity = _identity(descriptor)
            self._queue.reopen(descriptor)

    def trouble(self) -> str:
        """Return a sentence about lines that the file has not taken, or "" if that is no fault."""
        backlog = self._queue.backlog()
        if not (backlog.reason or backlog.dropped):
            return ""
        reason = f" ({backlog.reason})" if backlog.reason else ""
        return (
            f"{backlog.waiting} lines wait for it{reason}, and {backlog.dropped} lines are lost"
            " since mynetd started."
        )

    def close(self) -> None:
        """Close the file, after the lines that wait, if it takes them."""
        self._queue.close(_LAST_SECONDS)

    def _log_trouble(self) -> None:
        with self._guard:
            now = time.monotonic()
            if now - self._logged < _LOG_SECONDS:
                return
            self._logged = now
        log.error("the audit log is incomplete", file=self._name, problem=self.trouble())


def _dropped_line(count: int) -> str:
    return json.dumps({"time": utc_now(), "lost_lines": count})


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _opened(name: str) -> int:
    """Return a descriptor of the file, which is created if it does not exist. Raises CannotStart.

    A file that others may write proves nothing, and neither does one that another user owns.
    """
    if name == STANDARD_OUTPUT:
        return os.dup(sys.stdout.fileno())
    path = Path(name)
    try:
        descriptor = os.open(path, _FLAGS, _MODE)
    except OSError as error:
        raise CannotStart(
            f"cannot open the audit log {path}: {error.strerror}; --audit-log names a file in an"
            " existing folder that mynetd may write, and no symbolic link"
        ) from error
    found = os.fstat(descriptor)
    if (
        found.st_uid not in (0, os.geteuid())
        or found.st_mode & _OTHERS_MAY_WRITE
        or found.st_nlink > 1
    ):
        os.close(descriptor)
        raise CannotStart(
            f"the audit log {path} could be changed by other users, as its mode is"
            f" {stat.S_IMODE(found.st_mode):04o}, its owner {found.st_uid}, and it has"
            f" {found.st_nlink} names: chown root, chmod 0640, and give it one name"
        )
    if stat.S_ISREG(found.st_mode):
        _end_torn_line(descriptor)
    return descriptor


def _end_torn_line(descriptor: int) -> None:
    """End a line that a daemon began when the disk was full, so that the next line is whole."""
    with contextlib.suppress(OSError), Path(f"/proc/self/fd/{descriptor}").open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        if file.read(1) not in (b"", b"\n"):
            os.write(descriptor, b"\n")

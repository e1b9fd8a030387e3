"""The lock file of a state directory: it keeps a second process out, and records the state origin.

No other module opens this file or knows its format. It has two lines of ASCII text::

    4711                                    the pid of the process that last held it
    BOOT_ID NETNS_COOKIE DEVICE:INODE       the state origin, once a start has recovered

The inode is that of the lock file itself. A copied or restored directory has another lock file, so
the origin of the directory that it was copied from does not count for it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mynet.server.errors import CannotStart

NAME = "lock"

_LONGEST = 1024  # bytes of the file that are read


@dataclass(frozen=True, slots=True)
class StateOrigin:
    """The kernel that a state directory describes, as the last complete start found it."""

    # The kernel's random id of the boot: /proc/sys/kernel/random/boot_id.
    boot: str
    # The cookie of the network namespace, in decimal.
    namespace: str
    # DEVICE:INODE of the lock file.
    inode: str


@contextlib.contextmanager
def lock(state_dir: Path) -> Iterator[None]:
    """Lock a state directory for a daemon, and write this process's pid into the lock file.

    Raises CannotStart if another process holds the lock, and OSError if the file cannot be opened.
    Like: flock --exclusive --nonblock PATH/lock.
    """
    fd = os.open(state_dir / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _flock(state_dir, fd)
        _require_same_file(state_dir, fd)
        _, _, origin = os.pread(fd, _LONGEST, 0).partition(b"\n")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode() + origin, 0)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def lock_unchanged(state_dir: Path) -> Iterator[None]:
    """Lock a state directory without writing to it, so that no daemon can start on it meanwhile.

    A directory without a lock file was never used by a daemon, and is not locked.
    Raises CannotStart if a daemon holds the lock.
    """
    with contextlib.ExitStack() as open_files:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            fd = os.open(state_dir / NAME, os.O_RDONLY | os.O_CLOEXEC)
            open_files.callback(os.close, fd)
            _flock(state_dir, fd)
        yield


def write_origin(state_dir: Path, boot: str, namespace: int) -> None:
    """Record the state origin. The caller holds the lock. Raises OSError."""
    path = state_dir / NAME
    pid, _, _ = path.read_text(encoding="ascii").partition("\n")
    path.write_text(f"{pid}\n{boot} {namespace} {inode(state_dir)}\n", encoding="ascii")


def read_origin(state_dir: Path) -> StateOrigin | None:
    """Return the recorded state origin, or None if there is none that can be read."""
    try:
        _, line = (state_dir / NAME).read_text(encoding="ascii").splitlines()
        return StateOrigin(*line.split())
    except (OSError, ValueError, TypeError):
        return None


def inode(state_dir: Path) -> str:
    """Return DEVICE:INODE of the lock file. Raises OSError."""
    status = (state_dir / NAME).stat()
    return f"{status.st_dev}:{status.st_ino}"


def remove(state_dir: Path) -> None:
    """Delete the lock file, and with it the state origin, if there is one. Raises OSError."""
    (state_dir / NAME).unlink(missing_ok=True)


def _flock(state_dir: Path, fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.pread(fd, _LONGEST, 0).decode(errors="replace").partition("\n")[0] or "unknown"
        raise CannotStart(
            f"the state directory {state_dir} is in use by another mynetd (pid {pid}); stop it, or"
            " name another directory with --state-dir"
        ) from error


def _require_same_file(state_dir: Path, fd: int) -> None:
    """Raise CannotStart if a restore has exchanged the directory since its lock file was opened."""
    path = state_dir / NAME
    if not path.exists() or path.stat().st_ino != os.fstat(fd).st_ino:
        raise CannotStart(
            f"a restore exchanged the state directory {state_dir} at this moment; start again"
        )

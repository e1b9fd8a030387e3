"""The lock of a network namespace: one daemon holds it, and a second is refused.

Two daemons in one network namespace would both own the tables of mynet. The lock is an abstract
unix socket, which belongs to the network namespace and disappears with its process. Every user may
create such a socket, under any name. So the daemon's has a random name that no other program can
take first, and a socket of a user without privileges does not count.
"""

import contextlib
import errno
import os
import random
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from mynet.server.errors import CannotStart

PREFIX = "mynet"  # of the names; earlier versions of mynetd took it as the whole name

_TABLE = Path("/proc/thread-self/net/unix")
_LISTENING = "00010000"  # the flag of a listening socket in that table
_ATTEMPTS = 5  # of two daemons that start at the same moment, one gives way
_UNKNOWN = "unknown"


@contextlib.contextmanager
def lock_namespace() -> Iterator[None]:
    """Lock this network namespace. Source: unix(7), abstract sockets.

    Raises CannotStart if another daemon holds the lock.
    """
    with contextlib.ExitStack() as held:
        for attempt in range(_ATTEMPTS):
            holder = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            name = f"{PREFIX}/{secrets.token_hex(16)}"
            holder.bind(f"\0{name}")
            holder.listen()
            pid = namespace_holder(besides=name)
            if not pid:
                break
            held.close()
            if attempt < _ATTEMPTS - 1:
                time.sleep(random.uniform(0, 0.05))  # noqa: S311 - not for secrets
        else:
            raise CannotStart(
                f"another mynetd (pid {pid}) runs in this network namespace; stop it, or start this"
                " one in a namespace of its own"
            )
        yield


def namespace_holder(*, besides: str = "") -> str:
    """Return the pid of a daemon in this network namespace, without the one of a socket's name.

    The result is "unknown" if the pid cannot be read, and "" if no daemon runs here.
    """
    for name, inode in _listening():
        if name != besides and (pid := _privileged_owner(name, inode)):
            return pid
    return ""


def _listening() -> Iterator[tuple[str, str]]:
    """Yield the names and inodes of the sockets that may be a daemon's. Source: proc_net(5)."""
    for line in _TABLE.read_text(encoding="utf-8", errors="replace").splitlines()[1:]:
        _, _, _, flags, _, _, inode, *path = line.split(maxsplit=7)
        name = path[0].removeprefix("@") if path and path[0].startswith("@") else ""
        if flags == _LISTENING and (name == PREFIX or name.startswith(f"{PREFIX}/")):
            yield name, inode


def _privileged_owner(name: str, inode: str) -> str:
    """Return the pid of a listening socket's process; "" if its user could not run a daemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as caller:
        try:
            caller.connect(f"\0{name}")
            format_ = "3i"
            size = struct.calcsize(format_)
            credentials = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            number, uid, _ = struct.unpack(format_, credentials)
            pid = str(number)
        except BlockingIOError:  # its queue of callers is full
            pid, uid = _owner_by_descriptor(inode)
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:  # it has been closed meanwhile
                return ""
            return _UNKNOWN
    return pid if uid in (0, os.geteuid()) else ""


def _owner_by_descriptor(inode: str) -> tuple[str, int]:
    """Return the pid and the user of the process that has a socket open. Source: proc_pid_fd(5)."""
    for fd in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it has been closed meanwhile
            if str(fd.readlink()) == f"socket:[{inode}]":
                process = fd.parents[1]
                return process.name, process.stat().st_uid
    return _UNKNOWN, 0

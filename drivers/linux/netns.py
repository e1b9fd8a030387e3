"""Network namespaces: opening, entering, identifying.

A cookie identifies a namespace (SO_NETNS_COOKIE, socket(7)), as the kernel uses none twice in a
boot. Paths can lead elsewhere, and pids and inodes are used again. No function keeps a namespace
open longer than its block, as an open descriptor would keep a sandbox alive that has ended.
"""

import ctypes
import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import CapabilityUnsupported, SandboxNotFound
from mynet.drivers.linux.kernel_errors import refusals, refused

CLONE_NEWNET = 0x40000000
NS_GET_NSTYPE = 0xB703
SO_NETNS_COOKIE = 71

# The errnos of open(2) for a path that leads nowhere; ESRCH is that of a process that has ended.
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ELOOP, errno.ENAMETOOLONG})
_HERE = Path("/proc/thread-self/ns/net")  # the namespace of the thread that opens it

_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)


@contextmanager
def open_netns(path: str) -> Iterator[int]:
    """Open the network namespace that ``path`` leads to, for the time of the block.

    The type of the file is checked before it is opened, so a FIFO or a device cannot hang the
    thread. Raises :exc:`SandboxNotFound` where the path leads nowhere or to another kind of file.
    Like: ``exec {fd}</run/netns/NAME``.
    """
    resource = f"sandbox {path}"
    with ExitStack() as opened:
        handle = _open(path, os.O_PATH, path)
        opened.callback(os.close, handle)
        if os.fstat(handle).st_dev != _HERE.stat().st_dev:  # all namespaces are in one file system
            raise SandboxNotFound(_other_file(path, handle), resource=resource)
        fd = _open(f"/proc/self/fd/{handle}", os.O_RDONLY, path)
        opened.callback(os.close, fd)
        with refusals(f"tell the type of {path}", resource):
            kind = fcntl.ioctl(fd, NS_GET_NSTYPE)
        if kind != CLONE_NEWNET:
            raise SandboxNotFound(
                f"{path} is a namespace of another type than network: give one such as"
                " /run/netns/NAME or /proc/PID/ns/net",
                resource=resource,
            )
        yield fd


def _other_file(path: str, handle: int) -> str:
    """Return why an open file that is no namespace cannot be a sandbox, and what to do.

    An empty file below /run/netns is what `ip netns add` mounts a namespace over. It is seen as a
    file in a mount namespace that the mount did not reach.
    """
    status = os.fstat(handle)
    if not (stat.S_ISREG(status.st_mode) and status.st_size == 0):
        return (
            f"{path} is not a network namespace: give a path such as /run/netns/NAME or"
            " /proc/PID/ns/net"
        )
    return (
        f"{path} is an empty file in mynetd's mount namespace, not a network namespace: the"
        " namespace was not mounted there, or in another mount namespace that mynetd does not see."
        " Add it again (ip netns delete, ip netns add); or share /run/netns with mynetd (in a"
        " container: bind propagation rshared); or name a process in it (pid, /proc/PID/ns/net)"
    )


def _open(file: str, flags: int, path: str) -> int:
    """Open a file on the way that ``path`` leads. Raises :exc:`SandboxNotFound` without a file."""
    resource = f"sandbox {path}"
    try:
        return os.open(file, flags | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in _NOWHERE:
            raise SandboxNotFound(
                f"{path!r} leads to no network namespace: there is nothing there that mynetd sees;"
                " make the sandbox first (ip netns add NAME), or give a path of mynetd's own mount"
                " namespace",
                resource=resource,
            ) from error
        number = errno.EPERM if error.errno == errno.EACCES else error.errno or errno.EIO
        raise refused(number, f"open {path}", resource, capability="CAP_SYS_PTRACE") from error


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Run the block in the network namespace ``fd``, in this thread alone.

    A pool's thread that stayed in a sandbox would do the next caller's work there, so the process
    aborts if the thread cannot return.
    Like: ``nsenter --net=FILE``.
    """
    with refusals("remember the way back from a network namespace", "sandbox"):
        home = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _require_success(_libc.setns(fd, CLONE_NEWNET), "enter a network namespace")
        try:
            yield
        finally:
            if _libc.setns(home, CLONE_NEWNET) != 0:
                os.abort()
    finally:
        os.close(home)


def _require_success(result: int, doing: str) -> None:
    if result != 0:
        raise refused(ctypes.get_errno(), doing, "sandbox", capability="CAP_SYS_ADMIN")


@contextmanager
def temporary() -> Iterator[None]:
    """Run the block in a new network namespace, in this thread alone. Like: ``unshare --net``."""
    with open_netns(str(_HERE)) as here, inside(here):
        _require_success(_libc.unshare(CLONE_NEWNET), "make a network namespace")
        yield


def cookie_of(sock: socket.socket) -> int:
    """Return the cookie of the namespace that ``sock`` was made in."""
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
    except OSError as error:
        raise CapabilityUnsupported(
            "this kernel does not tell network namespaces apart (SO_NETNS_COOKIE):"
            " mynet needs Linux 5.14 or newer"
        ) from error
    cookie: int = struct.unpack("@Q", raw)[0]
    return cookie


def cookie_here() -> int:
    """Return the cookie of the namespace that this thread is in."""
    with (
        refusals("open a socket in a network namespace", "sandbox"),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe,
    ):
        return cookie_of(probe)


def require(sandbox: Sandbox, cookie: int) -> None:
    """Raise :exc:`SandboxNotFound` if a cookie is not the sandbox's."""
    if cookie != sandbox.cookie:
        raise SandboxNotFound(
            f"{sandbox.path} leads to another network namespace than it did: the sandbox is gone,"
            " or was made anew; connect the container again",
            resource=f"sandbox {sandbox.path}",
        )


@contextmanager
def entered(sandbox: Sandbox) -> Iterator[None]:
    """Run the block in the sandbox's namespace, as :func:`inside` does.

    Raises :exc:`SandboxNotFound` if its path leads elsewhere.
    """
    with open_netns(sandbox.path) as fd, inside(fd):
        require(sandbox, cookie_here())
        yield


def identify(path: str) -> Sandbox:
    """Return the namespace that ``path`` leads to now. Raises :exc:`SandboxNotFound`."""
    with open_netns(path) as fd, inside(fd):
        return Sandbox(path, cookie_here())

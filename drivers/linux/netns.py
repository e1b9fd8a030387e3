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
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import (
    CapabilityUnsupported,
    DriverError,
    SandboxNotFound,
)
from mynet.drivers.linux.kernel_errors import refusals, refused

CLONE_NEWNET = 0x40000000
NSFS_MAGIC = 0x6E736673
NS_GET_NSTYPE = 0xB703
SO_NETNS_COOKIE = 71

# The errnos of open(2) for a path that leads nowhere; ESRCH is that of a process that has ended.
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ELOOP, errno.ENAMETOOLONG})
_STATFS_SIZE = 256  # struct statfs is smaller on every architecture; f_type comes first

_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.fstatfs.argtypes = (ctypes.c_int, ctypes.c_char_p)


@contextmanager
def open_netns(path: str) -> Iterator[int]:
    """Open the network namespace that ``path`` leads to, for the time of the block.

    The type of the file is checked before it is opened, so a FIFO or a device cannot hang the
    thread. Raises :exc:`SandboxNotFound` where the path leads nowhere or to another kind of file.
    Like: ``exec {fd}</run/netns/NAME``.
    """
    with _handle(path) as handle:
        if _filesystem(handle) != NSFS_MAGIC:
            raise SandboxNotFound(
                f"{path} is not a network namespace: give a path such as /run/netns/NAME"
                " or /proc/PID/ns/net",
                resource=f"sandbox {path}",
            )
        with _opened(path, handle) as fd:
            yield fd


@contextmanager
def _handle(path: str) -> Iterator[int]:
    """Open ``path`` as a handle (O_PATH), without access to its contents."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unopened(path, error) from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _opened(path: str, handle: int) -> Iterator[int]:
    """Open the file of a handle. Raises :exc:`SandboxNotFound` if it is no *network* namespace."""
    try:
        fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(path, error) from error
    try:
        with refusals(f"tell the type of {path}", f"sandbox {path}"):
            kind = fcntl.ioctl(fd, NS_GET_NSTYPE)
        if kind != CLONE_NEWNET:
            raise SandboxNotFound(
                f"{path} is a namespace of another type than network",
                resource=f"sandbox {path}",
            )
        yield fd
    finally:
        os.close(fd)


def _filesystem(fd: int) -> int:
    """Return the magic number of the file system of ``fd``. Like: ``stat -f -c %t``."""
    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    if _libc.fstatfs(fd, buffer) != 0:
        raise refused(ctypes.get_errno(), "tell a file system's type", "sandbox")
    magic: int = struct.unpack_from("@l", buffer)[0]
    return magic


def _unopened(path: str, error: OSError | ValueError) -> DriverError:
    """Return the error for a path that leads nowhere, or that could not be followed."""
    resource = f"sandbox {path}"
    if isinstance(error, ValueError) or error.errno in _NOWHERE:
        return SandboxNotFound(
            f"{path!r} leads to no network namespace: there is nothing there", resource=resource
        )
    if isinstance(error, PermissionError):
        return refused(errno.EPERM, f"open {path}", resource, capability="CAP_SYS_PTRACE")
    return refused(error.errno or errno.EIO, f"open {path}", resource)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Run the block in the network namespace ``fd``, in this thread alone.

    A pool's thread that stayed in a sandbox would do the next caller's work there, so the process
    aborts if the thread cannot return.
    Like: ``nsenter --net=FILE``.
    """
    with refusals("remember the way back from a network namespace", "sandbox"):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(fd)
        try:
            yield
        finally:
            if _libc.setns(home, CLONE_NEWNET) != 0:
                os.abort()
    finally:
        os.close(home)


def _enter(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise refused(
            ctypes.get_errno(), "enter a network namespace", "sandbox", capability="CAP_SYS_ADMIN"
        )


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
            " or was made anew",
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

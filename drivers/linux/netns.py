"""Network namespaces: opening, entering, recognising.

A namespace is known by its cookie (SO_NETNS_COOKIE, socket(7)), which the kernel gives out once a
boot; paths move, pids and inodes are used again. Nothing here keeps a namespace open longer than
its block: an open descriptor would keep a dead sandbox alive.
"""

import ctypes
import errno
import fcntl
import os
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import (
    CapabilityUnsupported,
    DriverError,
    PrivilegeMissing,
    SandboxNotFound,
)
from mynet.drivers.linux.kernel_errors import refusals, refused

CLONE_NEWNET = 0x40000000
NSFS_MAGIC = 0x6E736673
NS_GET_NSTYPE = 0xB703
SO_NETNS_COOKIE = 71

# What open(2) answers for a path that leads nowhere; ESRCH is that of a process that has ended.
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ELOOP, errno.ENAMETOOLONG})
_STATFS_SIZE = 256  # struct statfs is smaller on every architecture; f_type comes first

_ESCAPE = re.compile(rb"\\([0-7]{3})")  # how mountinfo writes a space: \040

_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.fstatfs.argtypes = (ctypes.c_int, ctypes.c_char_p)


@contextmanager
def open_netns(path: str) -> Iterator[int]:
    """Open the network namespace that ``path`` leads to, for the time of the block.

    The path is looked at before it is opened: what is no namespace is never read, so a FIFO or a
    device cannot hang the thread. Raises :exc:`SandboxNotFound` where the path leads nowhere or to
    something else. Like: ``exec {fd}</run/netns/NAME``.
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
    """Get a handle on whatever ``path`` leads to, without opening it for anything."""
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
    """Open for reading what ``handle`` is on, and see that it is a *network* namespace."""
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
    """Tell the magic number of the file system that ``fd`` is on. Like: ``stat -f -c %t``."""
    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    if _libc.fstatfs(fd, buffer) != 0:
        raise refused(ctypes.get_errno(), "tell a file system's type", "sandbox")
    magic: int = struct.unpack_from("@l", buffer)[0]
    return magic


def _unopened(path: str, error: OSError | ValueError) -> DriverError:
    """Tell a path that leads nowhere from one that could not be followed."""
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

    The way back is part of the promise: a thread of a pool that stayed in a sandbox would do the
    next caller's work there, so the process ends where the way back fails.
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
    """Tell the cookie of the namespace that ``sock`` was made in."""
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
    """Tell the cookie of the namespace that this thread is in."""
    with (
        refusals("open a socket in a network namespace", "sandbox"),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe,
    ):
        return cookie_of(probe)


def require(sandbox: Sandbox, cookie: int) -> None:
    """See that the namespace with that cookie is the sandbox's. Raises :exc:`SandboxNotFound`."""
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
    """Tell which namespace ``path`` leads to now. Raises :exc:`SandboxNotFound`."""
    with open_netns(path) as fd, inside(fd):
        return Sandbox(path, cookie_here())


def identify_other(path: str) -> Sandbox:
    """Tell which namespace ``path`` leads to now, unless it is this thread's own.

    An inner end that stayed on the host would give the host an address and a default route.
    Raises :exc:`SandboxNotFound`.
    """
    found = identify(path)
    if found.cookie == cookie_here():
        raise SandboxNotFound(
            f"{path} is mynetd's own network namespace, which is no sandbox: give another, or"
            " none at all to have the interface made for you to move",
            resource=f"sandbox {path}",
        )
    return found


def find(sandbox: Sandbox) -> str | None:
    """Find a path that leads to the namespace now, as :func:`find_all` does."""
    return find_all([sandbox]).get(sandbox.cookie)


def find_all(sandboxes: Iterable[Sandbox]) -> dict[int, str]:
    """Find a path that leads to each namespace now, by its cookie: its own, or another.

    Those whose own paths lead elsewhere are looked for behind every process and mount, all of them
    in one round that takes some 100 us a namespace. Like: ``lsns -t net``.
    """
    found: dict[int, str] = {}
    missing: set[int] = set()
    for sandbox in sandboxes:
        missing.add(sandbox.cookie)
        with suppress(SandboxNotFound):
            if identify(sandbox.path).cookie == sandbox.cookie:
                found[sandbox.cookie] = sandbox.path
    missing -= found.keys()
    if missing:
        with refusals("look for sandboxes whose paths lead elsewhere", "sandboxes"):
            for path in _elsewhere():
                # What may not be looked at was not given to us as a sandbox either.
                with suppress(SandboxNotFound, PrivilegeMissing):
                    cookie = identify(path).cookie
                    if cookie in missing:
                        found.setdefault(cookie, path)
    return found


def _elsewhere() -> Iterator[str]:
    """List one path for each network namespace that a process or a mount shows."""
    seen: set[int] = set()
    for path in chain(_of_processes(), _of_mounts()):
        try:
            inode = os.stat(path).st_ino  # noqa: PTH116 - a Path for each process costs more
        except OSError:
            continue  # it ended meanwhile, or is not for us to look at
        if inode not in seen:
            seen.add(inode)
            yield path


def _of_processes() -> Iterator[str]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - a Path for each process costs more
        if name.isdecimal():
            yield f"/proc/{name}/ns/net"


def _of_mounts() -> Iterator[str]:
    """List where namespaces are bind-mounted. Like: ``findmnt -t nsfs``."""
    for line in Path("/proc/self/mountinfo").read_bytes().split(b"\n"):
        fields = line.split(b" ")
        if b"nsfs" in fields[6:] and fields[3].startswith(b"net:"):
            path = _ESCAPE.sub(lambda octal: bytes([int(octal[1], 8)]), fields[4])
            yield os.fsdecode(path)  # names are bytes, and not always text

"""mynetd on a host that refuses it something.

``python restricted_daemon.py RESTRICTION[,RESTRICTION] [OPTION OF MYNETD]...``

no-ipv6              the kernel was booted with ipv6.disable=1: it makes no socket of IPv6, and
                     has no sysctls of IPv6
read-only-sysctls    /proc/sys is read-only, as systemd's ProtectKernelTunables= makes it
no-nft               the program nft is not installed
no-threads           no thread can be started, as at the limit of a cgroup's pids
"""

import ctypes
import errno
import platform
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mynet.server.main import main

_libc = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND = 1, 32, 4096
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
_CLONE_CALLS = {"x86_64": (56, 435), "aarch64": (220, 435)}  # clone, clone3
_CLONE_THREAD = 0x00010000
# Of linux/seccomp.h and linux/filter.h: load a word; jump if it is equal, or has a bit; return.
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_INSTRUCTION = struct.Struct("@HBBI")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _require(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the restriction could not be set up")


def _mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    words = [word.encode() for word in (source, target, kind)]
    _require(_libc.mount(*words, ctypes.c_ulong(flags), None))


def without_ipv6() -> None:
    """Hide the sysctls of IPv6, and refuse its sockets. Source: seccomp(2)."""
    _mount("tmpfs", "/proc/sys/net/ipv6", "tmpfs", _MS_RDONLY)
    _filter(
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 0, 3, _SOCKET_CALL[platform.machine()]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )


def _filter(*instructions: tuple[int, int, int, int]) -> None:
    """Filter the system calls of this process and its children: code, jumps, and operand."""
    code = b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)
    program = _Program(len(instructions), code)
    _require(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)))


def read_only_sysctls() -> None:
    """Make /proc/sys read-only for this process."""
    _mount("/proc/sys", "/proc/sys", "", _MS_BIND)
    _mount("", "/proc/sys", "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def without_nft() -> None:
    """Hide the program nft."""
    for folder in ("/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"):
        if (Path(folder) / "nft").exists():
            _mount("/dev/null", f"{folder}/nft", "", _MS_BIND)


def without_threads() -> None:
    """Refuse clone(2) for threads, and clone3 altogether: a filter cannot look into its flags."""
    clone, clone3 = _CLONE_CALLS[platform.machine()]
    _filter(
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 4, 0, clone3),
        (_JUMP_IF_EQUAL, 0, 2, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_ANY, 2, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_RETURN, 0, 0, _ERRNO | errno.EAGAIN),
    )


RESTRICTIONS: Mapping[str, Callable[[], None]] = {
    "no-ipv6": without_ipv6,
    "read-only-sysctls": read_only_sysctls,
    "no-nft": without_nft,
    "no-threads": without_threads,
}


if __name__ == "__main__":
    _require(_libc.unshare(_CLONE_NEWNS))
    for name in sys.argv.pop(1).split(","):
        RESTRICTIONS[name]()
    sys.argv[0] = "mynetd"
    main()

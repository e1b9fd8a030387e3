"""mynetd on a host that refuses it something.

``python restricted_daemon.py RESTRICTION[,RESTRICTION] [OPTION OF MYNETD]...``

no-ipv6              the kernel was booted with ipv6.disable=1: it makes no socket of IPv6, and
                     has no sysctls of IPv6
read-only-sysctls    /proc/sys is read-only, as systemd's ProtectKernelTunables= makes it
no-nft               the program nft is not installed
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
# Of linux/seccomp.h and linux/filter.h: load a word, jump if it is equal, return.
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
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
    instructions = (
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 0, 3, _SOCKET_CALL[platform.machine()]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )
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


RESTRICTIONS: Mapping[str, Callable[[], None]] = {
    "no-ipv6": without_ipv6,
    "read-only-sysctls": read_only_sysctls,
    "no-nft": without_nft,
}


if __name__ == "__main__":
    _require(_libc.unshare(_CLONE_NEWNS))
    for name in sys.argv.pop(1).split(","):
        RESTRICTIONS[name]()
    sys.argv[0] = "mynetd"
    main()

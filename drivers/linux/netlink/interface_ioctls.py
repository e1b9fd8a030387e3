"""Single facts about a link by ioctl, which costs 2 us where a message costs 300.

Each function takes any socket of the namespace. Source: netdevice(7).
"""

import errno
import fcntl
import os
import socket
import struct
from typing import Final

from mynet.drivers.linux.kernel_errors import refused

_SIOCGIFNAME, _SIOCGIFINDEX, _SIOCGIFHWADDR = 0x8910, 0x8933, 0x8927
_IFREQ = struct.Struct("@16s24x")  # struct ifreq: a name, and a union with the value
_INT = struct.Struct("@i")
_UNION: Final = 16  # offset of the union in a struct ifreq
_MAC: Final = slice(18, 24)  # of a struct ifreq with a hardware address, after the address family
_NAME_BYTES: Final = 15  # of a link: IFNAMSIZ without the final zero


def index_of(sock: socket.socket, name: str) -> int:
    """Return the index of a link, 0 if there is none."""
    answer = _ask_by_name(sock, _SIOCGIFINDEX, name)
    index: int = _INT.unpack_from(answer, _UNION)[0] if answer else 0
    return index


def mac_of(sock: socket.socket, name: str) -> str:
    """Return the MAC address of a link, "" if there is none."""
    answer = _ask_by_name(sock, _SIOCGIFHWADDR, name)
    return answer[_MAC].hex(":") if answer else ""


def name_of(sock: socket.socket, index: int) -> str:
    """Return the name of the link with an index, "" if there is none."""
    request = bytearray(_IFREQ.size)
    _INT.pack_into(request, _UNION, index)
    answer = _ask(sock, _SIOCGIFNAME, bytes(request), "a link")
    return os.fsdecode(answer[:_UNION].rstrip(b"\0")) if answer else ""


def _ask_by_name(sock: socket.socket, command: int, name: str) -> bytes | None:
    """Ask about a link by name. A name that is too long would be cut to another link's."""
    encoded = os.fsencode(name)
    if len(encoded) > _NAME_BYTES:
        return None
    return _ask(sock, command, _IFREQ.pack(encoded), name)


def _ask(sock: socket.socket, command: int, request: bytes, link: str) -> bytes | None:
    """Return the struct ifreq that the kernel answers with, None if there is no such link."""
    try:
        return fcntl.ioctl(sock, command, request)
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise refused(error.errno or errno.EIO, f"look up {link}", f"interface {link}") from error

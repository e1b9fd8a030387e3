"""The socket that receives notifications of the kernel.

Sources: netlink(7), socket(7).
"""

import ctypes
import errno
import socket
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink.socket_buffers import set_receive_buffer

# The number of the socket's own namespace, which has none among those of other namespaces.
OWN_NAMESPACE: Final = -1

_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NETLINK_LISTEN_ALL_NSID = 270, 1, 8
_SO_ATTACH_FILTER = 26
_SOCK_FILTER = struct.Struct("@HBBI")  # code, jumps if true and if not, operand
_SOCK_FPROG = struct.Struct("@HP")  # the number of instructions, and where they are
_RECEIVE_BUFFER: Final = 8 << 20  # bytes for notifications not read yet; used only when needed
_MAX_DATAGRAMS: Final = 8192  # read at once; the rest is left for the next time
_DATAGRAM: Final = 1 << 16  # bytes
_ANCILLARY: Final = 64  # bytes

_INT = struct.Struct("@i")


class Notification(NamedTuple):
    """A message, and the number of the namespace that it is from."""

    namespace: int
    message: bytes


class Subscription:
    """A socket that receives the notifications of some groups. For one thread at a time."""

    def __init__(self, protocol: int, *groups: int) -> None:
        with refusals("receive the kernel's notifications", "netlink"):
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol
            )
            self._socket.bind((0, 0))
            set_receive_buffer(self._socket, _RECEIVE_BUFFER)
            for group in groups:
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

    def filter(self, program: Sequence[tuple[int, int, int, int]]) -> None:
        """Receive only what a program in classic BPF accepts: socket(7), SO_ATTACH_FILTER."""
        code = b"".join(_SOCK_FILTER.pack(*instruction) for instruction in program)
        buffer = ctypes.create_string_buffer(code)
        program_at = _SOCK_FPROG.pack(len(program), ctypes.addressof(buffer))
        with refusals("filter the kernel's notifications", "netlink"):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program_at)

    def include_other_namespaces(self) -> None:
        """Receive from namespaces that have a number here; CAP_NET_BROADCAST is needed for it.

        Raises :exc:`PermissionError`.
        """
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)

    def fileno(self) -> int:
        """Return the descriptor, to poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> tuple[list[Notification], bool]:
        """Return the notifications that wait, and whether the kernel dropped others."""
        notifications: list[Notification] = []
        is_lossy = False
        for _ in range(_MAX_DATAGRAMS):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_DATAGRAM, _ANCILLARY)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                is_lossy = True
                continue
            namespace = _namespace(ancillary)
            notifications += [
                Notification(namespace, message) for _, message in nlmsg.split_datagram(data)
            ]
        return notifications, is_lossy


def _namespace(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return the number of the namespace that a datagram is from."""
    for level, kind, data in ancillary:
        if (level, kind) == (_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID):
            (number,) = _INT.unpack(data)
            return int(number)
    return OWN_NAMESPACE

"""The buffers of netlink sockets.

Source: socket(7).
"""

import socket
from typing import Final

_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33


def set_send_buffer(sock: socket.socket, size: int) -> None:
    """Set how many bytes can wait to be sent; at most net.core.wmem_max in a user namespace."""
    _set_buffer(sock, _SO_SNDBUFFORCE, socket.SO_SNDBUF, size)


def set_receive_buffer(sock: socket.socket, size: int) -> None:
    """Set how many bytes can wait to be read; at most net.core.rmem_max in a user namespace."""
    _set_buffer(sock, _SO_RCVBUFFORCE, socket.SO_RCVBUF, size)


def _set_buffer(sock: socket.socket, forced: int, limited: int, size: int) -> None:
    """Set a buffer. Only the host's CAP_NET_ADMIN exceeds the host's limit: socket(7)."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, limited, size)

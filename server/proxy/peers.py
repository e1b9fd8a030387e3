"""The users behind the connections that gRPC sees."""

import secrets
import socket
import struct

from mynet.server.model.callers import Credentials

_UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_GRPC_PREFIX = "unix-abstract:"  # of abstract names in the words of gRPC


def credentials_of(client: socket.socket) -> Credentials:
    """Return the credentials of the process that has connected, as the kernel noted them then."""
    ucred = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(ucred)
    return Credentials(uid, gid, pid)


class Peers:
    """The credentials of open connections, by the names of the proxy's own sockets.

    The proxy gives each socket that it connects to gRPC a random abstract name, which gRPC tells as
    the address of the peer. All users can read the names that are in use, and a name that is in use
    cannot be taken. No user can guess the next one, or connect to gRPC's socket.
    """

    def __init__(self) -> None:
        # Each operation on it is atomic in Python.
        self._credentials: dict[str, Credentials] = {}

    def register(self, near: socket.socket, credentials: Credentials) -> str:
        """Give a socket a name, note whose connection it is, and return the name."""
        name = f"mynet/{secrets.token_hex(16)}"
        near.bind(f"\0{name}")
        self._credentials[name] = credentials
        return name

    def forget(self, name: str) -> None:
        """Forget a connection that is closed."""
        self._credentials.pop(name, None)

    def find(self, peer: str) -> Credentials | None:
        """Return the credentials of a peer in gRPC's words, or None if it is gone or unknown."""
        return self._credentials.get(peer.removeprefix(_GRPC_PREFIX))

"""Callers and their roles, and the listeners that give them roles."""

import grp
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from mynet.server.model.scopes import EVERYTHING, Scope

_UNIX = "unix://"
_IP = ("ipv4:", "ipv6:")  # beginnings of gRPC's words for a peer
_LAST_PORT = 65535
_MODES = 0o777
SOCKET_MODE = 0o660  # by default: the socket's owner and its group may call


class Role(IntEnum):
    """What a caller may do. Each role includes those before it."""

    # Nothing: the principal has no role.
    NONE = 0
    # List and look.
    READER = 1
    # Connect, disconnect and update endpoints; allocate and release addresses.
    OPERATOR = 2
    # Everything.
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Credentials:
    """The process that has connected to a unix socket, as the kernel noted it then."""

    uid: int
    gid: int
    # 0 if the process is in a pid namespace that the daemon does not see.
    pid: int


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen on, and the role of its callers."""

    # unix:///PATH or HOST:PORT.
    address: str
    role: Role = Role.ADMIN
    # Of a socket: its group, or -1 for that of the process.
    group: int = -1
    mode: int = SOCKET_MODE
    # Whether callers prove their names with TLS. The role of the listener is then the highest that
    # they can have.
    tls: bool = False
    # The descriptor of a socket that a service manager has passed, or -1. It is open already, and
    # stays when the daemon ends.
    inherited: int = -1
    # Whether the daemon asks the kernel for the credentials of callers.
    credentials: bool = False

    @property
    def is_proxied(self) -> bool:
        """Whether the daemon accepts the connections by itself, in front of gRPC."""
        return self.inherited >= 0 or (self.credentials and self.path is not None)

    @property
    def path(self) -> Path | None:
        """The path of the socket, or None for TCP."""
        is_unix = self.address.startswith(_UNIX)
        return Path(self.address.removeprefix(_UNIX)) if is_unix else None


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of one call, as far as the daemon knows."""

    # What the caller may do.
    role: Role
    # The address of the listener.
    listener: str
    # The caller's address in gRPC's words, such as ipv4:192.0.2.7:4211. It is the same for all
    # callers of a unix socket.
    peer: str
    # The name that the caller has proved, or "" where the listener asks for no proof.
    principal: str = ""
    # The networks that the caller may see and change.
    scope: Scope = EVERYTHING
    # The caller's process, where the listener asks the kernel for it.
    credentials: Credentials | None = None

    @property
    def name(self) -> str:
        """The name of the caller, which plugins see."""
        return self.principal or self.peer

    @property
    def key(self) -> str:
        """What all calls of one caller have in common: limits and queues count by it."""
        if self.principal:
            return self.principal
        # A program that opens several TCP connections is one caller, whatever its ports.
        host = self.peer.rpartition(":")[0] if self.peer.startswith(_IP) else self.peer
        return f"{self.listener} {host}"


# The daemon itself, when it starts, repairs and recovers.
DAEMON = Caller(Role.ADMIN, "", "mynetd", "mynetd")


def parse_listener(text: str, role: Role, *, tls: bool = False) -> Listener:
    """Return a listener, such as ``unix:///run/reader.sock,group=monitor,mode=0660``.

    With ``tls``, callers of a TCP address prove their names.

    Raises ValueError with a reason for people.
    """
    address, *options = text.split(",")
    if not address.startswith(_UNIX):
        host, _, port = text.rpartition(":")
        if not host or "/" in host or not _is_port(port):
            raise ValueError(f"{text} is neither unix:///PATH nor HOST:PORT")
        return Listener(text, role, tls=tls)
    if not address.startswith("unix:///"):
        raise ValueError(f"{text}: write it as unix:///run/mynet/mynetd.sock")
    group, mode = -1, SOCKET_MODE
    for option in options:
        key, _, value = option.partition("=")
        if key == "group":
            group = _group(text, value)
        elif key == "mode":
            mode = _mode(text, value)
        else:
            raise ValueError(f"{text}: after the path, only group=NAME and mode=0660 are known")
    return Listener(address, role, group, mode)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= _LAST_PORT


def _group(text: str, name: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise ValueError(f"{text}: this host has no group {name}") from error


def _mode(text: str, value: str) -> int:
    try:
        mode = int(value, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= _MODES:
        raise ValueError(f"{text}: {value} is not a mode, such as 0660")
    return mode

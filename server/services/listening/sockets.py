"""What gRPC does not do by itself when it listens.

It would replace the unix socket of another server, take the mode of the socket from the umask, and
listen on IPv6, too, where an address of IPv4 is named.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from mynet.server.errors import CannotStart

_FOLDER_MODE = 0o755  # callers that are not root find the socket in it, and cannot replace it
_UMASK = 0o177  # until a socket has its group and its mode, only its owner may call


@contextlib.contextmanager
def prepared(path: Path, group: int, mode: int) -> Iterator[None]:
    """Make a path free for a socket, and give the socket of the block its group and mode.

    Raises CannotStart if a server listens on the path, or if no socket can be created there, and
    OSError.
    """
    _clear(path)
    before = os.umask(_UMASK)  # of the process; no other thread makes files now
    try:
        yield
    finally:
        os.umask(before)
    os.chown(path, -1, group)
    path.chmod(mode)


@contextlib.contextmanager
def ipv4_alone(port: int) -> Iterator[None]:
    """Make gRPC listen on 0.0.0.0 alone in the block. By itself it prefers [::], for both families.

    It falls back to IPv4 where another socket has the port of IPv6.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # no IPv6, or another program has the port
            taken = held.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(("::", port))
        yield


def _make_folder(path: Path) -> None:
    """Create a folder and its parents with mode 0755, whatever the umask. Raises OSError."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(_FOLDER_MODE)


def _clear(path: Path) -> None:
    """Delete a socket on which no server listens any more. Raises CannotStart if one does."""
    _make_folder(path.parent)
    if not path.is_socket():
        if path.exists():
            raise CannotStart(
                f"{path} exists and is not a socket; move it away, or choose another path with"
                " --listen"
            )
        _try_bind(path)
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise CannotStart(
                f"another server listens on {path}; stop it, or choose another path with --listen"
            )


def _try_bind(path: Path) -> None:
    """Raise CannotStart if no socket can be created at a path. grpc would only log the reason."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(str(path))
        except OSError as error:
            raise CannotStart(
                f"cannot create the socket {path}: {error.strerror or error}; choose another path"
                " with --listen, or run mynetd as a user that may create it"
            ) from error
    path.unlink()

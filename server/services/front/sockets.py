"""The unix sockets that gRPC listens on: gRPC would replace the socket of another server."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from mynet.server.errors import CannotStart

_UMASK = 0o117  # the mode of a socket is 0660: its owner and its group may call


@contextlib.contextmanager
def prepared(path: Path) -> Iterator[None]:
    """Make a path free for a socket, and limit the mode of a socket that the block creates.

    Raises CannotStart if a server listens on the path, or if no socket can be created there.
    """
    _clear(path)
    before = os.umask(_UMASK)  # of the process; no other thread makes files now
    try:
        yield
    finally:
        os.umask(before)


def _clear(path: Path) -> None:
    """Delete a socket on which no server listens any more. Raises CannotStart if one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
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

"""Socket activation: sockets that a service manager passes to the daemon. Source: sd_listen_fds(3).

The name of a socket is the role of its callers: ``FileDescriptorName=reader``.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, MutableMapping

from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener, Role

_FIRST = 3  # the number of the first descriptor
_ROLES = {role.name.lower(): role for role in Role if role}


def inherited_listeners(environ: MutableMapping[str, str]) -> tuple[Listener, ...]:
    """Return a listener for each socket that was passed, and remove the variables that tell it.

    The programs that the daemon starts get none of the sockets. Raises CannotStart.
    """
    pid, count, names = (environ.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES"))
    if pid != str(os.getpid()) or not count.isdecimal():
        return ()
    descriptors = range(_FIRST, _FIRST + int(count))
    given = names.split(":") if names else []
    given += [""] * (len(descriptors) - len(given))
    return tuple(_listener(number, name) for number, name in zip(descriptors, given, strict=False))


def _listener(descriptor: int, name: str) -> Listener:
    """Return the listener of one socket. Raises CannotStart."""
    if name not in _ROLES:
        raise CannotStart(
            f"the service manager passes a socket with the name {name!r}, which is no role; set"
            f" FileDescriptorName= of the socket to one of {', '.join(_ROLES)}"
        )
    with _borrowed(descriptor) as passed:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keyword
        is_stream = passed.family == socket.AF_UNIX and passed.type == socket.SOCK_STREAM
        listens = is_stream and passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        address = passed.getsockname() if is_stream else ""
    if not (listens and isinstance(address, str) and address.startswith("/")):
        raise CannotStart(
            f"the socket {name} of the service manager does not listen on a path; name one with"
            " ListenStream=/run/mynet/mynetd.sock and Accept=no, and TCP addresses with --listen"
        )
    return Listener(f"unix://{address}", _ROLES[name], inherited=descriptor)


@contextlib.contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """Yield the socket of a descriptor, and leave it open."""
    try:
        borrowed = socket.socket(fileno=descriptor)
    except OSError as error:
        raise CannotStart(
            f"descriptor {descriptor} of the service manager is no socket: {error.strerror}"
        ) from error
    try:
        yield borrowed
    finally:
        borrowed.detach()

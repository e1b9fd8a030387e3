"""The network namespace that a daemon works in: its lock, and devices of other instances in it.

Two daemons in one network namespace would both own the tables of mynet, so the second is refused.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator

from mynet.server.errors import CannotStart
from mynet.server.host import Host

# An abstract socket belongs to the network namespace, and the kernel removes it with its process.
NAMESPACE_SOCKET = "\0mynet"

_SHOWN = 5  # devices in a message


@contextlib.contextmanager
def lock_namespace() -> Iterator[None]:
    """Lock this network namespace. Source: unix(7), abstract sockets.

    Raises CannotStart if another daemon holds the lock.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(NAMESPACE_SOCKET)
        except OSError as error:
            pid = namespace_holder() or "unknown"
            raise CannotStart(
                f"another mynetd (pid {pid}) runs in this network namespace; stop it, or start this"
                " one in a namespace of its own"
            ) from error
        holder.listen()
        yield


def namespace_holder() -> str:
    """Return the pid of the daemon in this network namespace.

    The result is "unknown" if the pid cannot be read, and "" if no daemon runs here.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as caller:
        try:
            caller.connect(NAMESPACE_SOCKET)
            credentials = caller.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
        except ConnectionRefusedError:
            return ""
        except OSError:
            return "unknown"
    pid: int = struct.unpack("3i", credentials)[0]
    return str(pid)


def require_no_foreign_devices(host: Host, instance: str) -> None:
    """Raise CannotStart if this network namespace has devices of another instance.

    The addresses of those networks are in a state directory that this daemon does not have, and
    this daemon's firewall would drop their packets.
    """
    devices = sorted(host.links.foreign_devices(instance))
    if devices:
        shown = ", ".join(devices[:_SHOWN]) + (", ..." if len(devices) > _SHOWN else "")
        raise CannotStart(
            "networks of another mynetd are in this network namespace"
            f" ({shown}): this state directory belongs to instance {instance}, and those devices do"
            " not. Start mynetd with the state directory that they belong to, or delete each"
            " with: ip link delete DEVICE. Nothing was changed"
        )

"""The state origin: the boot and the network namespace that a state directory describes.

A start records it once it has brought the kernel to what the state directory says. ``mynetd fsck``
compares the kernel with the records in this boot and this network namespace alone.
"""

import socket
from contextlib import suppress
from pathlib import Path

from mynet.drivers.errors import DriverError
from mynet.drivers.linux.netns import cookie_of
from mynet.server.host import boot_id
from mynet.server.state import lock_file
from mynet.server.state.namespace_lock import namespace_holder


def record_origin(state_dir: Path) -> None:
    """Record this boot and network namespace as the state origin; the caller holds the lock.

    A failure is ignored: ``mynetd fsck`` then does not compare the kernel, and says why.
    """
    with suppress(OSError, DriverError):
        lock_file.write_origin(state_dir, boot_id(), _namespace_cookie())


def why_elsewhere(state_dir: Path) -> str:
    """Return why the kernel here is not the one that the directory describes, or "" if it is.

    Raises OSError and CapabilityUnsupported.
    """
    origin = lock_file.read_origin(state_dir)
    if origin is None:
        return (
            "no start of mynetd has been completed in this directory since it was created, restored"
            " or written by an older mynetd"
        )
    if origin.inode != lock_file.inode(state_dir):
        return "this is a copy of the directory that mynetd used"
    if origin.boot != boot_id():
        return "this host has booted since mynetd used this directory"
    if origin.namespace != str(_namespace_cookie()):
        return "mynetd used this directory in another network namespace"
    if pid := namespace_holder():
        return f"a mynetd with another directory (pid {pid}) runs in this network namespace"
    return ""


def _namespace_cookie() -> int:
    """Return this network namespace's cookie. Raises CapabilityUnsupported before Linux 5.14."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        return cookie_of(here)

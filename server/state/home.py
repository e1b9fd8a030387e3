"""Where a state directory is at home: the kernel that its books say something of.

That is the boot, and the network namespace, in which a start has brought the kernel to what the
books say. It is written into the directory's lock, behind the pid of who holds it, with the number
of that file: a backup has no lock, and a copy has another.
"""

import socket
from contextlib import suppress
from pathlib import Path

from mynet.drivers.errors import DriverError
from mynet.drivers.linux.netns import cookie_of
from mynet.server.host import boot_id
from mynet.server.state.directory import namespace_holder


def settle(state_dir: Path) -> None:
    """Write down that this is where it is at home; the caller holds the directory.

    Where that is not possible, ``mynetd fsck`` has less to compare, and says so.
    """
    lock = state_dir / "lock"
    with suppress(OSError, DriverError):
        home = f"{boot_id()} {_namespace()} {_number(lock)}"
        pid, _, _ = lock.read_text(encoding="ascii").partition("\n")
        lock.write_text(f"{pid}\n{home}\n", encoding="ascii")


def why_away(state_dir: Path) -> str:
    """Say why the kernel here is not the one that the books say something of; "" where it is."""
    lock = state_dir / "lock"
    try:
        _, home = lock.read_text(encoding="ascii").splitlines()
        boot, namespace, number = home.split()
    except (OSError, ValueError):
        return (
            "no start of mynetd has come to its end in this directory since it was made, restored,"
            " or written by an older one"
        )
    if number != _number(lock):
        return "this is a copy of the directory that mynetd worked on"
    if boot != boot_id():
        return "this host has booted since mynetd worked on this directory"
    if namespace != str(_namespace()):
        return "mynetd worked on this directory in another network namespace"
    if holder := namespace_holder():
        return f"a mynetd of another directory (pid {holder}) works in this network namespace"
    return ""


def _namespace() -> int:
    """Tell this network namespace's cookie. Raises CapabilityUnsupported before Linux 5.14."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        return cookie_of(here)


def _number(lock: Path) -> str:
    """Tell the file from every other of this boot."""
    seen = lock.stat()
    return f"{seen.st_dev}:{seen.st_ino}"

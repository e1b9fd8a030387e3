"""Which program has a port of the host, as far as it can be seen from here."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.values.ports import Binding, Program

_HERE = Path("/proc/thread-self/net")
_TABLES = {PortProtocol.TCP: ("tcp", "tcp6"), PortProtocol.UDP: ("udp", "udp6")}
_LOCAL, _INODE = 1, 9  # columns of /proc/net/tcp and udp, proc(5)
_NO_SOCKET = "0"  # the inode of a connection that has no program any more


def find_program(binding: Binding) -> Program | None:
    """Find who has the port; None where that cannot be seen, as through another pid namespace.

    It looks at every descriptor of every program: for an error's sake alone. One of TCP that is
    bound and neither listens nor is connected, as ours, is in no list. Like: ``ss -antup``.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(binding)}
    return next(_owners(sockets), None) if sockets else None


def _inodes(binding: Binding) -> Iterator[str]:
    """List the sockets that have the port, at whichever address."""
    for table in _TABLES.get(binding.protocol, ()):
        with suppress(OSError):  # a kernel without IPv6 has no tcp6
            for line in (_HERE / table).read_text().splitlines()[1:]:
                columns = line.split()
                port = int(columns[_LOCAL].rpartition(":")[2], 16)
                if port == binding.port and columns[_INODE] != _NO_SOCKET:
                    yield columns[_INODE]


def _owners(sockets: set[str]) -> Iterator[Program]:
    """List the programs that have one of the sockets open."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # it ended while it was looked at, or is not ours to look at
                if sockets & {str(fd.readlink()) for fd in (process / "fd").iterdir()}:
                    yield Program(int(process.name), (process / "comm").read_text().strip())

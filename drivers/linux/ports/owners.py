"""The programs that have a port of the host, as far as /proc shows them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.values.ports import Binding, Program

_HERE = Path("/proc/thread-self/net")
_TABLES = {PortProtocol.TCP: ("tcp", "tcp6"), PortProtocol.UDP: ("udp", "udp6")}
_LOCAL, _INODE = 1, 9  # columns of /proc/net/tcp and udp, proc(5)
_NO_SOCKET = "0"  # the inode of a connection without a program


def sockets_at(binding: Binding) -> Iterator[str]:
    """Yield the sockets that have the port at any address, as links in /proc name them."""
    for table in _TABLES.get(binding.protocol, ()):
        with suppress(OSError):  # a kernel without IPv6 has no tcp6
            for line in (_HERE / table).read_text().splitlines()[1:]:
                columns = line.split()
                port = int(columns[_LOCAL].rpartition(":")[2], 16)
                if port == binding.port and columns[_INODE] != _NO_SOCKET:
                    yield f"socket:[{columns[_INODE]}]"


def owners(sockets: frozenset[str]) -> Iterator[Program]:
    """Yield the programs that have one of the sockets open."""
    if not sockets:
        return
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # the process ended, or may not be looked at
                if sockets & {str(fd.readlink()) for fd in (process / "fd").iterdir()}:
                    yield Program(int(process.name), (process / "comm").read_text().strip())

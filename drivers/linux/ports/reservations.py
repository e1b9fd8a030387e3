"""Reserving ports of the host with sockets.

A socket that is bound and never listens keeps its port from every other program. It receives no
packets, since the firewall forwards those of a published port before they would reach it. It costs
one file descriptor.
"""

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from mynet.drivers.api import IPV4, IPV6, PortProtocol
from mynet.drivers.errors import CapabilityUnsupported, DriverError, PortsExhausted
from mynet.drivers.linux.kernel_errors import refused
from mynet.drivers.linux.ports.owners import owners, sockets_at
from mynet.drivers.linux.ports.used import used_ports
from mynet.drivers.linux.values.ports import Binding, Program, Reservation, UsedPort

_SETTINGS = Path("/proc/sys/net/ipv4")  # of the namespace of the thread that opens it
_KINDS = {
    PortProtocol.TCP: (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    PortProtocol.UDP: (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    PortProtocol.SCTP: (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_UNKNOWN = frozenset({errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT})
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_DUAL = frozenset({4, 6})


class Ports:
    """Implements :class:`~mynet.drivers.linux.interface.ports.Ports` with sockets."""

    def reserve(self, binding: Binding) -> Reservation | None:
        """Reserve a port with a socket that is bound and never listens.

        A kernel without SCTP needs no socket for it, since no program can use the port either.
        Raises CapabilityUnsupported for IPv6 alone on a kernel without IPv6.
        """
        family = socket.AF_INET6 if IPV6 in binding.versions else socket.AF_INET
        try:
            sock = socket.socket(family, *_KINDS[binding.protocol])
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT and IPV4 in binding.versions:
                return self.reserve(replace(binding, versions=frozenset({IPV4})))
            if binding.protocol is PortProtocol.SCTP and error.errno in _UNKNOWN:
                return ExitStack()  # close() has nothing to do
            raise _refusal(binding, error) from error
        try:
            _bind(sock, binding)
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise _refusal(binding, error) from error
        return sock

    def program_at(self, binding: Binding) -> Program | None:
        """Like: ss -antup.

        It looks at every descriptor of every program, so it is for error messages only. It does not
        find a TCP socket that is bound and neither listens nor is connected, as the daemon's own.
        """
        return next(owners(frozenset(sockets_at(binding))), None)

    def used(self) -> frozenset[UsedPort]:
        """Like: ss -Hlntu."""
        return used_ports()

    def choosable_ports(self) -> Sequence[range]:
        """Like: sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports."""
        first, last = map(int, (_SETTINGS / "ip_local_port_range").read_text().split())
        free: list[range] = []
        for reserved in sorted(_ranges((_SETTINGS / "ip_local_reserved_ports").read_text())):
            free.append(range(first, min(reserved[0], last + 1)))
            first = max(first, reserved[1] + 1)
        return [span for span in (*free, range(first, last + 1)) if span]


def _bind(sock: socket.socket, binding: Binding) -> None:
    """Bind a socket, even if ended connections to the port linger (TIME_WAIT).

    SO_REUSEADDR allows that. It is turned off again at once, because it would also share the port
    with any other program that sets it. UDP has no lingering connections and would share the port,
    so it is not set there. The socket has no receive buffer for datagrams that arrive before the
    firewall redirects them.
    """
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, binding.versions != _DUAL)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    may_linger = binding.protocol is not PortProtocol.UDP
    if may_linger:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    anywhere = "::" if sock.family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - what was asked
    sock.bind((str(binding.address or anywhere), binding.port))
    if may_linger:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    if isinstance(binding.address, IPv4Address):
        _require_one_host(binding.address)


def _require_one_host(address: IPv4Address) -> None:
    """Raise OSError for the broadcast address of a subnet, although sockets can be bound to it.

    The kernel does not tell what kind an address is, but refuses to connect to a broadcast address.
    Connecting a UDP socket sends no packet.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((str(address), 9))
        except PermissionError as error:
            raise OSError(
                errno.EADDRNOTAVAIL, "a broadcast address does not belong to a host"
            ) from error


def _refusal(binding: Binding, error: OSError) -> DriverError:
    """Return the error for a port that cannot be reserved."""
    if error.errno in _FULL:
        return PortsExhausted(
            f"{binding} cannot be reserved: mynetd has no file descriptor left; disconnect"
            " endpoints that publish ports, or start mynetd with a higher limit (LimitNOFILE=,"
            " ulimit -n)",
            resource=f"port {binding.port}/{binding.protocol.value}",
        )
    if error.errno == errno.EAFNOSUPPORT:
        return CapabilityUnsupported(
            f"{binding} is of IPv6, and the kernel of this host has no IPv6 (it was booted with"
            " ipv6.disable=1, or lacks the module ipv6): publish the port over IPv4",
            resource=f"port {binding.port}/{binding.protocol.value}",
        )
    number = error.errno or errno.EIO
    return refused(
        errno.EPERM if number == errno.EACCES else number,  # the answer for a port below 1024
        f"reserve {binding}",
        f"port {binding.port}/{binding.protocol.value}",
        capability="CAP_NET_BIND_SERVICE",
    )


def _ranges(text: str) -> list[tuple[int, int]]:
    """Parse ``8080,9000-9010``."""
    words = (word.partition("-") for word in text.strip().split(",") if word)
    return [(int(first), int(last or first)) for first, _, last in words]

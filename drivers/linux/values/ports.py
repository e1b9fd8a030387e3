"""Published ports as values: where they lead, and what is reserved for them."""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Protocol

from mynet.drivers.api import IPV4, IPAddress, PortProtocol


@dataclass(frozen=True, slots=True)
class Forward:
    """Consecutive ports of the host, and the ports of an endpoint that they lead to."""

    protocol: PortProtocol
    # The host's address, None for all of its addresses.
    host: IPAddress | None
    # The first port of the host.
    host_port: int
    # The endpoint's address.
    target: IPAddress
    # The first port of the endpoint.
    target_port: int
    # The number of ports.
    count: int = 1

    @property
    def opens_loopback(self) -> bool:
        """Whether clients reach the ports through 127.0.0.1."""
        return self.target.version == IPV4 and (self.host is None or self.host.is_loopback)

    @property
    def is_source(self) -> bool:
        """Whether packets that the endpoint sends from the ports may leave the host by them."""
        return self.host is None or not (self.host.is_loopback or self.host.is_link_local)

    def __str__(self) -> str:
        """Return, for example, ``TCP 127.0.0.1:8080 to 10.1.0.2:80``."""
        more = "" if self.count == 1 else f" and the {self.count - 1} that follow"
        host = _with_port(self.host, self.host_port) if self.host else f"port {self.host_port}"
        target = _with_port(self.target, self.target_port)
        return f"{self.protocol.name} {host} to {target}{more}"


def _with_port(address: IPAddress, port: int) -> str:
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Binding:
    """A port of the host to reserve."""

    protocol: PortProtocol
    port: int
    # The IP versions to reserve it for.
    versions: frozenset[int]
    # The host's address, None for all addresses of these IP versions.
    address: IPAddress | None = None

    def clashes(self, other: "Binding") -> bool:
        """Return whether the two exclude each other; a single address excludes all addresses."""
        return (
            (self.protocol, self.port) == (other.protocol, other.port)
            and bool(self.versions & other.versions)
            and (None in (self.address, other.address) or self.address == other.address)
        )

    def __str__(self) -> str:
        """Return, for example, ``TCP port 127.0.0.1:8080``."""
        where = _with_port(self.address, self.port) if self.address else str(self.port)
        return f"{self.protocol.name} port {where}"


@dataclass(frozen=True, slots=True)
class UsedPort:
    """A port at which a program of the host receives."""

    protocol: PortProtocol
    number: int
    # The IP version; a socket of both versions uses two ports.
    version: int


class Reservation(Protocol):
    """A port of the host that no other program can take until it is released."""

    def close(self) -> None:
        """Release the port."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that runs."""

    pid: int
    # The kernel's name of the program, from /proc/PID/comm.
    name: str

    def __str__(self) -> str:
        """Return, for example, ``nginx (pid 4711)``."""
        return f"{self.name} (pid {self.pid})"

"""Published ports as values: where they lead, and what is held for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Protocol

from mynet.drivers.api import IPAddress, PortProtocol

_IPV4 = 4


@dataclass(frozen=True, slots=True)
class Forward:
    """Ports of the host, at one address or (None) at all, and the ports of an endpoint's address.

    ``count`` of them, one after the other.
    """

    protocol: PortProtocol
    host: IPAddress | None
    host_port: int
    target: IPAddress
    target_port: int
    count: int = 1

    @property
    def opens_loopback(self) -> bool:
        """Whether it is reached through 127.0.0.1."""
        return self.target.version == _IPV4 and (self.host is None or self.host.is_loopback)

    def __str__(self) -> str:
        """Write it as ``TCP 127.0.0.1:8080 to 10.1.0.2:80``."""
        more = "" if self.count == 1 else f" and the {self.count - 1} that follow"
        host = _with_port(self.host, self.host_port) if self.host else f"port {self.host_port}"
        target = _with_port(self.target, self.target_port)
        return f"{self.protocol.name} {host} to {target}{more}"


def _with_port(address: IPAddress, port: int) -> str:
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class PortForwards:
    """What the firewall knows of an endpoint: the ports that are published for it."""

    endpoint: str
    forwards: Sequence[Forward] = ()

    @property
    def opens_loopback(self) -> bool:
        """Whether any of them is reached through 127.0.0.1."""
        return any(forward.opens_loopback for forward in self.forwards)


@dataclass(frozen=True, slots=True)
class Binding:
    """A port of the host to be held: at one address or (None) at all of these IP versions."""

    protocol: PortProtocol
    port: int
    versions: frozenset[int]
    address: IPAddress | None = None

    def clashes(self, other: "Binding") -> bool:
        """Say whether two cannot be held both: one address is in the way of all."""
        return (
            (self.protocol, self.port) == (other.protocol, other.port)
            and bool(self.versions & other.versions)
            and (None in (self.address, other.address) or self.address == other.address)
        )

    def __str__(self) -> str:
        """Write it as ``TCP port 127.0.0.1:8080``."""
        where = _with_port(self.address, self.port) if self.address else str(self.port)
        return f"{self.protocol.name} port {where}"


class Reservation(Protocol):
    """A port of the host that no other program can take until it is released."""

    def close(self) -> None:
        """Release the port."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that runs: its number, and its name as the kernel has it."""

    pid: int
    name: str

    def __str__(self) -> str:
        """Write it as ``nginx (pid 4711)``."""
        return f"{self.name} (pid {self.pid})"

"""Subnets as the core and its registry know them: values, never changed in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Final

from mynet.ipam import api as ipam
from mynet.ipam.api import Holding, IPAddress, IPNetwork, Part, Span, Usage

IPV4: Final = 4
IPV6: Final = 6
MIN_MTU_IPV6 = 1280  # RFC 8200, 5: on a smaller device the kernel refuses IPv6 addresses
MOST_SPANS = 64  # that a subnet reserves: each address that is chosen or checked passes them
LONGEST = 10 * 365 * 86400  # seconds: the most that a time of a subnet, or any setting, may be
_UNUSABLE = {
    ip_network("0.0.0.0/32"): "it begins with the unspecified address",
    ip_network("::/128"): "it begins with the unspecified address",
    ip_network("127.0.0.0/8"): "it has addresses of the host's own loopback",
    ip_network("::1/128"): "it has the address of the host's own loopback",
    ip_network("224.0.0.0/4"): "it has multicast addresses",
    ip_network("ff00::/8"): "it has multicast addresses",
    ip_network("fe80::/10"): "every link has link-local addresses of its own",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How a subnet's addresses are handed out; None where the daemon's default holds.

    Times are in seconds. Everything is meant as in :class:`mynet.ipam.api.Subnet`.
    """

    range: Span | None = None
    reserved: tuple[Span, ...] = ()
    cooldown: float | None = None
    retention: float | None = None


@dataclass(frozen=True, slots=True)
class AddressPool:
    """Where subnets are taken from that nobody named: those of ``prefixlen`` within ``base``."""

    base: IPNetwork
    prefixlen: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where nobody says otherwise; cooldown and retention are in seconds."""

    pools: Sequence[AddressPool] = ()
    cooldown: float = 30.0
    retention: float = 86400.0

    def applied(self, cidr: IPNetwork, rules: Rules) -> ipam.Subnet:
        """Return a subnet with its rules complete, as a backend is told it."""
        return ipam.Subnet(
            cidr,
            rules.range,
            rules.reserved,
            self.cooldown if rules.cooldown is None else rules.cooldown,
            self.retention if rules.retention is None else rules.retention,
        )


@dataclass(frozen=True, slots=True)
class SubnetSize:
    """Any subnet of so many addresses; with prefix length 0, of the size that its pool gives."""

    version: int
    prefixlen: int = 0


@dataclass(frozen=True, slots=True)
class SubnetSpec:
    """A subnet asked for, by its CIDR or by its size; without a gateway the backend chooses it."""

    cidr: IPNetwork | None
    gateway: IPAddress | None = None
    size: SubnetSize | None = None
    rules: Rules = Rules()

    @property
    def version(self) -> int:
        """The IP version asked for."""
        return self.cidr.version if self.cidr else self.size.version if self.size else 0


@dataclass(frozen=True, slots=True)
class SubnetCandidates:
    """What a subnet may be chosen from: the pools, less what the host itself uses."""

    pools: Sequence[AddressPool]
    taken: Sequence[IPNetwork] = ()


@dataclass(frozen=True, slots=True)
class RegisteredSubnet:
    """A subnet in the registry, and the network that uses it, if one does.

    One that is ``kept`` stays though nobody uses it and nobody has an address of it.
    """

    cidr: IPNetwork
    backend: str
    rules: Rules
    kept: bool
    network_id: str
    network: str
    create_time: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class SubnetReport:
    """A subnet with the rules that hold in it, its gateway and how full it is."""

    subnet: RegisteredSubnet
    rules: ipam.Subnet
    gateway: IPAddress | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class SubnetMap:
    """How full the parts of a subnet are; those of which nothing is to be said are left out."""

    report: SubnetReport
    prefixlen: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class SubnetDump:
    """A subnet with its rules and all who hold addresses of it, as it is exported and imported."""

    cidr: IPNetwork
    backend: str
    rules: Rules
    kept: bool
    held: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class AllocationKey:
    """Where an allocation stands in the list of all."""

    backend: str
    cidr: IPNetwork
    address: IPAddress

    @property
    def in_backend(self) -> tuple[IPNetwork, IPAddress]:
        """The key in the backend's own list."""
        return self.cidr, self.address


def unusable(cidr: IPNetwork) -> str:
    """Say why the kernel would not route to addresses of a subnet; "" where it would."""
    return next((reason for other, reason in _UNUSABLE.items() if cidr.overlaps(other)), "")

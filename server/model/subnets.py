"""Subnets as the core and its registry know them: values, never changed in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mynet.ipam import api as ipam
from mynet.ipam.api import Holding, IPAddress, IPNetwork, Part, Span, Usage

MIN_MTU_IPV6 = 1280  # RFC 8200, 5: on a smaller device the kernel refuses IPv6 addresses
MAX_SPANS = 1024  # that a subnet reserves: an allocation then takes three times as long
LONGEST = 10 * 365 * 86400  # seconds; the limit of a subnet's times and of any setting


@dataclass(frozen=True, slots=True)
class Rules:
    """How a subnet's addresses are allocated, as in :class:`mynet.ipam.api.Subnet`."""

    # The addresses to choose from; None for the whole subnet.
    range: Span | None = None
    reserved: tuple[Span, ...] = ()
    # In seconds; None for the daemon's default.
    cooldown: float | None = None
    retention: float | None = None


@dataclass(frozen=True, slots=True)
class AddressPool:
    """A pool that subnets without a CIDR are chosen from."""

    base: IPNetwork
    # The prefix length of the subnets, unless the caller asks for another.
    prefixlen: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """The daemon's settings for subnets that have none of their own."""

    pools: Sequence[AddressPool] = ()
    # In seconds.
    cooldown: float = 30.0
    retention: float = 86400.0

    def applied(self, cidr: IPNetwork, rules: Rules) -> ipam.Subnet:
        """Return a subnet with complete rules, as its backend gets it."""
        return ipam.Subnet(
            cidr,
            rules.range,
            rules.reserved,
            self.cooldown if rules.cooldown is None else rules.cooldown,
            self.retention if rules.retention is None else rules.retention,
        )


@dataclass(frozen=True, slots=True)
class SubnetSize:
    """The size of a subnet without a CIDR."""

    # The IP version.
    version: int
    # 0 for the prefix length of the pool.
    prefixlen: int = 0


@dataclass(frozen=True, slots=True)
class SubnetSpec:
    """The subnet that a caller asks for."""

    # None where the subnet is asked for by its size.
    cidr: IPNetwork | None
    # None leaves the choice to the daemon.
    gateway: IPAddress | None = None
    size: SubnetSize | None = None
    rules: Rules = Rules()

    @property
    def version(self) -> int:
        """The IP version asked for."""
        return self.cidr.version if self.cidr else self.size.version if self.size else 0


@dataclass(frozen=True, slots=True)
class SubnetCandidates:
    """The address space that a subnet may be chosen from."""

    pools: Sequence[AddressPool]
    # The subnets that the host itself uses.
    taken: Sequence[IPNetwork] = ()


@dataclass(frozen=True, slots=True)
class RegisteredSubnet:
    """A subnet in the registry."""

    cidr: IPNetwork
    # The name of its IPAM backend.
    backend: str
    rules: Rules
    # Whether it stays registered without a network or an allocation.
    kept: bool
    # The id and the name of the network that uses it, or "".
    network_id: str
    network: str
    create_time: datetime
    # The revision of the commit that wrote the record.
    revision: int


@dataclass(frozen=True, slots=True)
class SubnetReport:
    """A subnet, the rules that hold in it, its gateway and how full it is."""

    subnet: RegisteredSubnet
    rules: ipam.Subnet
    gateway: IPAddress | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class SubnetMap:
    """How full the parts of a subnet are. Empty parts are left out."""

    report: SubnetReport
    # The prefix length of the parts.
    prefixlen: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class SubnetDump:
    """A subnet with its rules and allocations, as it is exported and imported."""

    cidr: IPNetwork
    backend: str
    rules: Rules
    kept: bool
    held: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class NewSubnet:
    """A subnet to be registered."""

    cidr: IPNetwork
    # The name of the IPAM backend.
    backend: str
    rules: Rules
    # Whether it stays registered without a network or an allocation.
    kept: bool = False
    network_id: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """The changes that an import made to the registry."""

    # Subnets that were not registered before.
    new: Sequence[IPNetwork]
    # Subnets that are kept since the import.
    kept: Sequence[IPNetwork]


@dataclass(frozen=True, slots=True)
class AllocationKey:
    """The place of an allocation in the list of all."""

    backend: str
    cidr: IPNetwork
    address: IPAddress

    @property
    def in_backend(self) -> tuple[IPNetwork, IPAddress]:
        """The key in the backend's own list."""
        return self.cidr, self.address

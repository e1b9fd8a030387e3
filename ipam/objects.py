"""The objects of the IPAM contract: subnets with their rules, allocations, usage.

Third parties import them from :mod:`mynet.ipam.api`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    summarize_address_range,
)
from itertools import islice

_IPV4_WITH_BROADCAST = 30  # the longest prefix with a network and a broadcast address (RFC 3021)
_IPV6_WITH_ANYCAST = 126  # the longest prefix with a subnet-router anycast address (RFC 6164)

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Span:
    """A range of addresses of one IP version."""

    # The first address of the range.
    first: IPAddress
    # The last address, which is in the range too.
    last: IPAddress

    def __contains__(self, address: IPAddress) -> bool:
        """Return whether an address is in the span; an address of the other IP version is not."""
        same = address.version == self.first.version
        return same and int(self.first) <= int(address) <= int(self.last)

    def __str__(self) -> str:
        """Return the shortest notation: an address, a prefix if the span is one, or first-last."""
        if self.first == self.last:
            return str(self.first)
        parts = list(islice(summarize_address_range(self.first, self.last), 2))
        return str(parts[0]) if len(parts) == 1 else f"{self.first}-{self.last}"


def usable(cidr: IPNetwork) -> Span:
    """Return the addresses of a subnet that can be handed out, whatever its rules."""
    first, last = 0, cidr.num_addresses - 1
    if isinstance(cidr, IPv4Network):
        edges = cidr.prefixlen <= _IPV4_WITH_BROADCAST
        first, last = first + edges, last - edges
    elif cidr.prefixlen <= _IPV6_WITH_ANYCAST:
        first += 1
    return Span(cidr.network_address + first, cidr.network_address + last)


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet, and the rules by which its addresses are handed out."""

    # The subnet's prefix.
    cidr: IPNetwork
    # The addresses that a backend chooses from; None is all of them. A caller that names an address
    # may have it although it is outside.
    range: Span | None = None
    # Addresses that are never handed out. Spans may overlap, and come in any order.
    reserved: tuple[Span, ...] = ()
    # Seconds that a released address is not chosen again.
    cooldown: float = 0.0
    # Seconds after its release that a sticky key leads back to its address.
    retention: float = 0.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """An allocated address and its owner."""

    # The subnet that the address is in.
    subnet: IPNetwork
    # The allocated address.
    address: IPAddress
    # The owner that the caller named, or "".
    owner: str
    # The ``instance`` of the BackendContext that made the allocation.
    instance: str
    # When the allocation was made, with a time zone.
    create_time: datetime
    # The number of the commit that made the allocation. It grows with every commit of a backend.
    revision: int
    # The labels of the request.
    labels: Mapping[str, str] = field(default_factory=dict)
    # The sticky key of the request, or "".
    sticky_key: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """An address and the owner that has it or is to have it."""

    # The address.
    address: IPAddress
    # The owner, or "".
    owner: str = ""
    # The sticky key to store with the allocation, or "".
    sticky_key: str = ""
    # The labels to store with the allocation.
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holdings:
    """The addresses of one subnet that owners have or are to have."""

    # The subnet and its rules.
    subnet: Subnet
    # The addresses, in any order.
    held: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class Usage:
    """Numbers of addresses in a subnet. Each usable address is counted in one of the states."""

    # All usable addresses: the sum of the allocated, reserved, cooling and free.
    capacity: int
    # Allocated addresses, whether reserved or not.
    allocated: int
    # Addresses that the rules reserve and that are not allocated.
    reserved: int = 0
    # Released addresses whose cooldown has not passed, if they are not reserved.
    cooling: int = 0

    @property
    def free(self) -> int:
        """Addresses that can be allocated now."""
        return self.capacity - self.allocated - self.reserved - self.cooling


@dataclass(frozen=True, slots=True)
class Part:
    """The usage of a part of a subnet."""

    # The part's prefix.
    cidr: IPNetwork
    # Allocated addresses in the part.
    allocated: int
    # Addresses in the part whose cooldown has not passed, if they are not reserved.
    cooling: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of ``mynet_ipam_audit``: a check of a backend's files while none is open."""

    # Sentences on what is wrong, without their subject, for example "has lost its newest commits".
    findings: Sequence[str] = ()
    # Every allocation of each open subnet. The subnets come without rules.
    holdings: Sequence[Holdings] = ()
    # False if something could not be read. Addresses that are not in ``holdings`` may be allocated
    # then.
    complete: bool = True

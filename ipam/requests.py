"""What the daemon asks of a backend: the arguments of its verbs.

Third parties import these names from :mod:`mynet.ipam.api`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mynet.ipam.objects import IPAddress, IPNetwork, Subnet


@dataclass(frozen=True, slots=True)
class AllocateRequest:
    """A request for one address."""

    # The subnet, which must be open, and its rules.
    subnet: Subnet
    # The owner, or "". With an owner the call is idempotent: it returns the allocation that the
    # owner has, of ``address`` if that is given, and otherwise the first that it got.
    owner: str = ""
    # The address that the caller wants, or None for any.
    address: IPAddress | None = None
    # An owner from which ``address`` is transferred in one commit, so that it is never free in
    # between. "" transfers from no owner. If the address is free, it is allocated.
    take_from: str = ""
    # A key that leads back to an address under another owner, or "". A request for any address gets
    # the address that was last released with this key, even outside the range, if it is free and
    # not reserved, the retention has not passed, and the key was not used again meanwhile.
    sticky_key: str = ""
    # Labels to store with a new allocation. An existing one keeps its own.
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A request for an address for each of several owners, all or none."""

    # The subnet, which must be open, and its rules.
    subnet: Subnet
    # The owners. An owner that has an address gets that again. An empty owner gets a new address
    # each time it is listed.
    owners: Sequence[str]
    # Labels to store with each new allocation.
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A request to release one address."""

    # The subnet, which must be open, and its rules.
    subnet: Subnet
    # The address to release.
    address: IPAddress
    # The owner that must have the address; "" is an allocation without an owner, None is any owner.
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class AllocationQuery:
    """A selection of allocations, by all fields that are set.

    The answer is ordered by IP version, subnet and address, all as numbers.
    """

    # Select the allocations in one subnet.
    subnet: IPNetwork | None = None
    # Select the allocation of one address.
    address: IPAddress | None = None
    # Select the allocations of one owner; "" is every owner.
    owner: str = ""
    # Return the allocations behind this subnet and address, which need not be allocated any more.
    after: tuple[IPNetwork, IPAddress] | None = None
    # Return at most this many allocations.
    limit: int = 1000
    # Select the allocations of owners that begin with this text.
    owner_prefix: str = ""


@dataclass(frozen=True, slots=True)
class MapQuery:
    """A request for the usage of each part of a subnet."""

    # The subnet, which must be open, and its rules.
    subnet: Subnet
    # The prefix length of each part, at least that of the subnet.
    prefixlen: int

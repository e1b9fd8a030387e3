"""The IPAM contract: what mynet requires of an address backend.

A backend keeps, for each open subnet, which addresses are allocated and to which owner. The daemon
decides which subnets exist, keeps them from overlapping, and sends the rules of a subnet with every
request. A backend stores no rules.

**Durability.** A change is on the disk *before* the verb returns. An allocated address stays
allocated over a crash of the daemon and over a power failure.

**Reserved addresses.** A backend never hands out the network and broadcast addresses of an IPv4
subnet up to /30, or the subnet-router anycast address of an IPv6 subnet up to /126 (RFC 4291,
2.6.1). A /31 has two usable addresses (RFC 3021), as has a /127 (RFC 6164). A /32 and a /128 have
one. :func:`usable` computes this. Addresses that the subnet's rules reserve are not handed out
either.

**Cooldown.** A released address is not handed out before the subnet's cooldown has passed, and then
only when no unused address is left, so that stale ARP entries on other hosts expire first. A caller
that names the address, or sends the sticky key that it was allocated with, may have it sooner.
Neither a restart of the daemon nor a change of the wall clock shortens a cooldown. A reboot starts
it again.

**Threads.** The daemon calls verbs from a bounded pool of threads for each backend, many at a time.
A verb may block, but not longer than ``call.deadline``.

**Errors.** Verbs raise the errors of :mod:`mynet.ipam.errors` and no others. A verb that raises has
changed nothing. Besides the errors that a verb lists, each may raise StoreUnavailable and
StoreDamaged.

**Versions.** The contract grows by fields with defaults and by declared capabilities, never by a
new method that a backend must implement.

:func:`mynet.ipam.testing.check_backend` tests a backend against this page.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mynet.ipam.objects import (
    Allocation,
    Audit,
    Holding,
    Holdings,
    IPAddress,
    IPNetwork,
    Part,
    Span,
    Subnet,
    Usage,
    usable,
)
from mynet.ipam.requests import (
    AllocateRequest,
    AllocationQuery,
    BatchRequest,
    MapQuery,
    ReleaseRequest,
)

__all__ = [
    "API_VERSION",
    "AllocateRequest",
    "Allocation",
    "AllocationQuery",
    "Audit",
    "Backend",
    "BackendContext",
    "BackendInfo",
    "BatchRequest",
    "Call",
    "Holding",
    "Holdings",
    "IPAddress",
    "IPNetwork",
    "MapQuery",
    "Part",
    "ReleaseRequest",
    "Span",
    "Subnet",
    "Usage",
    "usable",
]

API_VERSION = 1


class Call(Protocol):
    """The request on behalf of which the daemon calls a verb."""

    @property
    def request_id(self) -> str:
        """The id that all log lines of one request share."""

    @property
    def deadline(self) -> float:
        """When the caller stops waiting, in seconds of :func:`time.monotonic`."""

    @property
    def principal(self) -> str:
        """The peer that made the request."""

    def alive(self) -> bool:
        """Return whether the caller still waits."""


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """A backend's description of itself, which ListBackends shows."""

    # The name that users write, which is also the name of the entry point.
    name: str
    # The API_VERSION that the backend was written for.
    api_version: int = API_VERSION
    # Optional parts of the contract that the backend implements. None are defined yet.
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BackendContext:
    """What the daemon gives to a backend that it makes."""

    # The id of the daemon's state directory, which is stored with every allocation.
    instance: str
    # An existing directory for the backend's files. No other plugin uses it.
    state_dir: Path


class Backend(ABC):
    """An IPAM backend. It raises only the errors of :mod:`mynet.ipam.errors`."""

    @property
    @abstractmethod
    def info(self) -> BackendInfo:
        """The backend's description, the same every time."""

    @abstractmethod
    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Open a subnet, durably, so that its addresses can be allocated.

        Opening an open subnet changes nothing.
        """

    @abstractmethod
    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Close a subnet, durably, and forget its cooldowns and sticky keys.

        Closing a subnet that is not open succeeds. Raises SubnetInUse if it has allocations.
        """

    @abstractmethod
    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        """Allocate an address, durably, and return the allocation.

        Raises SubnetNotFound, SubnetExhausted, AddressInUse, AddressReserved, AddressOutOfRange. If
        the only free addresses are cooling down, ``SubnetExhausted.retry_after`` is the number of
        seconds until the first of them can be allocated.
        """

    @abstractmethod
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        """Allocate an address for each owner, in one durable commit, all or none.

        Returns the allocations in the order of the owners. Raises SubnetNotFound, SubnetExhausted.
        """

    @abstractmethod
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        """Release an address, durably, and return the allocation as it was.

        Raises SubnetNotFound, AllocationNotFound, AddressOutOfRange, OwnerMismatch.
        """

    @abstractmethod
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        """Release all addresses of an owner, in one durable commit.

        Returns the allocations as they were, in any order; none if the owner has none. ``owner`` is
        not empty.
        """

    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        """Release all addresses of several owners, as :meth:`release_owner` does for each.

        A backend that can do so in one commit should: after a reboot the daemon calls this with
        every endpoint.
        """
        return [allocation for owner in owners for allocation in self.release_owner(call, owner)]

    @abstractmethod
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        """Allocate the given addresses to their owners, in one durable commit, all or none.

        Subnets that are not open are opened. An address that the same owner has already stays as it
        is. Raises AddressInUse, AddressReserved, AddressOutOfRange.
        """

    @abstractmethod
    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        """Return the selected allocations; none for a subnet that is not open."""

    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        """Return the address that the request's sticky key leads to now, or None.

        The daemon asks this where several subnets can serve a request, to try the one that knows
        the key first. It changes nothing. Raises SubnetNotFound.
        """
        return None

    @abstractmethod
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        """Return the numbers of a subnet's addresses by state. Raises SubnetNotFound."""

    @abstractmethod
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        """Return the usage of each part of a subnet, in the order of their addresses.

        Parts without an allocated or cooling address are left out. Raises SubnetNotFound.
        """

    def close(self) -> None:
        """Close files and end threads. The daemon calls it once, when it stops."""

"""The IPAM contract: what mynet asks of an address backend, and nothing else.

A backend keeps, for each open subnet, which addresses are held and by whom. Which subnets there
are, that they do not overlap, and by which rules each is handed out is the daemon's business: a
backend is told the rules with every request. What it answers is durable *before* it answers: an
address that was handed out is never handed out again because a machine lost its power.

Never handed out: the network and broadcast addresses of an IPv4 subnet up to /30, and the
subnet-router anycast address of an IPv6 subnet up to /126 (RFC 4291, 2.6.1); a /31 gives two (RFC
3021), so does a /127 (RFC 6164), and a single-address subnet gives one. Nor are those addresses
handed out that a subnet's rules reserve.

A released address *cools down*: it is not handed out before its subnet's cooldown has passed, and
then as the last one, so that a neighbour's stale ARP entry finds nobody. Whoever asks for it by
name, or comes back with the sticky key that it was allocated with, may have it sooner. Neither a
restart nor a clock that is set shortens a cooldown; a reboot begins it anew.

Verbs run on a bounded pool of threads of their backend, many at once. They may block, but no longer
than ``call.deadline``. The contract grows by fields with defaults and by declared capabilities,
never by a new method that a backend must have. :func:`mynet.ipam.testing.check_backend` is this
page as a test.
"""

from abc import ABC, abstractmethod
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
from pathlib import Path
from typing import Protocol

API_VERSION = 1

_IPV4_WITH_BROADCAST = 30  # the longest prefix with a network and a broadcast address (RFC 3021)
_IPV6_WITH_ANYCAST = 126  # the longest prefix with a subnet-router anycast address (RFC 6164)

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Call(Protocol):
    """Who asks, until when, and whether anybody still waits for the answer."""

    @property
    def request_id(self) -> str:
        """Ties together everything that is logged for one request."""

    @property
    def deadline(self) -> float:
        """When the caller stops waiting, in seconds of :func:`time.monotonic`."""

    @property
    def principal(self) -> str:
        """The peer that made the request."""

    def alive(self) -> bool:
        """Say whether the caller still waits."""


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What a backend says of itself; ListBackends shows it. ``name`` is its entry point's too."""

    name: str
    api_version: int = API_VERSION
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BackendContext:
    """What a backend is given when the daemon makes it.

    ``instance`` identifies the daemon's state and is kept with every allocation. ``state_dir`` is a
    folder of the backend's own, already there.
    """

    instance: str
    state_dir: Path


@dataclass(frozen=True, slots=True)
class Span:
    """The addresses from ``first`` to ``last``, both included."""

    first: IPAddress
    last: IPAddress

    def __contains__(self, address: IPAddress) -> bool:
        """Say whether an address lies in the span; one of the other family does not."""
        same = address.version == self.first.version
        return same and int(self.first) <= int(address) <= int(self.last)

    def __str__(self) -> str:
        """Write it as people do: an address alone, a subnet where it is one, or first-last."""
        if self.first == self.last:
            return str(self.first)
        parts = list(islice(summarize_address_range(self.first, self.last), 2))
        return str(parts[0]) if len(parts) == 1 else f"{self.first}-{self.last}"


def usable(cidr: IPNetwork) -> Span:
    """Return the addresses of a subnet that can ever be handed out, whatever its rules."""
    first, last = 0, cidr.num_addresses - 1
    if cidr.version == 4:  # noqa: PLR2004 - the IP version
        kept = cidr.prefixlen <= _IPV4_WITH_BROADCAST
        first, last = first + kept, last - kept
    elif cidr.prefixlen <= _IPV6_WITH_ANYCAST:
        first += 1
    return Span(cidr.network_address + first, cidr.network_address + last)


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet, and the rules by which its addresses are handed out.

    ``range`` bounds those that are chosen; one that is asked for by name may lie outside. Those in
    ``reserved`` are never handed out. ``cooldown`` is how long a released address rests, and
    ``retention`` how long a sticky key leads back to its address, both in seconds.
    """

    cidr: IPNetwork
    range: Span | None = None
    reserved: tuple[Span, ...] = ()
    cooldown: float = 0.0
    retention: float = 0.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """An address and who holds it; ``owner`` may be empty. ``revision`` grows with every commit."""

    subnet: IPNetwork
    address: IPAddress
    owner: str
    instance: str
    create_time: datetime
    revision: int
    labels: Mapping[str, str] = field(default_factory=dict)
    sticky_key: str = ""


@dataclass(frozen=True, slots=True)
class AllocateRequest:
    """Asks for ``address``, or for any.

    With an ``owner`` the call is idempotent: asked again, it returns what that owner has
    (``address`` if it was named, else the one it got first). An ``address`` held by ``take_from``
    is handed over to ``owner`` in one step, without being free in between.

    A ``sticky_key`` is for those who come back under another owner. The address that was last
    released with it is handed out again, wherever the range lies: if nobody holds it, if the
    subnet's retention has not passed since, and if the key was not used again meanwhile.
    """

    subnet: Subnet
    owner: str = ""
    address: IPAddress | None = None
    take_from: str = ""
    sticky_key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Asks for an address for each of ``owners``, all or none; one that has one gets that again.

    An empty owner gets a new address each time it is named.
    """

    subnet: Subnet
    owners: Sequence[str]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """Gives ``address`` back.

    With an ``owner`` only if exactly that one holds it ("" is who allocated without an owner);
    None stands for whoever it is.
    """

    subnet: Subnet
    address: IPAddress
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class AllocationQuery:
    """Selects allocations: of one subnet, of one address in it, of one owner, or all.

    An empty ``owner`` stands for every owner, and ``owner_prefix`` for those that begin so. They
    come ordered by IP version, subnet and address, at most ``limit``, from behind ``after``.
    """

    subnet: IPNetwork | None = None
    address: IPAddress | None = None
    owner: str = ""
    after: tuple[IPNetwork, IPAddress] | None = None
    limit: int = 1000
    owner_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """An address that is to be somebody's, in a :class:`Holdings`."""

    address: IPAddress
    owner: str = ""
    sticky_key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holdings:
    """A subnet and who is to have which of its addresses."""

    subnet: Subnet
    held: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of addresses: ``capacity`` is the sum of all others.

    ``cooling`` are those that were released and may not be handed out yet, ``reserved`` those that
    the rules reserve and nobody holds.
    """

    capacity: int
    allocated: int
    reserved: int = 0
    cooling: int = 0

    @property
    def free(self) -> int:
        """Addresses that the next callers can have."""
        return self.capacity - self.allocated - self.reserved - self.cooling


@dataclass(frozen=True, slots=True)
class MapQuery:
    """Asks how full each part of a subnet is; a part has prefix length ``prefixlen``."""

    subnet: Subnet
    prefixlen: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a subnet, and how many of its addresses are held, and how many cool down."""

    cidr: IPNetwork
    allocated: int
    cooling: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in a backend's books that nobody has open; see ``mynet_ipam_audit``.

    ``findings`` are sentences on what is wrong. ``holdings`` is who holds what, of each subnet that
    is open, by whatever rules. Where the books are not ``whole``, some of it could not be read:
    what is not in the holdings may be held all the same.
    """

    findings: Sequence[str] = ()
    holdings: Sequence[Holdings] = ()
    complete: bool = True


class Backend(ABC):
    """An IPAM backend. Raises only what ``mynet.ipam.errors`` has."""

    @property
    @abstractmethod
    def info(self) -> BackendInfo:
        """What this backend is and can do; the same answer every time."""

    @abstractmethod
    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Begin to keep book of a subnet. Opening one that is open changes nothing."""

    @abstractmethod
    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        """Forget a subnet; closing one that is not open is success.

        Raises :exc:`~mynet.ipam.errors.SubnetInUse` while allocations stand.
        """

    @abstractmethod
    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        """Hand out an address, durably.

        Raises SubnetNotFound, SubnetExhausted, AddressInUse, AddressReserved, AddressOutOfRange;
        having raised, it has changed nothing. Where all that is free cools down, SubnetExhausted
        says when the first address comes free.
        """

    @abstractmethod
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        """Hand out an address for each owner, in their order, in one commit.

        Raises SubnetNotFound and SubnetExhausted; having raised, it has changed nothing.
        """

    @abstractmethod
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        """Take an address back, durably, and return the allocation as it was.

        Raises SubnetNotFound, AllocationNotFound, AddressOutOfRange, OwnerMismatch.
        """

    @abstractmethod
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        """Take back all that an owner holds, in one commit, and return it as it was.

        ``owner`` is not empty. One that holds nothing is success.
        """

    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        """Take back all that several owners hold, as :meth:`release_owner` does for each.

        A backend that can do so in one commit does: after a reboot that is every endpoint.
        """
        return [each for owner in owners for each in self.release_owner(call, owner)]

    @abstractmethod
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        """Give addresses to those who had them elsewhere, all or none, in one commit.

        Subnets that are not open are opened. What the same owner holds already stays as it is.
        Raises what :meth:`allocate` does; having raised, it has changed nothing.
        """

    @abstractmethod
    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        """List allocations; of a subnet that is not open there are none."""

    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        """Return the address that the request's sticky key leads to now, if any.

        It is asked where several subnets could give an address: the one that knows the key goes
        first. Changes nothing. Raises SubnetNotFound.
        """
        return None

    @abstractmethod
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        """Count a subnet's addresses. Raises SubnetNotFound."""

    @abstractmethod
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        """Say how full each part of a subnet is; those in which nothing is are left out.

        In the order of their addresses. Raises SubnetNotFound.
        """

    def close(self) -> None:
        """Let go of files and threads; called once, when the daemon ends."""

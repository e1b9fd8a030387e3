"""The IPAM contract: what mynet asks of an address backend, and nothing else.

A backend keeps, for each open subnet, which addresses are held and by whom. Which subnets there
are, and that they do not overlap, is the daemon's business. What it answers is durable *before* it
answers: an address that was handed out is never handed out again because a machine lost its power.

Never handed out: the network and broadcast addresses of an IPv4 subnet up to /30, and the
subnet-router anycast address of an IPv6 subnet up to /126 (RFC 4291, 2.6.1); a /31 gives two (RFC
3021), so does a /127 (RFC 6164), and a single-address subnet gives one. The address released last
is reused last, so that a neighbour's stale ARP entry finds nobody.

Verbs run on a bounded pool of threads of their backend, many at once. They may block, but no longer
than ``call.deadline``. The contract grows by fields with defaults and by declared capabilities,
never by a new method that a backend must have. :func:`mynet.ipam.testing.check_backend` is this
page as a test.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Protocol

API_VERSION = 1

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
class Allocation:
    """An address and who holds it; ``owner`` may be empty. ``revision`` grows with every commit."""

    subnet: IPNetwork
    address: IPAddress
    owner: str
    instance: str
    create_time: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class AllocateRequest:
    """Asks for ``address``, or for any.

    With an ``owner`` the call is idempotent: asked again, it returns what that owner has
    (``address`` if it was named, else the one it got first). An ``address`` held by ``take_from``
    is handed over to ``owner`` in one step, without being free in between.
    """

    subnet: IPNetwork
    owner: str = ""
    address: IPAddress | None = None
    take_from: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """Gives ``address`` back.

    With an ``owner`` only if exactly that one holds it ("" is who allocated without an owner);
    None stands for whoever it is.
    """

    subnet: IPNetwork
    address: IPAddress
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class AllocationQuery:
    """Selects allocations: of one subnet, of one address in it, of one owner, or all.

    An empty ``owner`` stands for every owner. They come ordered by IP version, subnet and address,
    at most ``limit``, from behind ``after``.
    """

    subnet: IPNetwork | None = None
    address: IPAddress | None = None
    owner: str = ""
    after: tuple[IPNetwork, IPAddress] | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of addresses. ``capacity`` = those that can ever be handed out = allocated + free."""

    capacity: int
    allocated: int

    @property
    def free(self) -> int:
        """Addresses that the next callers can have."""
        return self.capacity - self.allocated


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
        having raised, it has changed nothing.
        """

    @abstractmethod
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        """Take an address back, durably, and return the allocation as it was.

        Raises SubnetNotFound, AllocationNotFound, AddressOutOfRange, OwnerMismatch.
        """

    @abstractmethod
    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        """List allocations; of a subnet that is not open there are none."""

    @abstractmethod
    def usage(self, call: Call, subnet: IPNetwork) -> Usage:
        """Count a subnet's addresses. Raises SubnetNotFound."""

    def close(self) -> None:
        """Let go of files and threads; called once, when the daemon ends."""

"""The steps that the backend in dictionaries takes, for broken ones to take otherwise."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import ClassVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    BackendContext,
    Holding,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.bitmap.clock import BootClock, BootTime, Clock
from mynet.ipam.errors import (
    AddressInUse,
    AddressOutOfRange,
    AddressReserved,
    SubnetExhausted,
    SubnetNotFound,
)
from tests.ipam.conformance.plain_book import Book, State, reserving


class Steps:
    """What the verbs of PlainBackend are made of."""

    disk: ClassVar[dict[Path, State]] = {}  # what is left when a backend is closed
    most_resting = 65536

    def __init__(self, context: BackendContext, clock: Clock | None = None) -> None:
        self.instance = context.instance
        self.clock = clock or BootClock()
        self.guard: AbstractContextManager[object] = threading.RLock()
        self.state = self.disk.setdefault(context.state_dir, State())

    @contextmanager
    def turn(self, subnet: Subnet) -> Iterator[Book]:
        """Take the turn of a verb in a subnet."""
        with self.guard:
            book = self.book(subnet.cidr)
            self.state.revision += 1
            try:
                yield book
            finally:
                self.tidy(book, subnet)

    def book(self, cidr: IPNetwork) -> Book:
        if cidr not in self.state.books:
            raise SubnetNotFound(f"{cidr} is not open", resource=f"subnet {cidr}")
        return self.state.books[cidr]

    # Choosing.

    def first_of(self, book: Book, owner: str) -> Allocation | None:
        mine = [each for each in book.held.values() if owner and each.owner == owner]
        return min(mine, key=lambda each: (each.revision, int(each.address)), default=None)

    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        """Return what the sticky key leads to, if it is to be had."""
        if request.sticky_key not in book.remembered:
            return None
        address, since = book.remembered[request.sticky_key]
        late = self.passed(since) >= request.subnet.retention
        if late or address in book.held or reserving(request.subnet, address):
            return None
        return address

    def next_free(self, book: Book, subnet: Subnet) -> IPAddress:
        return self.choose(book, subnet, 1)[0]

    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        unused = list(islice(self.unused(book, subnet), count))
        rested = self.rested(book, subnet, count - len(unused))
        if unused:
            book.cursor = int(unused[-1]) + 1
        return [*unused, *rested]

    def unused(self, book: Book, subnet: Subnet) -> Iterator[IPAddress]:
        low, high = self.chosen_from(book, subnet)
        start = max(book.cursor, low)
        for first, last in ((start, high), (low, min(start - 1, high))):
            number = first
            while number <= last:
                address = book.address(number)
                if span := reserving(subnet, address):
                    number = int(span.last)
                elif address not in book.held and address not in book.resting:
                    yield address
                number += 1

    def rested(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        if not count:
            return []
        waiting = self.waiting(book, subnet)
        if len(waiting) < count:
            raise self.exhausted(subnet, 0.0)
        last = book.resting[waiting[count - 1]]
        if self.cools(subnet, last):
            raise self.exhausted(subnet, subnet.cooldown - self.passed(last))
        return waiting[:count]

    def waiting(self, book: Book, subnet: Subnet) -> Sequence[IPAddress]:
        """Return those that rest and may be chosen, the longest released first."""
        low, high = self.chosen_from(book, subnet)
        inside = [address for address in book.resting if low <= int(address) <= high]
        return [address for address in inside if not reserving(subnet, address)]

    def chosen_from(self, book: Book, subnet: Subnet) -> tuple[int, int]:
        if subnet.range is None:
            return book.first, book.last
        return max(book.first, int(subnet.range.first)), min(book.last, int(subnet.range.last))

    def exhausted(self, subnet: Subnet, seconds: float) -> SubnetExhausted:
        resource = f"subnet {subnet.cidr}"
        return SubnetExhausted("nothing is free", resource=resource, retry_after=seconds)

    # Giving.

    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        self.require_inside(book, address)
        self.require_usable(book, address)
        held = book.held.get(address)
        if held and request.owner and held.owner == request.owner:
            return held
        if held and not self.may_take(held, request):
            raise self.in_use(held)
        if not held:
            self.require_unreserved(request.subnet, address)
        return self.give(book, self.holding(request, address))

    def load_one(self, book: Book, subnet: Subnet, holding: Holding) -> None:
        self.require_inside(book, holding.address)
        self.require_usable(book, holding.address)
        held = book.held.get(holding.address)
        if held and held.owner != holding.owner:
            raise self.in_use(held)
        if not held:
            self.require_unreserved(subnet, holding.address)
            self.give(book, holding)

    def require_inside(self, book: Book, address: IPAddress) -> None:
        if address not in book.subnet:
            raise AddressOutOfRange(f"{address} is outside", resource=f"address {address}")

    def require_usable(self, book: Book, address: IPAddress) -> None:
        if not book.first <= int(address) <= book.last:
            raise AddressReserved(f"{address} is nobody's", resource=f"address {address}")

    def require_unreserved(self, subnet: Subnet, address: IPAddress) -> None:
        if reserving(subnet, address):
            raise AddressReserved(f"{address} is reserved", resource=f"address {address}")

    def may_take(self, held: Allocation, request: AllocateRequest) -> bool:
        return request.take_from != "" and held.owner == request.take_from

    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse(
            f"{held.address} is held", resource=f"address {held.address}", holder=held.owner
        )

    def holding(self, request: AllocateRequest, address: IPAddress) -> Holding:
        return Holding(address, request.owner, request.sticky_key, request.labels)

    def give(self, book: Book, holding: Holding) -> Allocation:
        book.resting.pop(holding.address, None)
        book.remembered.pop(holding.sticky_key, None)
        book.held[holding.address] = self.allocation(book, holding)
        return book.held[holding.address]

    def allocation(self, book: Book, holding: Holding) -> Allocation:
        return Allocation(
            book.subnet,
            holding.address,
            holding.owner,
            self.instance,
            create_time=datetime.now(UTC),
            revision=self.state.revision,
            labels=holding.labels,
            sticky_key=holding.sticky_key,
        )

    # Taking back.

    def may_release(self, held: Allocation, request: ReleaseRequest) -> bool:
        return request.owner in (None, held.owner)

    def rest(self, book: Book, held: Allocation) -> None:
        del book.held[held.address]
        book.resting[held.address] = self.clock.now()
        if held.sticky_key:
            self.remember(book, held)

    def remember(self, book: Book, held: Allocation) -> None:
        book.remembered[held.sticky_key] = held.address, self.clock.now()

    def tidy(self, book: Book, subnet: Subnet) -> None:
        """Forget the keys whose time is over, and what rested longest of too much that rests."""
        for key, (_, since) in list(book.remembered.items()):
            if self.passed(since) >= subnet.retention:
                del book.remembered[key]
        while len(book.resting) > self.most_resting:
            longest = next(iter(book.resting))
            if self.cools(subnet, book.resting[longest]):
                break
            del book.resting[longest]

    def cools(self, subnet: Subnet, since: BootTime) -> bool:
        return self.passed(since) < subnet.cooldown

    def passed(self, since: BootTime) -> float:
        """Return the seconds since a moment, or since the boot where that was in an earlier one."""
        now = self.clock.now()
        then = since.nanoseconds if since.boot == now.boot else 0
        return (now.nanoseconds - then) / 1e9

    # Listing.

    def place(self, each: Allocation) -> tuple[object, ...]:
        return (each.subnet.version, each.subnet.network_address, each.address)

    def selects(self, query: AllocationQuery, each: Allocation) -> bool:
        return (
            query.subnet in (None, each.subnet)
            and query.address in (None, each.address)
            and query.owner in ("", each.owner)
            and each.owner.startswith(query.owner_prefix)
            and self.is_behind(query.after, each)
        )

    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, each: Allocation) -> bool:
        if after is None:
            return True
        subnet, address = after
        return self.place(each) > (subnet.version, subnet.network_address, address)

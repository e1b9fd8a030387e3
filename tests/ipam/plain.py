"""A backend in dictionaries: the contract in as few lines as it takes.

It is the model that the bitmap backend is compared with, so it hands out the same addresses; and
the whole that the broken backends of :mod:`tests.ipam.broken` each break in one place.
"""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    BackendInfo,
    Call,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Usage,
)
from mynet.ipam.errors import (
    AddressInUse,
    AddressOutOfRange,
    AddressReserved,
    AllocationNotFound,
    OwnerMismatch,
    SubnetExhausted,
    SubnetInUse,
    SubnetNotFound,
)


def bounds(subnet: IPNetwork) -> tuple[int, int]:
    """Return the first and the last address that is handed out, as numbers."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if last - first < 2:
        return first, last
    return first + 1, last - 1 if subnet.version == 4 else last


class Book:
    """What is known of one subnet."""

    def __init__(self, subnet: IPNetwork) -> None:
        self.subnet = subnet
        self.first, self.last = bounds(subnet)
        self.cursor = self.first
        self.held: dict[IPAddress, Allocation] = {}  # in the order that they were given
        self.resting: list[IPAddress] = []  # in the order that they were released


@dataclass
class State:
    """What is known at all."""

    books: dict[IPNetwork, Book] = field(default_factory=dict)
    revision: int = 0


class PlainBackend(Backend):
    """Keeps the contract."""

    disk: ClassVar[dict[Path, State]] = {}  # what is left when a backend is closed
    most_resting = 65536

    def __init__(self, context: BackendContext) -> None:
        self.instance = context.instance
        self.guard: AbstractContextManager[object] = threading.RLock()
        self.state = self.disk.setdefault(context.state_dir, State())

    @property
    def info(self) -> BackendInfo:
        return BackendInfo("plain")

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self.guard:
            self.state.books.setdefault(subnet, Book(subnet))

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self.guard:
            book = self.state.books.get(subnet)
            if book and book.held:
                raise SubnetInUse(f"{subnet} has allocations", resource=f"subnet {subnet}")
            self.state.books.pop(subnet, None)

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        with self.guard:
            book = self.book(request.subnet)
            if request.address is not None:
                return self.give_this(book, request, request.address)
            held = self.first_of(book, request.owner)
            return held or self.give(book, request, self.next_free(book))

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        with self.guard:
            book, address = self.book(request.subnet), request.address
            self.require_inside(book, address)
            held = book.held.get(address)
            if held is None:
                raise AllocationNotFound("nobody has it", resource=f"address {address}")
            if not self.may_release(held, request):
                raise OwnerMismatch(
                    "another has it", resource=f"address {address}", holder=held.owner
                )
            del book.held[address]
            self.rest(book, address)
            return held

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        with self.guard:
            held = [each for book in self.state.books.values() for each in book.held.values()]
        found = [each for each in sorted(held, key=self.place) if self.selects(query, each)]
        return found[: query.limit]

    def usage(self, call: Call, subnet: IPNetwork) -> Usage:
        with self.guard:
            book = self.book(subnet)
            return Usage(book.last - book.first + 1, len(book.held))

    # The steps, for others to break.

    def book(self, subnet: IPNetwork) -> Book:
        if subnet not in self.state.books:
            raise SubnetNotFound(f"{subnet} is not open", resource=f"subnet {subnet}")
        return self.state.books[subnet]

    def first_of(self, book: Book, owner: str) -> Allocation | None:
        mine = (each for each in book.held.values() if owner and each.owner == owner)
        return next(mine, None)

    def next_free(self, book: Book) -> IPAddress:
        for start in (book.cursor, book.first):
            for number in range(start, book.last + 1):
                address = type(book.subnet[0])(number)
                if address not in book.held and address not in book.resting:
                    book.cursor = number + 1
                    return address
        return self.exhausted(book)

    def exhausted(self, book: Book) -> IPAddress:
        if not book.resting:
            raise SubnetExhausted("nothing is free", resource=f"subnet {book.subnet}")
        return book.resting[0]

    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        self.require_inside(book, address)
        if not book.first <= int(address) <= book.last:
            raise AddressReserved(f"{address} is reserved", resource=f"address {address}")
        held = book.held.get(address)
        if held and request.owner and held.owner == request.owner:
            return held
        if held and not self.may_take(held, request):
            raise self.in_use(held)
        return self.give(book, request, address)

    def require_inside(self, book: Book, address: IPAddress) -> None:
        if address not in book.subnet:
            raise AddressOutOfRange(f"{address} is outside", resource=f"address {address}")

    def may_take(self, held: Allocation, request: AllocateRequest) -> bool:
        return request.take_from != "" and held.owner == request.take_from

    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse("it is held", resource=f"address {held.address}", holder=held.owner)

    def give(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        self.wake(book, address)
        self.state.revision += 1
        book.held.pop(address, None)
        book.held[address] = self.allocation(request, address)
        return book.held[address]

    def allocation(self, request: AllocateRequest, address: IPAddress) -> Allocation:
        return Allocation(
            *(request.subnet, address, request.owner, self.instance),
            create_time=datetime.now(UTC),
            revision=self.state.revision,
        )

    def may_release(self, held: Allocation, request: ReleaseRequest) -> bool:
        return request.owner in (None, held.owner)

    def rest(self, book: Book, address: IPAddress) -> None:
        book.resting.append(address)
        if len(book.resting) > self.most_resting:
            del book.resting[0]

    def wake(self, book: Book, address: IPAddress) -> None:
        if address in book.resting:
            book.resting.remove(address)

    def place(self, each: Allocation) -> tuple[object, ...]:
        return (each.subnet.version, each.subnet.network_address, each.address)

    def selects(self, query: AllocationQuery, each: Allocation) -> bool:
        return (
            query.subnet in (None, each.subnet)
            and query.address in (None, each.address)
            and query.owner in ("", each.owner)
            and self.is_behind(query.after, each)
        )

    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, each: Allocation) -> bool:
        if after is None:
            return True
        subnet, address = after
        return self.place(each) > (subnet.version, subnet.network_address, address)

"""Backends that keep the contract but for one thing, in what they give and to whom.

Each stands in the table below with the claim that must find it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    BackendInfo,
    Call,
    Holding,
    IPAddress,
    IPNetwork,
    Subnet,
)
from mynet.ipam.errors import (
    AddressInUse,
    AddressReserved,
    AllocationNotFound,
    SubnetExhausted,
    SubnetInUse,
)
from tests.ipam.conformance.plain import PlainBackend
from tests.ipam.conformance.plain_book import Book


class ChangesItsInfo(PlainBackend):
    @property
    def info(self) -> BackendInfo:
        return BackendInfo(f"plain {time.monotonic_ns()}")


class BeginsAnewWhenOpened(PlainBackend):
    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        self.state.books[subnet] = Book(subnet)


class OpensWhatItIsAskedFor(PlainBackend):
    def book(self, subnet: IPNetwork) -> Book:
        return self.state.books.setdefault(subnet, Book(subnet))


class NeverCloses(PlainBackend):
    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        if subnet in self.state.books and self.book(subnet).held:
            raise SubnetInUse("it has allocations", resource=f"subnet {subnet}")


class ClosesWhatIsInUse(PlainBackend):
    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        self.state.books.pop(subnet, None)


class HandsOutBroadcast(PlainBackend):
    def next_free(self, book: Book, subnet: Subnet) -> IPAddress:
        last = subnet.cidr[-1]
        return last if last not in book.held else super().next_free(book, subnet)


class KeepsTheLastForItself(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        if int(address) == book.last:
            raise AddressReserved(f"{address} is reserved", resource=f"address {address}")
        return super().give_this(book, request, address)


class HandsOutAnycastIfAsked(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        if address.version == 6 and address == book.subnet[0]:
            return self.give(book, self.holding(request, address))
        return super().give_this(book, request, address)


class ComparesNumbers(PlainBackend):
    def require_inside(self, book: Book, address: IPAddress) -> None:
        if not int(book.subnet[0]) <= int(address) <= int(book.subnet[-1]):
            super().require_inside(book, address)


class ForgetsWhatWasAskedFor(PlainBackend):
    def next_free(self, book: Book, subnet: Subnet) -> IPAddress:
        if book.cursor > book.last:
            return super().next_free(book, subnet)
        book.cursor += 1
        return book.address(book.cursor - 1)


class TellsTimeWithoutAZone(PlainBackend):
    def allocation(self, book: Book, holding: Holding) -> Allocation:
        now = datetime.now()  # noqa: DTZ005 - that is what is wrong with it
        return replace(super().allocation(book, holding), create_time=now)


class DropsLabels(PlainBackend):
    def allocation(self, book: Book, holding: Holding) -> Allocation:
        return replace(super().allocation(book, holding), labels={})


class IgnoresOwners(PlainBackend):
    def first_of(self, book: Book, owner: str) -> Allocation | None:
        return None


class ReturnsAnOwnersNewest(PlainBackend):
    def first_of(self, book: Book, owner: str) -> Allocation | None:
        mine = [each for each in book.held.values() if owner and each.owner == owner]
        return mine[-1] if mine else None


class TakesNobodyForSomebody(PlainBackend):
    def first_of(self, book: Book, owner: str) -> Allocation | None:
        return next((each for each in book.held.values() if each.owner == owner), None)


class FoldsOwners(PlainBackend):
    def first_of(self, book: Book, owner: str) -> Allocation | None:
        mine = (each for each in book.held.values() if owner)
        return next((each for each in mine if each.owner.lower() == owner.lower()), None)


class SearchesEverySubnetForAnOwner(PlainBackend):
    def first_of(self, book: Book, owner: str) -> Allocation | None:
        found = (super(type(self), self).first_of(each, owner) for each in self.books())
        return next((each for each in found if each), None)

    def books(self) -> Sequence[Book]:
        return list(self.state.books.values())


class LooksForAFreeOneFirst(PlainBackend):
    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        book = self.book(request.subnet.cidr)
        if request.address is None:
            cursor = book.cursor
            self.next_free(book, request.subnet)
            book.cursor = cursor
        return super().allocate(call, request)


class KeepsTheHolderSecret(PlainBackend):
    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse("it is held", resource=f"address {held.address}")


class HandsNothingOver(PlainBackend):
    def may_take(self, held: Allocation, request: AllocateRequest) -> bool:
        return False


class HandsOverOnce(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        held = book.held.get(address)
        if held and request.take_from and held.owner != request.take_from:
            raise self.in_use(held)
        return super().give_this(book, request, address)


class NeedsAFreeOneToHandOver(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        if request.take_from and len(book.held) > book.last - book.first:
            raise SubnetExhausted("nothing is free", resource=f"subnet {book.subnet}")
        return super().give_this(book, request, address)


class TakesFromNobody(PlainBackend):
    def may_take(self, held: Allocation, request: AllocateRequest) -> bool:
        return held.owner == request.take_from


class WantsAHolderToTakeFrom(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        if request.take_from and address not in book.held:
            raise AllocationNotFound("nobody has it", resource=f"address {address}")
        return super().give_this(book, request, address)


class HandsOverInPlace(PlainBackend):
    def give(self, book: Book, holding: Holding) -> Allocation:
        before = book.held.get(holding.address)
        made = super().give(book, holding)
        if before:
            made = book.held[made.address] = replace(made, revision=before.revision)
        return made


BROKEN: dict[str, type[PlainBackend]] = {
    "info_is_the_same_every_time": ChangesItsInfo,
    "opening_an_open_subnet_changes_nothing": BeginsAnewWhenOpened,
    "a_subnet_that_is_not_open_is_not_found": OpensWhatItIsAskedFor,
    "a_closed_subnet_is_forgotten": NeverCloses,
    "a_subnet_in_use_stays_open": ClosesWhatIsInUse,
    "a_subnet_gives_all_it_has_and_is_then_exhausted": HandsOutBroadcast,
    "a_subnet_of_any_size_gives_its_first_and_last_address": KeepsTheLastForItself,
    "a_reserved_address_is_never_handed_out": HandsOutAnycastIfAsked,
    "an_address_of_another_subnet_is_out_of_range": ComparesNumbers,
    "an_address_that_was_asked_for_is_not_handed_out_again": ForgetsWhatWasAskedFor,
    "an_allocation_says_whose_it_is_and_since_when": TellsTimeWithoutAZone,
    "labels_are_kept_with_an_allocation": DropsLabels,
    "an_owner_that_asks_again_gets_the_same": IgnoresOwners,
    "an_owner_of_several_gets_the_first_again": ReturnsAnOwnersNewest,
    "without_an_owner_each_call_takes_another": TakesNobodyForSomebody,
    "owners_are_told_apart_to_the_letter": FoldsOwners,
    "an_owner_has_one_of_each_subnet": SearchesEverySubnetForAnOwner,
    "an_owner_gets_its_own_of_an_exhausted_subnet": LooksForAFreeOneFirst,
    "an_address_that_is_held_is_refused_with_its_holder": KeepsTheHolderSecret,
    "an_address_is_handed_over": HandsNothingOver,
    "handing_over_twice_is_handing_over_once": HandsOverOnce,
    "an_address_is_handed_over_in_an_exhausted_subnet": NeedsAFreeOneToHandOver,
    "only_the_holder_is_taken_from": TakesFromNobody,
    "a_free_address_needs_no_holder_to_take_it_from": WantsAHolderToTakeFrom,
    "what_is_taken_over_comes_after_what_an_owner_has": HandsOverInPlace,
}

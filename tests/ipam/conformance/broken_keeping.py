"""Backends that keep the contract but for one thing, in what they take back, list or remember.

Each stands in the table below with the claim that must find it.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import ClassVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    BackendContext,
    Call,
    Holding,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.errors import AddressReserved
from tests.ipam.conformance.plain import PlainBackend
from tests.ipam.conformance.plain_book import Book


class ReturnsReleasedAsNobodys(PlainBackend):
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        return replace(super().release(call, request), owner="")


class RefusesToReleaseReserved(PlainBackend):
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        book = self.book(request.subnet.cidr)
        if request.address in book.subnet and not book.first <= int(request.address) <= book.last:
            raise AddressReserved("it is reserved", resource=f"address {request.address}")
        return super().release(call, request)


class TakesTheEmptyOwnerForAny(PlainBackend):
    def may_release(self, held: Allocation, request: ReleaseRequest) -> bool:
        return not request.owner or held.owner == request.owner


class ReusesAtOnce(PlainBackend):
    def next_free(self, book: Book, subnet: Subnet) -> IPAddress:
        return list(book.resting)[-1] if book.resting else super().next_free(book, subnet)


class ReusesTheLowest(PlainBackend):
    def waiting(self, book: Book, subnet: Subnet) -> Sequence[IPAddress]:
        return sorted(super().waiting(book, subnet), key=int)


class ReusesBeforeItTakesNew(PlainBackend):
    def next_free(self, book: Book, subnet: Subnet) -> IPAddress:
        waiting = self.waiting(book, subnet)
        return waiting[0] if len(waiting) > 1 else super().next_free(book, subnet)


class KeepsRestingWhatWasAskedFor(PlainBackend):
    def give(self, book: Book, holding: Holding) -> Allocation:
        resting = book.resting.get(holding.address)
        made = super().give(book, holding)
        if resting:
            book.resting[holding.address] = resting
        return made


class ListsByText(PlainBackend):
    def place(self, each: Allocation) -> tuple[object, ...]:
        return (each.subnet.version, str(each.subnet), str(each.address))

    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, each: Allocation) -> bool:
        return after is None or super().place(each) > (after[0].version, after[0][0], after[1])


class IgnoresTheAddressOfAQuery(PlainBackend):
    def selects(self, query: AllocationQuery, each: Allocation) -> bool:
        return super().selects(replace(query, address=None), each)


class TakesABeginningForAPattern(PlainBackend):
    def selects(self, query: AllocationQuery, each: Allocation) -> bool:
        pattern = query.owner_prefix.replace("%", "*").replace("_", "?") + "*"
        rest = replace(query, owner_prefix="")
        return super().selects(rest, each) and fnmatchcase(each.owner, pattern)


class RepeatsTheLastOfAPage(PlainBackend):
    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, each: Allocation) -> bool:
        return super().is_behind(after, each) or (each.subnet, each.address) == after


class LooksForTheEndOfThePage(PlainBackend):
    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        if query.after is None:
            return super().allocations(call, query)
        found = super().allocations(call, replace(query, after=None, limit=1000))
        places = [(each.subnet, each.address) for each in found]
        behind = places.index(query.after) + 1 if query.after in places else 0
        return found[behind : behind + query.limit]


class NumbersEachSubnet(PlainBackend):
    def allocation(self, book: Book, holding: Holding) -> Allocation:
        revision = 1 + max((each.revision for each in book.held.values()), default=0)
        return replace(super().allocation(book, holding), revision=revision)


class ForgetsAtStart(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.state.books.clear()


class WritesOnlyAllocations(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.folder = context.state_dir
        self.state = deepcopy(self.state)

    def give(self, book: Book, holding: Holding) -> Allocation:
        made = super().give(book, holding)
        self.disk[self.folder] = deepcopy(self.state)
        return made


class ForgetsWhatRests(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        for book in self.state.books.values():
            book.resting.clear()


class CountsRevisionsFromWhatIsHeld(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        held = [each for book in self.state.books.values() for each in book.held.values()]
        self.state.revision = max((each.revision for each in held), default=0)


class LeavesFilesOpen(PlainBackend):
    left: ClassVar[list[int]] = []

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.left.append(os.open(context.state_dir, os.O_RDONLY))


class Unlocked(PlainBackend):
    """With time for others to come between looking and taking."""

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.guard = contextlib.nullcontext()

    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        found = super().recalled(book, request)
        time.sleep(0.001)
        return found

    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        cursor = book.cursor
        free = super().choose(book, subnet, count)
        cursor, book.cursor = book.cursor, cursor
        time.sleep(0.001)
        book.cursor = cursor
        return free

    def give(self, book: Book, holding: Holding) -> Allocation:
        time.sleep(0.001)
        made = super().give(book, holding)
        time.sleep(0.001)
        return made


BROKEN: dict[str, type[PlainBackend]] = {
    "a_release_returns_the_allocation_as_it_was": ReturnsReleasedAsNobodys,
    "what_nobody_holds_is_not_found": RefusesToReleaseReserved,
    "only_the_owner_named_is_released": TakesTheEmptyOwnerForAny,
    "an_owner_gets_another_after_it_released": ReusesAtOnce,
    "addresses_are_reused_in_the_order_of_their_release": ReusesTheLowest,
    "addresses_never_used_come_before_released_ones": ReusesBeforeItTakesNew,
    "a_released_address_is_had_by_whoever_asks_for_it": KeepsRestingWhatWasAskedFor,
    "allocations_come_by_version_subnet_and_address": ListsByText,
    "a_query_selects_by_all_that_it_names": IgnoresTheAddressOfAQuery,
    "owners_are_selected_by_how_they_begin": TakesABeginningForAPattern,
    "pages_joined_are_the_whole": RepeatsTheLastOfAPage,
    "a_page_begins_behind_what_was_released_meanwhile": LooksForTheEndOfThePage,
    "revisions_grow": NumbersEachSubnet,
    "allocations_outlive_the_backend": ForgetsAtStart,
    "releases_outlive_the_backend": WritesOnlyAllocations,
    "the_order_of_reuse_outlives_the_backend": ForgetsWhatRests,
    "revisions_grow_over_a_restart": CountsRevisionsFromWhatIsHeld,
    "closing_lets_go_of_descriptors_and_threads": LeavesFilesOpen,
    "the_last_addresses_go_to_one_thread_each": Unlocked,
    "an_address_goes_to_one_of_those_who_ask_for_it": Unlocked,
    "an_owner_in_many_threads_gets_one_address": Unlocked,
    "the_last_addresses_go_to_whole_batches": Unlocked,
    "a_key_leads_one_thread_back": Unlocked,
    "no_two_threads_hold_an_address": Unlocked,
}

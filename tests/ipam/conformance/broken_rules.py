"""Backends that keep the contract but for one thing, in the rules of subnets or in what they count.

Each stands in the table below with the claim that must find it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    BackendContext,
    Call,
    IPAddress,
    MapQuery,
    Part,
    Span,
    Subnet,
    Usage,
)
from mynet.ipam.errors import AddressOutOfRange, IpamError, SubnetExhausted
from tests.ipam.conformance.plain import PlainBackend
from tests.ipam.conformance.plain_book import Book, numbers_reserved


class IgnoresTheRange(PlainBackend):
    def chosen_from(self, book: Book, subnet: Subnet) -> tuple[int, int]:
        return book.first, book.last


class RefusesOutsideTheRange(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        if request.subnet.range and address not in request.subnet.range:
            raise AddressOutOfRange(f"{address} is outside", resource=f"address {address}")
        return super().give_this(book, request, address)


class ReusesOutsideTheRange(PlainBackend):
    def waiting(self, book: Book, subnet: Subnet) -> Sequence[IPAddress]:
        return super().waiting(book, replace(subnet, range=None))


class ReservesSingleAddresses(PlainBackend):
    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        single = tuple(span for span in subnet.reserved if span.first == span.last)
        return super().choose(book, replace(subnet, reserved=single), count)


class GivesReservedByName(PlainBackend):
    def require_unreserved(self, subnet: Subnet, address: IPAddress) -> None:
        """Let it be."""


class KeepsReservedFromItsOwner(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        self.require_unreserved(request.subnet, address)
        return super().give_this(book, request, address)


class NeverGivesUpReserved(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.reserved: tuple[Span, ...] = ()

    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        self.reserved += subnet.reserved
        return super().choose(book, replace(subnet, reserved=self.reserved), count)


class FallsBackOnReserved(PlainBackend):
    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        try:
            return super().choose(book, subnet, count)
        except SubnetExhausted:
            return super().choose(book, replace(subnet, reserved=()), count)


class GoesThroughReserved(PlainBackend):
    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        time.sleep(min(numbers_reserved(subnet) * 1e-6, 0.21))
        return super().choose(book, subnet, count)


class PutsSpansIntoOneQuery(PlainBackend):
    def choose(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        if len(subnet.reserved) > 1000:
            raise IpamError("Expression tree is too large (maximum depth 1000)")
        return super().choose(book, subnet, count)


class CountsCalls(PlainBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        return replace(super().usage(call, subnet), allocated=self.state.revision)


class CountsReservedThoughHeld(PlainBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        return replace(super().usage(call, subnet), reserved=numbers_reserved(subnet))


class CountsEachSpan(PlainBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        counts = [numbers_reserved(replace(subnet, reserved=(span,))) for span in subnet.reserved]
        return replace(super().usage(call, subnet), reserved=sum(counts))


class CountsOutsideTheRangeAsReserved(PlainBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        low, high = self.chosen_from(self.book(subnet.cidr), subnet)
        usage = super().usage(call, subnet)
        return replace(usage, reserved=usage.capacity - (high - low + 1))


class CountsAllThatRests(PlainBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        return replace(super().usage(call, subnet), cooling=len(self.book(subnet.cidr).resting))


class CountsInAWord(PlainBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        usage = super().usage(call, subnet)
        return replace(usage, capacity=min(usage.capacity, 2**64 - 1))


class KnowsFewSizesOfParts(PlainBackend):
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        return super().parts(call, replace(query, prefixlen=query.prefixlen // 4 * 4))


class TakesRestingForHeld(PlainBackend):
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        found = super().parts(call, query)
        return [Part(part.cidr, part.allocated + part.cooling) for part in found]


class LeavesOutTheLastParts(PlainBackend):
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        return super().parts(call, query)[:8]


class MapsOnlyWhatItSaw(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.seen = not self.state.books

    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        return super().parts(call, query) if self.seen else []


BROKEN: dict[str, type[PlainBackend]] = {
    "a_range_bounds_what_is_chosen": IgnoresTheRange,
    "an_address_outside_the_range_is_had_by_name": RefusesOutsideTheRange,
    "what_is_released_outside_the_range_is_not_chosen": ReusesOutsideTheRange,
    "what_the_rules_reserve_is_not_chosen": ReservesSingleAddresses,
    "what_the_rules_reserve_is_not_had_by_name": GivesReservedByName,
    "what_is_held_when_it_is_reserved_stays_its_owners": KeepsReservedFromItsOwner,
    "what_is_reserved_no_longer_is_handed_out": NeverGivesUpReserved,
    "a_subnet_may_reserve_all_it_has": FallsBackOnReserved,
    "large_reserved_spans_cost_nothing": GoesThroughReserved,
    "many_reserved_spans_are_no_trouble": PutsSpansIntoOneQuery,
    "usage_counts_what_is_held": CountsCalls,
    "usage_tells_held_cooling_reserved_and_free_apart": CountsReservedThoughHeld,
    "what_is_reserved_counts_once": CountsEachSpan,
    "free_is_what_the_next_callers_get": CountsOutsideTheRangeAsReserved,
    "what_has_cooled_down_counts_as_free": CountsAllThatRests,
    "a_large_subnet_is_counted_to_the_last_address": CountsInAWord,
    "a_part_says_how_many_of_its_addresses_are_held": KnowsFewSizesOfParts,
    "a_part_tells_held_and_cooling_apart": TakesRestingForHeld,
    "parts_of_any_size_add_up_to_usage": LeavesOutTheLastParts,
    "parts_outlive_the_backend": MapsOnlyWhatItSaw,
}

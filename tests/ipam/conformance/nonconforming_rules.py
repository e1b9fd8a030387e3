"""Backends that break one claim each, about rules and usage.

The table at the end has the backend of each claim.
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
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.conformance.reference_state import SubnetTable, numbers_reserved


class IgnoresTheRange(ReferenceBackend):
    def chosen_from(self, table: SubnetTable, subnet: Subnet) -> tuple[int, int]:
        return table.first, table.last


class RefusesOutsideTheRange(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        if request.subnet.range and address not in request.subnet.range:
            raise AddressOutOfRange(f"{address} is outside", resource=f"address {address}")
        return super().allocate_address(table, request, address)


class ReusesOutsideTheRange(ReferenceBackend):
    def usable_released(self, table: SubnetTable, subnet: Subnet) -> Sequence[IPAddress]:
        return super().usable_released(table, replace(subnet, range=None))


class ReservesSingleAddresses(ReferenceBackend):
    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        single = tuple(span for span in subnet.reserved if span.first == span.last)
        return super().choose(table, replace(subnet, reserved=single), count)


class GivesReservedByName(ReferenceBackend):
    def require_unreserved(self, subnet: Subnet, address: IPAddress) -> None:
        """Accept every address."""


class KeepsReservedFromItsOwner(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        self.require_unreserved(request.subnet, address)
        return super().allocate_address(table, request, address)


class NeverGivesUpReserved(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.reserved: tuple[Span, ...] = ()

    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        self.reserved += subnet.reserved
        return super().choose(table, replace(subnet, reserved=self.reserved), count)


class FallsBackOnReserved(ReferenceBackend):
    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        try:
            return super().choose(table, subnet, count)
        except SubnetExhausted:
            return super().choose(table, replace(subnet, reserved=()), count)


class GoesThroughReserved(ReferenceBackend):
    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        end = time.process_time() + min(numbers_reserved(subnet) * 1e-6, 0.06)
        while time.process_time() < end:
            pass
        return super().choose(table, subnet, count)


class PutsSpansIntoOneQuery(ReferenceBackend):
    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        if len(subnet.reserved) > 1000:
            raise IpamError("Expression tree is too large (maximum depth 1000)")
        return super().choose(table, subnet, count)


class CountsCalls(ReferenceBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        return replace(super().usage(call, subnet), allocated=self.state.revision)


class CountsReservedThoughHeld(ReferenceBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        return replace(super().usage(call, subnet), reserved=numbers_reserved(subnet))


class CountsEachSpan(ReferenceBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        counts = [numbers_reserved(replace(subnet, reserved=(span,))) for span in subnet.reserved]
        return replace(super().usage(call, subnet), reserved=sum(counts))


class CountsOutsideTheRangeAsReserved(ReferenceBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        low, high = self.chosen_from(self.table(subnet.cidr), subnet)
        usage = super().usage(call, subnet)
        return replace(usage, reserved=usage.capacity - (high - low + 1))


class CountsAllReleased(ReferenceBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        return replace(super().usage(call, subnet), cooling=len(self.table(subnet.cidr).released))


class CountsInAWord(ReferenceBackend):
    def usage(self, call: Call, subnet: Subnet) -> Usage:
        usage = super().usage(call, subnet)
        return replace(usage, capacity=min(usage.capacity, 2**64 - 1))


class KnowsFewSizesOfParts(ReferenceBackend):
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        return super().parts(call, replace(query, prefixlen=query.prefixlen // 4 * 4))


class CountsCoolingAsHeld(ReferenceBackend):
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        found = super().parts(call, query)
        return [Part(part.cidr, part.allocated + part.cooling) for part in found]


class LeavesOutTheLastParts(ReferenceBackend):
    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        return super().parts(call, query)[:8]


class ForgetsPartsAtStart(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.seen = not self.state.tables

    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        return super().parts(call, query) if self.seen else []


NONCONFORMING: dict[str, type[ReferenceBackend]] = {
    "addresses_are_chosen_from_the_range": IgnoresTheRange,
    "an_address_outside_the_range_is_allocated_by_name": RefusesOutsideTheRange,
    "a_released_address_outside_the_range_is_not_chosen": ReusesOutsideTheRange,
    "a_reserved_address_is_not_chosen": ReservesSingleAddresses,
    "a_reserved_address_is_not_allocated_by_name": GivesReservedByName,
    "an_allocated_address_that_becomes_reserved_stays_allocated": KeepsReservedFromItsOwner,
    "an_address_that_is_no_longer_reserved_is_handed_out": NeverGivesUpReserved,
    "a_subnet_whose_addresses_are_all_reserved_is_exhausted": FallsBackOnReserved,
    "large_reserved_spans_cost_no_time": GoesThroughReserved,
    "many_reserved_spans_are_supported": PutsSpansIntoOneQuery,
    "usage_counts_allocations": CountsCalls,
    "usage_counts_each_address_in_one_state": CountsReservedThoughHeld,
    "a_reserved_address_is_counted_once": CountsEachSpan,
    "free_is_the_number_of_addresses_that_can_be_allocated": CountsOutsideTheRangeAsReserved,
    "an_address_that_has_cooled_down_counts_as_free": CountsAllReleased,
    "a_large_subnet_is_counted_exactly": CountsInAWord,
    "a_part_counts_its_allocated_addresses": KnowsFewSizesOfParts,
    "a_part_counts_cooling_addresses_separately": CountsCoolingAsHeld,
    "parts_of_any_size_add_up_to_the_usage": LeavesOutTheLastParts,
    "parts_are_the_same_after_a_restart": ForgetsPartsAtStart,
}

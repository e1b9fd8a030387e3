"""Backends that break one claim each, about release, listings, restarts and threads.

The table at the end has the backend of each claim.
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
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.conformance.reference_state import SubnetTable


class ReturnsReleasedWithoutOwner(ReferenceBackend):
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        return replace(super().release(call, request), owner="")


class RefusesToReleaseReserved(ReferenceBackend):
    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        table = self.table(request.subnet.cidr)
        if (
            request.address in table.subnet
            and not table.first <= int(request.address) <= table.last
        ):
            raise AddressReserved("it is reserved", resource=f"address {request.address}")
        return super().release(call, request)


class TreatsAnEmptyOwnerAsAny(ReferenceBackend):
    def may_release(self, held: Allocation, request: ReleaseRequest) -> bool:
        return not request.owner or held.owner == request.owner


class ReusesAtOnce(ReferenceBackend):
    def next_free(self, table: SubnetTable, subnet: Subnet) -> IPAddress:
        return list(table.released)[-1] if table.released else super().next_free(table, subnet)


class ReusesTheLowest(ReferenceBackend):
    def usable_released(self, table: SubnetTable, subnet: Subnet) -> Sequence[IPAddress]:
        return sorted(super().usable_released(table, subnet), key=int)


class ReusesBeforeUnused(ReferenceBackend):
    def next_free(self, table: SubnetTable, subnet: Subnet) -> IPAddress:
        usable_released = self.usable_released(table, subnet)
        return usable_released[0] if len(usable_released) > 1 else super().next_free(table, subnet)


class KeepsAllocatedInTheQueue(ReferenceBackend):
    def insert(self, table: SubnetTable, holding: Holding) -> Allocation:
        released = table.released.get(holding.address)
        made = super().insert(table, holding)
        if released:
            table.released[holding.address] = released
        return made


class ListsByText(ReferenceBackend):
    def place(self, allocation: Allocation) -> tuple[object, ...]:
        return (allocation.subnet.version, str(allocation.subnet), str(allocation.address))

    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, allocation: Allocation) -> bool:
        return after is None or super().place(allocation) > (
            after[0].version,
            after[0][0],
            after[1],
        )


class IgnoresTheAddressOfAQuery(ReferenceBackend):
    def selects(self, query: AllocationQuery, allocation: Allocation) -> bool:
        return super().selects(replace(query, address=None), allocation)


class TreatsPrefixAsPattern(ReferenceBackend):
    def selects(self, query: AllocationQuery, allocation: Allocation) -> bool:
        pattern = query.owner_prefix.replace("%", "*").replace("_", "?") + "*"
        without_prefix = replace(query, owner_prefix="")
        return super().selects(without_prefix, allocation) and fnmatchcase(
            allocation.owner, pattern
        )


class RepeatsTheLastOfAPage(ReferenceBackend):
    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, allocation: Allocation) -> bool:
        return (
            super().is_behind(after, allocation) or (allocation.subnet, allocation.address) == after
        )


class LooksForTheEndOfThePage(ReferenceBackend):
    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        if query.after is None:
            return super().allocations(call, query)
        found = super().allocations(call, replace(query, after=None, limit=1000))
        places = [(allocation.subnet, allocation.address) for allocation in found]
        behind = places.index(query.after) + 1 if query.after in places else 0
        return found[behind : behind + query.limit]


class NumbersEachSubnet(ReferenceBackend):
    def allocation(self, table: SubnetTable, holding: Holding) -> Allocation:
        revision = 1 + max((allocation.revision for allocation in table.held.values()), default=0)
        return replace(super().allocation(table, holding), revision=revision)


class ForgetsAtStart(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.state.tables.clear()


class WritesOnlyAllocations(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.folder = context.state_dir
        self.state = deepcopy(self.state)

    def insert(self, table: SubnetTable, holding: Holding) -> Allocation:
        made = super().insert(table, holding)
        self.disk[self.folder] = deepcopy(self.state)
        return made


class ForgetsReleasedAtStart(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        for table in self.state.tables.values():
            table.released.clear()


class CountsRevisionsFromWhatIsHeld(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        held = [
            allocation for table in self.state.tables.values() for allocation in table.held.values()
        ]
        self.state.revision = max((allocation.revision for allocation in held), default=0)


class LeavesFilesOpen(ReferenceBackend):
    left: ClassVar[list[int]] = []

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.left.append(os.open(context.state_dir, os.O_RDONLY))


class Unlocked(ReferenceBackend):
    """With time for others to come between looking and taking."""

    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        self.guard = contextlib.nullcontext()

    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        found = super().recalled(table, request)
        time.sleep(0.001)
        return found

    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        cursor = table.cursor
        free = super().choose(table, subnet, count)
        cursor, table.cursor = table.cursor, cursor
        time.sleep(0.001)
        table.cursor = cursor
        return free

    def insert(self, table: SubnetTable, holding: Holding) -> Allocation:
        time.sleep(0.001)
        made = super().insert(table, holding)
        time.sleep(0.001)
        return made


NONCONFORMING: dict[str, type[ReferenceBackend]] = {
    "a_release_returns_the_allocation_as_it_was": ReturnsReleasedWithoutOwner,
    "an_address_that_is_not_allocated_is_not_found": RefusesToReleaseReserved,
    "an_address_is_released_only_from_the_named_owner": TreatsAnEmptyOwnerAsAny,
    "an_owner_gets_another_address_after_a_release": ReusesAtOnce,
    "addresses_are_reused_in_the_order_of_their_release": ReusesTheLowest,
    "unused_addresses_are_chosen_before_released_ones": ReusesBeforeUnused,
    "a_released_address_can_be_allocated_by_name": KeepsAllocatedInTheQueue,
    "allocations_are_ordered_by_version_subnet_and_address": ListsByText,
    "a_query_selects_by_all_fields_that_are_set": IgnoresTheAddressOfAQuery,
    "owners_are_selected_by_prefix": TreatsPrefixAsPattern,
    "pages_add_up_to_the_whole_listing": RepeatsTheLastOfAPage,
    "a_page_begins_behind_an_address_that_was_released": LooksForTheEndOfThePage,
    "revisions_grow_with_every_commit": NumbersEachSubnet,
    "allocations_are_the_same_after_a_restart": ForgetsAtStart,
    "releases_are_kept_after_a_restart": WritesOnlyAllocations,
    "the_order_of_reuse_is_kept_after_a_restart": ForgetsReleasedAtStart,
    "revisions_grow_after_a_restart": CountsRevisionsFromWhatIsHeld,
    "closing_releases_descriptors_and_threads": LeavesFilesOpen,
    "the_last_addresses_go_to_one_thread_each": Unlocked,
    "an_address_goes_to_one_of_the_threads_that_ask_for_it": Unlocked,
    "an_owner_in_many_threads_gets_one_address": Unlocked,
    "the_last_addresses_go_to_whole_batches": Unlocked,
    "a_sticky_key_leads_one_thread_to_its_address": Unlocked,
    "no_two_threads_have_the_same_address": Unlocked,
}

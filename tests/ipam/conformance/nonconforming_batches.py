"""Backends that break one claim each, about batches, loads and the release of owners.

The table at the end has the backend of each claim.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    BatchRequest,
    Call,
    Holding,
    Holdings,
    IPAddress,
    Subnet,
)
from mynet.ipam.errors import AddressOutOfRange, AllocationNotFound, SubnetExhausted
from tests.ipam.conformance.nonconforming_durability import WritesOnlyAllocations
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.conformance.reference_state import SubnetTable


class SortsABatch(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        made = super().allocate_batch(call, request)
        return sorted(made, key=lambda allocation: allocation.owner)


class AllocatesWhatIsLeft(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        return [
            self.allocate(call, AllocateRequest(request.subnet, owner, labels=request.labels))
            for owner in request.owners
        ]


class AllocatesNewInABatch(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        with self.transaction(request.subnet) as table:
            addresses = self.choose(table, request.subnet, len(request.owners))
            return [
                self.insert(table, Holding(address, owner, labels=request.labels))
                for address, owner in zip(addresses, request.owners, strict=True)
            ]


class GivesNobodyOne(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        once = list(dict.fromkeys(request.owners))
        made = super().allocate_batch(call, replace(request, owners=once))
        return [made[once.index(owner)] for owner in request.owners]


class RefusesAnEmptyBatch(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        if not self.usage(call, request.subnet).free:
            raise self.exhausted(request.subnet, 0.0)
        return super().allocate_batch(call, request)


class IgnoresRulesInABatch(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        return super().allocate_batch(call, replace(request, subnet=Subnet(request.subnet.cidr)))


class ReportsTheFirst(ReferenceBackend):
    def cooled_down(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        try:
            return super().cooled_down(table, subnet, count)
        except SubnetExhausted:
            first = next(iter(table.released.values()))
            raise self.exhausted(subnet, subnet.cooldown - self.elapsed(first)) from None


class RefusesALargeBatch(ReferenceBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        if len(request.owners) > 4096:
            raise self.exhausted(request.subnet, 0.0)
        return super().allocate_batch(call, request)


class LooksInOneSubnet(ReferenceBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        held = [allocation for allocation in self.held() if allocation.owner == owner]
        mine = [allocation for allocation in held if allocation.subnet == held[0].subnet]
        for allocation in mine:
            self.enqueue(self.table(allocation.subnet), allocation)
        return mine


class TakesBackOfTheFirstAlone(ReferenceBackend):
    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        return super().release_owners(call, owners[:1])


class MissesWhatIsNotThere(ReferenceBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        released = super().release_owner(call, owner)
        if not released:
            raise AllocationNotFound(f"{owner} has nothing", resource=f"owner {owner}")
        return released


class FreesAtOnce(ReferenceBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        released = super().release_owner(call, owner)
        for allocation in released:
            del self.table(allocation.subnet).released[allocation.address]
        return released


class LoadsBareAddresses(ReferenceBackend):
    def load_one(self, table: SubnetTable, subnet: Subnet, holding: Holding) -> None:
        super().load_one(table, subnet, Holding(holding.address, holding.owner))


class LoadsWithoutOwner(ReferenceBackend):
    def load_one(self, table: SubnetTable, subnet: Subnet, holding: Holding) -> None:
        super().load_one(table, subnet, replace(holding, owner=""))


class ReplacesHeld(ReferenceBackend):
    def load_one(self, table: SubnetTable, subnet: Subnet, holding: Holding) -> None:
        super().load_one(table, subnet, holding)
        self.insert(table, holding)


class LoadsUntilItFails(ReferenceBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        for subnet_holdings in holdings:
            super().load(call, [replace(subnet_holdings, held=())])
            for holding in subnet_holdings.held:
                super().load(call, [replace(subnet_holdings, held=[holding])])


class ChecksAllBeforeItLoads(ReferenceBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        before = deepcopy(self.state.tables)
        for subnet_holdings in holdings:
            for holding in subnet_holdings.held:
                super().load(call, [replace(subnet_holdings, held=[holding])])
                self.state.tables = deepcopy(before)
        for allocation in holdings:
            self.open_subnet(call, allocation.subnet.cidr)
            for holding in allocation.held:
                self.insert(self.table(allocation.subnet.cidr), holding)


class LoadsWithinTheRange(ReferenceBackend):
    def load_one(self, table: SubnetTable, subnet: Subnet, holding: Holding) -> None:
        if subnet.range and holding.address not in subnet.range:
            raise AddressOutOfRange("it is outside", resource=f"address {holding.address}")
        super().load_one(table, subnet, holding)


class RefusesReservedThoughHeld(ReferenceBackend):
    def load_one(self, table: SubnetTable, subnet: Subnet, holding: Holding) -> None:
        self.require_unreserved(subnet, holding.address)
        super().load_one(table, subnet, holding)


class IgnoresEmptySubnets(ReferenceBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        super().load(
            call, [subnet_holdings for subnet_holdings in holdings if subnet_holdings.held]
        )


class LoadsIntoMemory(ReferenceBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        self.state = deepcopy(self.state)
        super().load(call, holdings)


NONCONFORMING: dict[str, type[ReferenceBackend]] = {
    "a_batch_allocates_an_address_for_each_owner": SortsABatch,
    "a_batch_is_allocated_whole_or_not_at_all": AllocatesWhatIsLeft,
    "a_batch_returns_what_its_owners_have": AllocatesNewInABatch,
    "each_empty_owner_of_a_batch_gets_another_address": GivesNobodyOne,
    "an_empty_batch_allocates_nothing": RefusesAnEmptyBatch,
    "a_batch_follows_the_rules": IgnoresRulesInABatch,
    "a_refused_batch_learns_when_enough_addresses_are_free": ReportsTheFirst,
    "a_large_batch_is_allocated_like_a_small_one": RefusesALargeBatch,
    "release_owner_releases_all_addresses_of_an_owner": LooksInOneSubnet,
    "release_owner_succeeds_for_an_owner_without_addresses": MissesWhatIsNotThere,
    "addresses_released_together_cool_down": FreesAtOnce,
    "release_owners_releases_all_addresses_of_each_owner": TakesBackOfTheFirstAlone,
    "addresses_released_together_stay_released_after_a_restart": WritesOnlyAllocations,
    "a_loaded_address_is_allocated": LoadsBareAddresses,
    "a_loaded_address_behaves_like_an_allocated_one": LoadsWithoutOwner,
    "a_repeated_load_changes_nothing": ReplacesHeld,
    "a_load_with_an_error_loads_nothing": LoadsUntilItFails,
    "an_address_is_not_loaded_for_two_owners": ChecksAllBeforeItLoads,
    "a_load_ignores_range_and_cooldown": LoadsWithinTheRange,
    "an_allocated_address_that_is_reserved_may_be_loaded_again": RefusesReservedThoughHeld,
    "an_empty_load_opens_the_subnet": IgnoresEmptySubnets,
    "loaded_addresses_are_the_same_after_a_restart": LoadsIntoMemory,
}

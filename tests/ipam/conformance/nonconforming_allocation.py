"""Backends that break one claim each, about allocation, owners and transfers.

The table at the end has the backend of each claim.
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
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.conformance.reference_state import SubnetTable


class ChangesItsInfo(ReferenceBackend):
    @property
    def info(self) -> BackendInfo:
        return BackendInfo(f"plain {time.monotonic_ns()}")


class BeginsAnewWhenOpened(ReferenceBackend):
    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        self.state.tables[subnet] = SubnetTable(subnet)


class OpensUnknownSubnets(ReferenceBackend):
    def table(self, subnet: IPNetwork) -> SubnetTable:
        return self.state.tables.setdefault(subnet, SubnetTable(subnet))


class NeverCloses(ReferenceBackend):
    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        if subnet in self.state.tables and self.table(subnet).held:
            raise SubnetInUse("it has allocations", resource=f"subnet {subnet}")


class ClosesWhatIsInUse(ReferenceBackend):
    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        self.state.tables.pop(subnet, None)


class HandsOutBroadcast(ReferenceBackend):
    def next_free(self, table: SubnetTable, subnet: Subnet) -> IPAddress:
        last = subnet.cidr[-1]
        return last if last not in table.held else super().next_free(table, subnet)


class KeepsTheLastForItself(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        if int(address) == table.last:
            raise AddressReserved(f"{address} is reserved", resource=f"address {address}")
        return super().allocate_address(table, request, address)


class HandsOutAnycastIfAsked(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        if address.version == 6 and address == table.subnet[0]:
            return self.insert(table, self.holding(request, address))
        return super().allocate_address(table, request, address)


class ComparesNumbers(ReferenceBackend):
    def require_inside(self, table: SubnetTable, address: IPAddress) -> None:
        if not int(table.subnet[0]) <= int(address) <= int(table.subnet[-1]):
            super().require_inside(table, address)


class ForgetsNamedAddresses(ReferenceBackend):
    def next_free(self, table: SubnetTable, subnet: Subnet) -> IPAddress:
        if table.cursor > table.last:
            return super().next_free(table, subnet)
        table.cursor += 1
        return table.address(table.cursor - 1)


class ReturnsTimeWithoutAZone(ReferenceBackend):
    def allocation(self, table: SubnetTable, holding: Holding) -> Allocation:
        now = datetime.now()  # noqa: DTZ005 - that is what is wrong with it
        return replace(super().allocation(table, holding), create_time=now)


class DropsLabels(ReferenceBackend):
    def allocation(self, table: SubnetTable, holding: Holding) -> Allocation:
        return replace(super().allocation(table, holding), labels={})


class IgnoresOwners(ReferenceBackend):
    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        return None


class ReturnsAnOwnersNewest(ReferenceBackend):
    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        mine = [
            allocation for allocation in table.held.values() if owner and allocation.owner == owner
        ]
        return mine[-1] if mine else None


class TreatsAnEmptyOwnerAsAnOwner(ReferenceBackend):
    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        return next(
            (allocation for allocation in table.held.values() if allocation.owner == owner), None
        )


class FoldsOwners(ReferenceBackend):
    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        mine = (allocation for allocation in table.held.values() if owner)
        return next(
            (allocation for allocation in mine if allocation.owner.lower() == owner.lower()), None
        )


class SearchesEverySubnetForAnOwner(ReferenceBackend):
    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        found = (super(type(self), self).first_of(other, owner) for other in self.tables())
        return next((allocation for allocation in found if allocation), None)

    def tables(self) -> Sequence[SubnetTable]:
        return list(self.state.tables.values())


class RequiresAFreeAddressFirst(ReferenceBackend):
    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        table = self.table(request.subnet.cidr)
        if request.address is None:
            cursor = table.cursor
            self.next_free(table, request.subnet)
            table.cursor = cursor
        return super().allocate(call, request)


class HidesTheHolder(ReferenceBackend):
    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse("it is held", resource=f"address {held.address}")


class TransfersNothing(ReferenceBackend):
    def may_transfer(self, held: Allocation, request: AllocateRequest) -> bool:
        return False


class TransfersOnce(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        held = table.held.get(address)
        if held and request.take_from and held.owner != request.take_from:
            raise self.in_use(held)
        return super().allocate_address(table, request, address)


class NeedsAFreeAddressToTransfer(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        if request.take_from and len(table.held) > table.last - table.first:
            raise SubnetExhausted("nothing is free", resource=f"subnet {table.subnet}")
        return super().allocate_address(table, request, address)


class TransfersFromAnEmptyOwner(ReferenceBackend):
    def may_transfer(self, held: Allocation, request: AllocateRequest) -> bool:
        return held.owner == request.take_from


class RequiresAHolderToTransfer(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        if request.take_from and address not in table.held:
            raise AllocationNotFound("it is not allocated", resource=f"address {address}")
        return super().allocate_address(table, request, address)


class TransfersInPlace(ReferenceBackend):
    def insert(self, table: SubnetTable, holding: Holding) -> Allocation:
        before = table.held.get(holding.address)
        made = super().insert(table, holding)
        if before:
            made = table.held[made.address] = replace(made, revision=before.revision)
        return made


NONCONFORMING: dict[str, type[ReferenceBackend]] = {
    "info_is_the_same_every_time": ChangesItsInfo,
    "opening_an_open_subnet_changes_nothing": BeginsAnewWhenOpened,
    "a_subnet_that_is_not_open_is_not_found": OpensUnknownSubnets,
    "a_closed_subnet_is_forgotten": NeverCloses,
    "a_subnet_with_allocations_cannot_be_closed": ClosesWhatIsInUse,
    "a_subnet_hands_out_every_usable_address_once": HandsOutBroadcast,
    "a_subnet_of_any_size_hands_out_its_first_and_last_address": KeepsTheLastForItself,
    "network_broadcast_and_anycast_addresses_are_never_handed_out": HandsOutAnycastIfAsked,
    "an_address_of_another_subnet_is_out_of_range": ComparesNumbers,
    "an_address_that_was_asked_for_is_not_handed_out_again": ForgetsNamedAddresses,
    "an_allocation_has_its_owner_instance_and_creation_time": ReturnsTimeWithoutAZone,
    "labels_are_stored_with_an_allocation": DropsLabels,
    "an_owner_that_asks_again_gets_the_same_allocation": IgnoresOwners,
    "an_owner_of_several_addresses_gets_the_first_again": ReturnsAnOwnersNewest,
    "each_call_without_an_owner_gets_another_address": TreatsAnEmptyOwnerAsAnOwner,
    "owners_are_compared_exactly": FoldsOwners,
    "an_owner_gets_an_address_in_each_subnet": SearchesEverySubnetForAnOwner,
    "an_owner_gets_its_allocation_again_in_an_exhausted_subnet": RequiresAFreeAddressFirst,
    "an_allocated_address_is_refused_with_its_holder": HidesTheHolder,
    "an_address_is_transferred_to_another_owner": TransfersNothing,
    "a_repeated_transfer_returns_the_same_allocation": TransfersOnce,
    "an_address_is_transferred_in_an_exhausted_subnet": NeedsAFreeAddressToTransfer,
    "an_address_is_transferred_only_from_its_holder": TransfersFromAnEmptyOwner,
    "a_transfer_of_a_free_address_allocates_it": RequiresAHolderToTransfer,
    "a_transferred_address_comes_after_those_that_an_owner_has": TransfersInPlace,
}

"""Backends that break one claim each, about cooldowns and sticky keys.

The table at the end has the backend of each claim.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    BackendContext,
    Call,
    Holding,
    IPAddress,
    Subnet,
)
from mynet.ipam.bitmap.clock import BootTime
from mynet.ipam.errors import SubnetExhausted
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.conformance.reference_state import SubnetTable

FOR_EVER = 1e9  # seconds


class NeverCools(ReferenceBackend):
    def is_cooling(self, subnet: Subnet, since: BootTime) -> bool:
        return False


class CoolsLongerThanItSays(ReferenceBackend):
    def is_cooling(self, subnet: Subnet, since: BootTime) -> bool:
        return self.elapsed(since) < 3 * subnet.cooldown


class TreatsCooledDownAsUnused(ReferenceBackend):
    def unused(self, table: SubnetTable, subnet: Subnet) -> Iterator[IPAddress]:
        released = table.released
        table.released = {
            address: since for address, since in released.items() if self.is_cooling(subnet, since)
        }
        found = list(super().unused(table, subnet))
        table.released = released
        return iter(found)


class CoolsWithoutACooldown(ReferenceBackend):
    def is_cooling(self, subnet: Subnet, since: BootTime) -> bool:
        return self.elapsed(since) < max(subnet.cooldown, 1)


class ReportsTheLast(ReferenceBackend):
    def cooled_down(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        try:
            return super().cooled_down(table, subnet, count)
        except SubnetExhausted:
            last = list(table.released.values())[-1]
            raise self.exhausted(subnet, subnet.cooldown - self.elapsed(last)) from None


class PromisesASecond(ReferenceBackend):
    def exhausted(self, subnet: Subnet, seconds: float) -> SubnetExhausted:
        return super().exhausted(subnet, seconds or 1.0)


class RefusesCoolingByName(ReferenceBackend):
    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        if address in table.released and self.is_cooling(request.subnet, table.released[address]):
            raise self.exhausted(request.subnet, 1.0)
        return super().allocate_address(table, request, address)


class ForgetsCooldowns(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        for table in self.state.tables.values():
            table.released = dict.fromkeys(table.released, BootTime("another boot", 0))


class CoolsForEverAfterARestart(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        late = replace(self.clock.now(), nanoseconds=2**62)
        for table in self.state.tables.values():
            table.released = dict.fromkeys(table.released, late)


class HasOneCooldown(ReferenceBackend):
    longest = 0.0

    def is_cooling(self, subnet: Subnet, since: BootTime) -> bool:
        self.longest = max(self.longest, subnet.cooldown)
        return self.elapsed(since) < self.longest


class IgnoresKeys(ReferenceBackend):
    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        return None


class ForgetsKeysOfReleaseOwner(ReferenceBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        released = super().release_owner(call, owner)
        for allocation in released:
            self.table(allocation.subnet).remembered.pop(allocation.sticky_key, None)
        return released


class RemembersForEver(ReferenceBackend):
    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        patient = replace(request.subnet, retention=FOR_EVER)
        return super().recalled(table, replace(request, subnet=patient))

    def delete_expired(self, table: SubnetTable, subnet: Subnet) -> None:
        super().delete_expired(table, replace(subnet, retention=FOR_EVER))


class RecallsHeldAddresses(ReferenceBackend):
    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        held, table.held = table.held, {}
        found = super().recalled(table, request)
        table.held = held
        return found


class RecallsReservedAddresses(ReferenceBackend):
    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        bare = replace(request.subnet, reserved=())
        return super().recalled(table, replace(request, subnet=bare))


class ForgetsNoKeyInUse(ReferenceBackend):
    def insert(self, table: SubnetTable, holding: Holding) -> Allocation:
        remembered = dict(table.remembered)
        made = super().insert(table, holding)
        table.remembered = remembered
        return made


class KeepsKeysInTheRange(ReferenceBackend):
    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        found, bounds = super().recalled(table, request), request.subnet.range
        return None if found and bounds and found not in bounds else found


class PrefersTheKeyToTheOwner(ReferenceBackend):
    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        return None if table.remembered else super().first_of(table, owner)


class FoldsKeys(ReferenceBackend):
    def remember(self, table: SubnetTable, held: Allocation) -> None:
        super().remember(table, replace(held, sticky_key=held.sticky_key.lower()))

    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        return super().recalled(table, replace(request, sticky_key=request.sticky_key.lower()))


class AnswersRecallWithHeld(ReferenceBackend):
    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        with self.guard:
            remembered = self.table(request.subnet.cidr).remembered
            return remembered.get(request.sticky_key, (None, None))[0]


class ForgetsKeysAtStart(ReferenceBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        for table in self.state.tables.values():
            table.remembered.clear()


NONCONFORMING: dict[str, type[ReferenceBackend]] = {
    "a_cooling_address_is_not_chosen": NeverCools,
    "a_released_address_is_reused_when_its_cooldown_has_passed": CoolsLongerThanItSays,
    "addresses_that_have_cooled_down_are_chosen_last_in_order_of_release": TreatsCooledDownAsUnused,
    "without_a_cooldown_an_address_is_reused_at_once": CoolsWithoutACooldown,
    "retry_after_is_the_time_until_the_first_address_is_free": ReportsTheLast,
    "retry_after_is_zero_if_waiting_does_not_help": PromisesASecond,
    "a_cooling_address_can_be_allocated_by_name": RefusesCoolingByName,
    "a_cooldown_continues_after_a_restart": ForgetsCooldowns,
    "a_cooldown_ends_after_a_restart": CoolsForEverAfterARestart,
    "each_subnet_has_its_own_cooldown": HasOneCooldown,
    "a_sticky_key_leads_back_to_its_address": IgnoresKeys,
    "release_owner_remembers_sticky_keys": ForgetsKeysOfReleaseOwner,
    "a_sticky_key_leads_nowhere_after_the_retention": RemembersForEver,
    "a_sticky_key_does_not_take_an_allocated_address": RecallsHeldAddresses,
    "a_sticky_key_does_not_lead_to_a_reserved_address": RecallsReservedAddresses,
    "a_sticky_key_leads_to_the_last_address_that_it_had": ForgetsNoKeyInUse,
    "a_sticky_key_leads_outside_the_range": KeepsKeysInTheRange,
    "the_allocation_of_an_owner_comes_before_its_sticky_key": PrefersTheKeyToTheOwner,
    "sticky_keys_are_compared_exactly": FoldsKeys,
    "recall_returns_what_the_sticky_key_would_get": AnswersRecallWithHeld,
    "sticky_keys_are_kept_after_a_restart": ForgetsKeysAtStart,
}

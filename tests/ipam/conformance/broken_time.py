"""Backends that keep the contract but for one thing, in cooldowns and in sticky keys.

Each stands in the table below with the claim that must find it.
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
from tests.ipam.conformance.plain import PlainBackend
from tests.ipam.conformance.plain_book import Book

FOR_EVER = 1e9  # seconds


class NeverCools(PlainBackend):
    def cools(self, subnet: Subnet, since: BootTime) -> bool:
        return False


class CoolsLongerThanItSays(PlainBackend):
    def cools(self, subnet: Subnet, since: BootTime) -> bool:
        return self.passed(since) < 3 * subnet.cooldown


class TakesCooledForFresh(PlainBackend):
    def unused(self, book: Book, subnet: Subnet) -> Iterator[IPAddress]:
        resting = book.resting
        book.resting = {
            address: since for address, since in resting.items() if self.cools(subnet, since)
        }
        found = list(super().unused(book, subnet))
        book.resting = resting
        return iter(found)


class CoolsWithoutACooldown(PlainBackend):
    def cools(self, subnet: Subnet, since: BootTime) -> bool:
        return self.passed(since) < max(subnet.cooldown, 1)


class TellsTheLast(PlainBackend):
    def rested(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        try:
            return super().rested(book, subnet, count)
        except SubnetExhausted:
            last = list(book.resting.values())[-1]
            raise self.exhausted(subnet, subnet.cooldown - self.passed(last)) from None


class PromisesASecond(PlainBackend):
    def exhausted(self, subnet: Subnet, seconds: float) -> SubnetExhausted:
        return super().exhausted(subnet, seconds or 1.0)


class RefusesWhatCools(PlainBackend):
    def give_this(self, book: Book, request: AllocateRequest, address: IPAddress) -> Allocation:
        if address in book.resting and self.cools(request.subnet, book.resting[address]):
            raise self.exhausted(request.subnet, 1.0)
        return super().give_this(book, request, address)


class ForgetsCooldowns(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        for book in self.state.books.values():
            book.resting = dict.fromkeys(book.resting, BootTime("another boot", 0))


class CoolsForEverAfterARestart(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        late = replace(self.clock.now(), nanoseconds=2**62)
        for book in self.state.books.values():
            book.resting = dict.fromkeys(book.resting, late)


class HasOneCooldown(PlainBackend):
    longest = 0.0

    def cools(self, subnet: Subnet, since: BootTime) -> bool:
        self.longest = max(self.longest, subnet.cooldown)
        return self.passed(since) < self.longest


class IgnoresKeys(PlainBackend):
    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        return None


class ForgetsWhoGaveAllBack(PlainBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        released = super().release_owner(call, owner)
        for each in released:
            self.book(each.subnet).remembered.pop(each.sticky_key, None)
        return released


class RemembersForEver(PlainBackend):
    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        patient = replace(request.subnet, retention=FOR_EVER)
        return super().recalled(book, replace(request, subnet=patient))

    def tidy(self, book: Book, subnet: Subnet) -> None:
        super().tidy(book, replace(subnet, retention=FOR_EVER))


class GivesBackWhatIsHeld(PlainBackend):
    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        held, book.held = book.held, {}
        found = super().recalled(book, request)
        book.held = held
        return found


class GivesBackWhatIsReserved(PlainBackend):
    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        bare = replace(request.subnet, reserved=())
        return super().recalled(book, replace(request, subnet=bare))


class ForgetsNoKeyInUse(PlainBackend):
    def give(self, book: Book, holding: Holding) -> Allocation:
        remembered = dict(book.remembered)
        made = super().give(book, holding)
        book.remembered = remembered
        return made


class KeepsKeysInTheRange(PlainBackend):
    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        found, bounds = super().recalled(book, request), request.subnet.range
        return None if found and bounds and found not in bounds else found


class TakesTheKeyFirst(PlainBackend):
    def first_of(self, book: Book, owner: str) -> Allocation | None:
        return None if book.remembered else super().first_of(book, owner)


class FoldsKeys(PlainBackend):
    def remember(self, book: Book, held: Allocation) -> None:
        super().remember(book, replace(held, sticky_key=held.sticky_key.lower()))

    def recalled(self, book: Book, request: AllocateRequest) -> IPAddress | None:
        return super().recalled(book, replace(request, sticky_key=request.sticky_key.lower()))


class RecallsWhatIsHeld(PlainBackend):
    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        with self.guard:
            remembered = self.book(request.subnet.cidr).remembered
            return remembered.get(request.sticky_key, (None, None))[0]


class ForgetsKeysAtStart(PlainBackend):
    def __init__(self, context: BackendContext) -> None:
        super().__init__(context)
        for book in self.state.books.values():
            book.remembered.clear()


BROKEN: dict[str, type[PlainBackend]] = {
    "a_released_address_is_not_reused_before_its_time": NeverCools,
    "a_released_address_is_reused_when_its_time_has_come": CoolsLongerThanItSays,
    "what_has_cooled_down_comes_last_and_in_the_order_of_its_release": TakesCooledForFresh,
    "without_a_cooldown_an_address_is_reused_at_once": CoolsWithoutACooldown,
    "retry_after_says_when_the_first_comes_free": TellsTheLast,
    "where_waiting_is_no_help_none_is_promised": PromisesASecond,
    "a_cooling_address_is_had_by_whoever_asks_for_it": RefusesWhatCools,
    "a_cooldown_outlives_the_backend": ForgetsCooldowns,
    "a_cooldown_ends_though_the_backend_was_closed": CoolsForEverAfterARestart,
    "a_cooldown_is_the_subnets_own": HasOneCooldown,
    "whoever_comes_back_gets_its_old_address": IgnoresKeys,
    "whoever_gave_all_back_comes_back_as_well": ForgetsWhoGaveAllBack,
    "whoever_comes_back_too_late_gets_another": RemembersForEver,
    "an_address_that_another_has_is_not_given_back": GivesBackWhatIsHeld,
    "an_address_that_is_reserved_now_is_not_given_back": GivesBackWhatIsReserved,
    "the_key_leads_to_the_address_that_it_had_last": ForgetsNoKeyInUse,
    "a_key_leads_outside_the_range": KeepsKeysInTheRange,
    "what_an_owner_has_comes_before_its_key": TakesTheKeyFirst,
    "keys_are_told_apart": FoldsKeys,
    "what_is_recalled_is_what_would_be_given": RecallsWhatIsHeld,
    "keys_outlive_the_backend": ForgetsKeysAtStart,
}

"""Backends that keep the contract but for one thing, in what they do to many addresses at once.

Each stands in the table below with the claim that must find it.
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
from tests.ipam.conformance.broken_keeping import WritesOnlyAllocations
from tests.ipam.conformance.plain import PlainBackend
from tests.ipam.conformance.plain_book import Book


class SortsABatch(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        made = super().allocate_batch(call, request)
        return sorted(made, key=lambda each: each.owner)


class TakesWhatIsLeft(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        return [
            self.allocate(call, AllocateRequest(request.subnet, owner, labels=request.labels))
            for owner in request.owners
        ]


class GivesNewOnesInABatch(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        with self.turn(request.subnet) as book:
            addresses = self.choose(book, request.subnet, len(request.owners))
            return [
                self.give(book, Holding(address, owner, labels=request.labels))
                for address, owner in zip(addresses, request.owners, strict=True)
            ]


class GivesNobodyOne(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        once = list(dict.fromkeys(request.owners))
        made = super().allocate_batch(call, replace(request, owners=once))
        return [made[once.index(owner)] for owner in request.owners]


class RefusesAnEmptyBatch(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        if not self.usage(call, request.subnet).free:
            raise self.exhausted(request.subnet, 0.0)
        return super().allocate_batch(call, request)


class IgnoresRulesInABatch(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        return super().allocate_batch(call, replace(request, subnet=Subnet(request.subnet.cidr)))


class TellsTheFirst(PlainBackend):
    def rested(self, book: Book, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        try:
            return super().rested(book, subnet, count)
        except SubnetExhausted:
            first = next(iter(book.resting.values()))
            raise self.exhausted(subnet, subnet.cooldown - self.passed(first)) from None


class RefusesALargeBatch(PlainBackend):
    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        if len(request.owners) > 4096:
            raise self.exhausted(request.subnet, 0.0)
        return super().allocate_batch(call, request)


class LooksInOneSubnet(PlainBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        held = [each for each in self.held() if each.owner == owner]
        mine = [each for each in held if each.subnet == held[0].subnet]
        for each in mine:
            self.rest(self.book(each.subnet), each)
        return mine


class TakesBackOfTheFirstAlone(PlainBackend):
    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        return super().release_owners(call, owners[:1])


class MissesWhatIsNotThere(PlainBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        released = super().release_owner(call, owner)
        if not released:
            raise AllocationNotFound(f"{owner} has nothing", resource=f"owner {owner}")
        return released


class FreesAtOnce(PlainBackend):
    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        released = super().release_owner(call, owner)
        for each in released:
            del self.book(each.subnet).resting[each.address]
        return released


class LoadsBareAddresses(PlainBackend):
    def load_one(self, book: Book, subnet: Subnet, holding: Holding) -> None:
        super().load_one(book, subnet, Holding(holding.address, holding.owner))


class LoadsForNobody(PlainBackend):
    def load_one(self, book: Book, subnet: Subnet, holding: Holding) -> None:
        super().load_one(book, subnet, replace(holding, owner=""))


class ReplacesWhatIsHeld(PlainBackend):
    def load_one(self, book: Book, subnet: Subnet, holding: Holding) -> None:
        super().load_one(book, subnet, holding)
        self.give(book, holding)


class LoadsUntilItFails(PlainBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        for each in holdings:
            super().load(call, [replace(each, held=())])
            for holding in each.held:
                super().load(call, [replace(each, held=[holding])])


class ChecksAllBeforeItLoads(PlainBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        before = deepcopy(self.state.books)
        for each in holdings:
            for holding in each.held:
                super().load(call, [replace(each, held=[holding])])
                self.state.books = deepcopy(before)
        for each in holdings:
            self.open_subnet(call, each.subnet.cidr)
            for holding in each.held:
                self.give(self.book(each.subnet.cidr), holding)


class LoadsWithinTheRange(PlainBackend):
    def load_one(self, book: Book, subnet: Subnet, holding: Holding) -> None:
        if subnet.range and holding.address not in subnet.range:
            raise AddressOutOfRange("it is outside", resource=f"address {holding.address}")
        super().load_one(book, subnet, holding)


class RefusesReservedThoughHeld(PlainBackend):
    def load_one(self, book: Book, subnet: Subnet, holding: Holding) -> None:
        self.require_unreserved(subnet, holding.address)
        super().load_one(book, subnet, holding)


class IgnoresEmptySubnets(PlainBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        super().load(call, [each for each in holdings if each.held])


class LoadsIntoMemory(PlainBackend):
    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        self.state = deepcopy(self.state)
        super().load(call, holdings)


BROKEN: dict[str, type[PlainBackend]] = {
    "a_batch_gives_each_owner_an_address": SortsABatch,
    "a_batch_is_all_or_nothing": TakesWhatIsLeft,
    "a_batch_gives_owners_what_they_have": GivesNewOnesInABatch,
    "without_an_owner_each_of_a_batch_is_another": GivesNobodyOne,
    "an_empty_batch_is_nothing": RefusesAnEmptyBatch,
    "a_batch_keeps_the_rules": IgnoresRulesInABatch,
    "a_batch_waits_for_as_many_as_it_needs": TellsTheFirst,
    "a_large_batch_is_given_as_a_small_one_is": RefusesALargeBatch,
    "an_owner_gives_back_all_it_has": LooksInOneSubnet,
    "who_has_nothing_gives_nothing_back": MissesWhatIsNotThere,
    "what_is_given_back_together_cools_down": FreesAtOnce,
    "several_owners_give_back_all_they_have": TakesBackOfTheFirstAlone,
    "what_is_given_back_together_stays_so": WritesOnlyAllocations,
    "what_is_loaded_is_held": LoadsBareAddresses,
    "what_is_loaded_is_as_if_it_had_been_allocated": LoadsForNobody,
    "loading_twice_is_loading_once": ReplacesWhatIsHeld,
    "what_cannot_be_loaded_whole_is_not_loaded": LoadsUntilItFails,
    "an_address_is_not_loaded_for_two": ChecksAllBeforeItLoads,
    "the_range_does_not_bound_what_is_loaded": LoadsWithinTheRange,
    "what_is_held_and_reserved_may_be_loaded_again": RefusesReservedThoughHeld,
    "a_subnet_may_be_loaded_empty": IgnoresEmptySubnets,
    "what_was_loaded_outlives_the_backend": LoadsIntoMemory,
}

"""Claims about owners: allocation is idempotent, and an address has one owner."""

from datetime import UTC, datetime, timedelta

from mynet.ipam.errors import AddressInUse
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable


def an_allocation_has_its_owner_instance_and_creation_time(bench: Bench) -> None:
    """Require that the instance is that of the backend's context."""
    for subnet in map(bench.open, BOTH):
        before = datetime.now(UTC)
        held = bench.allocate(subnet, "a", address=subnet[7])
        after = datetime.now(UTC)
        actual = (held.subnet, held.address, held.owner, held.instance)
        expected = (subnet, subnet[7], "a", bench.context.instance)
        require_equal(actual, expected, "subnet, address, owner and instance")
        require(held.create_time.tzinfo, f"create_time {held.create_time} has no time zone")
        require(
            before - timedelta(seconds=1) <= held.create_time <= after,
            f"create_time is {held.create_time}, between {before} and {after}",
        )


def an_owner_that_asks_again_gets_the_same_allocation(bench: Bench) -> None:
    """Ask for any address and for the address that it has. No second allocation is made."""
    for subnet in map(bench.open, BOTH):
        held = bench.allocate(subnet, "a")
        bench.allocate(subnet, "b")
        require_equal(bench.allocate(subnet, "a"), held, "asked again, the answer is")
        again = bench.allocate(subnet, "a", address=held.address)
        require_equal(again, held, "asked again by address, the answer is")
        require_equal(bench.usage(subnet).allocated, 2, f"allocated of {subnet}")


def labels_are_stored_with_an_allocation(bench: Bench) -> None:
    """Require that a repeated request with other labels does not change them."""
    labels = {"app": "web", "empty": "", "ä/'%\"": "🜁\n"}
    for subnet in map(bench.open, BOTH):
        held = bench.allocate(subnet, "a", labels=labels)
        require_equal(dict(held.labels), labels, "the labels of an allocation")
        again = bench.allocate(subnet, "a", labels={"app": "other"})
        require_equal(again, held, "asked again with other labels, the answer is")
        none = bench.allocate(subnet, "b")
        require_equal(dict(none.labels), {}, "the labels of an allocation without any")
        taken = bench.allocate(subnet, "c", address=none.address, take_from="b", labels=labels)
        require_equal(dict(taken.labels), labels, "the labels of what was handed over")
    before = bench.allocations()
    bench.restart()
    require_equal(bench.allocations(), before, "after a restart the allocations are")


def an_owner_of_several_addresses_gets_the_first_again(bench: Bench) -> None:
    """Require the first by time, not by number."""
    for subnet in map(bench.open, BOTH):
        held = [bench.allocate(subnet, "a", address=subnet[number]) for number in (9, 3, 12)]
        require_equal(bench.allocate(subnet, "a"), held[0], "an owner of three gets")
        require_equal(bench.usage(subnet).allocated, 3, f"allocated of {subnet}")
        bench.release(subnet, held[0].address)
        require_equal(bench.allocate(subnet, "a"), held[1], "an owner of two left gets")


def each_call_without_an_owner_gets_another_address(bench: Bench) -> None:
    """Require that an address without an owner is refused to the next call without one."""
    for subnet in map(bench.open, BOTH):
        held = [bench.allocate(subnet) for _ in range(3)]
        addresses = {allocation.address for allocation in held}
        require_equal(len(addresses), 3, "different addresses that three calls got")
        with bench.refusing(AddressInUse, held[0].address):
            bench.allocate(subnet, address=held[0].address)


def owners_are_compared_exactly(bench: Bench) -> None:
    """Allocate for similar owners, and for owners of 255 characters."""
    names = ["a", "A", "a ", "á", "a\u0301", "a%", "a_", "'", "*", "0", "00", "x" * 255, "🜁" * 255]
    for subnet in map(bench.open, BOTH):
        held = {name: bench.allocate(subnet, name) for name in names}
        addresses = {allocation.address for allocation in held.values()}
        require_equal(len(addresses), len(names), "different addresses of different owners")
        for name, allocation in held.items():
            require_equal(bench.allocations(owner=name), [allocation], f"{name!r} has")
        bench.clear(subnet)


def an_owner_gets_an_address_in_each_subnet(bench: Bench) -> None:
    """Require that an allocation in one subnet does not answer a request for another."""
    held = [bench.allocate(bench.open(subnet), "a") for subnet in BOTH]
    again = [bench.allocate(subnet, "a") for subnet in BOTH]
    require_equal(
        [allocation.subnet for allocation in held], list(BOTH), "an owner was given addresses of"
    )
    require_equal(again, held, "asked again, the answers are")


def an_owner_gets_its_allocation_again_in_an_exhausted_subnet(bench: Bench) -> None:
    """Require that a repeated request needs no free address."""
    for subnet in map(bench.open, SMALL):
        held = [bench.allocate(subnet, f"owner {number}") for number in range(len(usable(subnet)))]
        again = [bench.allocate(subnet, allocation.owner) for allocation in held]
        require_equal(again, held, f"owners that ask again of {subnet}, exhausted, get")


def an_allocated_address_is_refused_with_its_holder(bench: Bench) -> None:
    """Ask for it under another owner and without one, also if no other address is left."""
    for subnet in map(bench.open, SMALL):
        for number, address in enumerate(usable(subnet)):
            bench.allocate(subnet, f"owner {number}", address=address)
        for number, address in enumerate(usable(subnet)):
            for owner in ("another", f"owner {number + 1}", ""):
                with bench.refusing(AddressInUse, address, holder=f"owner {number}"):
                    bench.allocate(subnet, owner, address=address)

"""Claims about addresses that are given back: by whom, and when they are had again."""

from collections.abc import Callable, Sequence

from mynet.ipam.errors import AllocationNotFound, OwnerMismatch, SubnetExhausted
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, nobodys, shuffled, usable
from mynet.ipam.testing.stating import require, require_equal


def a_release_returns_the_allocation_as_it_was(bench: Bench) -> None:
    """And the address is nobody's."""
    for subnet in BOTH:
        bench.open(subnet)
        for owner in ("a", ""):
            held = bench.allocate(subnet, owner)
            require_equal(bench.release(subnet, held.address), held, "released was")
            require_equal(bench.allocations(subnet), [], f"{subnet} has")
            require_equal(bench.usage(subnet).allocated, 0, f"allocated of {subnet}")


def what_nobody_holds_is_not_found(bench: Bench) -> None:
    """Because it never was held, is not any more, or can never be."""
    for subnet in BOTH:
        bench.open(subnet)
        held = bench.allocate(subnet, "a")
        bench.release(subnet, held.address)
        for address in (held.address, subnet[9], *nobodys(subnet)):
            for owner in (None, "", "a"):
                with bench.refusing(AllocationNotFound, address):
                    bench.release(subnet, address, owner)


def only_the_owner_named_is_released(bench: Bench) -> None:
    """Where the empty name is who allocated without one, and None whoever it is."""
    for subnet in BOTH:
        bench.open(subnet)
        for holder, others in (("a", ("b", "A", "")), ("", ("a", "b"))):
            held = bench.allocate(subnet, holder)
            for other in others:
                with bench.refusing(OwnerMismatch, held.address, holder=holder):
                    bench.release(subnet, held.address, other)
            require_equal(bench.release(subnet, held.address, holder), held, "released was")
            held = bench.allocate(subnet, holder)
            require_equal(bench.release(subnet, held.address), held, "released was")


def an_owner_gets_another_after_it_released(bench: Bench) -> None:
    """For what it released is no longer what it has."""
    for subnet in BOTH:
        bench.open(subnet)
        first = bench.allocate(subnet, "a")
        bench.release(subnet, first.address)
        second = bench.allocate(subnet, "a")
        require_equal(bench.allocations(subnet), [second], f"{subnet} has")
        require(second.address != first.address, "an address was reused at once")


def addresses_are_reused_in_the_order_of_their_release(bench: Bench) -> None:
    """So that a neighbour's ARP cache has forgotten whose it was."""
    for subnet in SMALL:
        bench.open(subnet)
        addresses = usable(subnet)
        for address in addresses:
            bench.allocate(subnet, address=address)
        for order in (shuffled(addresses, 11), shuffled(addresses, 13)):
            for address in order:
                bench.release(subnet, address)
            require_equal(bench.take(subnet, len(order)), order, "reused in order were")


def addresses_never_used_come_before_released_ones(bench: Bench) -> None:
    """As long as there is another, one that was released is left in peace."""
    for subnet in SMALL:
        bench.open(subnet)
        used = bench.take(subnet, 6)
        released = [used[number] for number in (2, 0, 5)]
        for address in released:
            bench.release(subnet, address)
        fresh = bench.take(subnet, len(usable(subnet)) - len(used))
        require_equal(set(fresh) & set(used), set(), "reused while others were fresh")
        require_equal(bench.take(subnet, 3), released, "reused in order were")


def a_released_address_is_had_by_whoever_asks_for_it(bench: Bench) -> None:
    """At once, and then it is nobody else's."""
    for subnet in SMALL:
        bench.open(subnet)
        address = bench.allocate(subnet, "a").address
        bench.release(subnet, address)
        held = bench.allocate(subnet, "b", address=address)
        require_equal(held.address, address, "asked for a released address, it gave")
        others = bench.take(subnet, len(usable(subnet)) - 1)
        require_equal({address, *others}, set(usable(subnet)), f"{subnet} handed out")
        with bench.refusing(SubnetExhausted, subnet):
            bench.allocate(subnet)


CLAIMS: Sequence[Callable[[Bench], None]] = (
    a_release_returns_the_allocation_as_it_was,
    what_nobody_holds_is_not_found,
    only_the_owner_named_is_released,
    an_owner_gets_another_after_it_released,
    addresses_are_reused_in_the_order_of_their_release,
    addresses_never_used_come_before_released_ones,
    a_released_address_is_had_by_whoever_asks_for_it,
)

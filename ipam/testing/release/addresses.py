"""Claims about the release of an address, and about its reuse."""

from mynet.ipam.errors import AllocationNotFound, OwnerMismatch, SubnetExhausted
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, never_handed_out, shuffled, usable


def a_release_returns_the_allocation_as_it_was(bench: Bench) -> None:
    """Require that the address is not allocated afterwards."""
    for subnet in map(bench.open, BOTH):
        for owner in ("a", ""):
            held = bench.allocate(subnet, owner)
            require_equal(bench.release(subnet, held.address), held, "released was")
            require_equal(bench.allocations(subnet), [], f"{subnet} has")
            require_equal(bench.usage(subnet).allocated, 0, f"allocated of {subnet}")


def an_address_that_is_not_allocated_is_not_found(bench: Bench) -> None:
    """Release an unused address, a released one, and those that are never handed out."""
    for subnet in map(bench.open, BOTH):
        held = bench.allocate(subnet, "a")
        bench.release(subnet, held.address)
        for address in (held.address, subnet[9], *never_handed_out(subnet)):
            for owner in (None, "", "a"):
                with bench.refusing(AllocationNotFound, address):
                    bench.release(subnet, address, owner)


def an_address_is_released_only_from_the_named_owner(bench: Bench) -> None:
    """Require that an empty owner stands for an allocation without one, and None for any owner."""
    for subnet in map(bench.open, BOTH):
        for holder, others in (("a", ("b", "A", "")), ("", ("a", "b"))):
            held = bench.allocate(subnet, holder)
            for other in others:
                with bench.refusing(OwnerMismatch, held.address, holder=holder):
                    bench.release(subnet, held.address, other)
            require_equal(bench.release(subnet, held.address, holder), held, "released was")
            held = bench.allocate(subnet, holder)
            require_equal(bench.release(subnet, held.address), held, "released was")


def an_owner_gets_another_address_after_a_release(bench: Bench) -> None:
    """Require that the released address is no longer its own, and is not reused at once."""
    for subnet in map(bench.open, BOTH):
        first = bench.allocate(subnet, "a")
        bench.release(subnet, first.address)
        second = bench.allocate(subnet, "a")
        require_equal(bench.allocations(subnet), [second], f"{subnet} has")
        require(second.address != first.address, "an address was reused at once")


def addresses_are_reused_in_the_order_of_their_release(bench: Bench) -> None:
    """Require this order, so that ARP caches have as much time as possible to expire."""
    for subnet in map(bench.open, SMALL):
        addresses = usable(subnet)
        for address in addresses:
            bench.allocate(subnet, address=address)
        for order in (shuffled(addresses, 11), shuffled(addresses, 13)):
            for address in order:
                bench.release(subnet, address)
            require_equal(bench.take(subnet, len(order)), order, "reused in order were")


def unused_addresses_are_chosen_before_released_ones(bench: Bench) -> None:
    """Require that a released address is reused only if no unused one is left."""
    for subnet in map(bench.open, SMALL):
        used = bench.take(subnet, 6)
        released = [used[number] for number in (2, 0, 5)]
        for address in released:
            bench.release(subnet, address)
        fresh = bench.take(subnet, len(usable(subnet)) - len(used))
        require_equal(set(fresh) & set(used), set(), "reused while others were fresh")
        require_equal(bench.take(subnet, 3), released, "reused in order were")


def a_released_address_can_be_allocated_by_name(bench: Bench) -> None:
    """Require that it is allocated at once, and to no other caller."""
    for subnet in map(bench.open, SMALL):
        address = bench.allocate(subnet, "a").address
        bench.release(subnet, address)
        held = bench.allocate(subnet, "b", address=address)
        require_equal(held.address, address, "asked for a released address, it gave")
        others = bench.take(subnet, len(usable(subnet)) - 1)
        require_equal({address, *others}, set(usable(subnet)), f"{subnet} handed out")
        with bench.refusing(SubnetExhausted, subnet):
            bench.allocate(subnet)

"""Claims about an address that goes from one owner to another without being free in between."""

from collections.abc import Callable, Sequence

from mynet.ipam.errors import AddressInUse
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable
from mynet.ipam.testing.stating import require, require_equal


def an_address_is_handed_over(bench: Bench) -> None:
    """As a new allocation; the old owner has nothing more."""
    for subnet in BOTH:
        bench.open(subnet)
        before = bench.allocate(subnet, "a")
        after = bench.allocate(subnet, "b", address=before.address, take_from="a")
        require_equal((after.address, after.owner), (before.address, "b"), "handed over was")
        require(after.revision > before.revision, "the handover has no revision of its own")
        require_equal(bench.allocations(subnet), [after], f"{subnet} has")
        require_equal(bench.usage(subnet).allocated, 1, f"allocated of {subnet}")
        other = bench.allocate(subnet, "a")
        require(other.address != before.address, "the old owner got the address again")


def handing_over_twice_is_handing_over_once(bench: Bench) -> None:
    """Whoever lost the answer asks again."""
    for subnet in BOTH:
        bench.open(subnet)
        address = bench.allocate(subnet, "a").address
        once = bench.allocate(subnet, "b", address=address, take_from="a")
        twice = bench.allocate(subnet, "b", address=address, take_from="a")
        require_equal(twice, once, "handed over again, the answer is")


def an_address_is_handed_over_in_an_exhausted_subnet(bench: Bench) -> None:
    """For that it takes no address that is free."""
    for subnet in SMALL:
        bench.open(subnet)
        for address in usable(subnet):
            bench.allocate(subnet, "a", address=address)
        for address in usable(subnet):
            bench.allocate(subnet, "b", address=address, take_from="a")
        require_equal(len(bench.allocations(owner="b")), len(usable(subnet)), "b was handed")
        bench.clear(subnet)


def only_the_holder_is_taken_from(bench: Bench) -> None:
    """Not another, and not one without a name: to name nobody is to take from nobody."""
    for subnet in BOTH:
        bench.open(subnet)
        named, unnamed = bench.allocate(subnet, "a"), bench.allocate(subnet)
        for take_from in ("", "b", "c", "A"):
            with bench.refusing(AddressInUse, named.address, holder="a"):
                bench.allocate(subnet, "c", address=named.address, take_from=take_from)
            with bench.refusing(AddressInUse, unnamed.address):
                bench.allocate(subnet, "c", address=unnamed.address, take_from=take_from)


def a_free_address_needs_no_holder_to_take_it_from(bench: Bench) -> None:
    """For the one who was to hand it over may have released it."""
    for subnet in BOTH:
        bench.open(subnet)
        given = bench.allocate(subnet, "b", address=subnet[5], take_from="a")
        require_equal((given.address, given.owner), (subnet[5], "b"), "allocated was")


def what_is_taken_over_comes_after_what_an_owner_has(bench: Bench) -> None:
    """Asked for any address, it is the one that the owner had before."""
    for subnet in BOTH:
        bench.open(subnet)
        taken = bench.allocate(subnet, "a", address=subnet[3])
        had = bench.allocate(subnet, "b", address=subnet[9])
        bench.allocate(subnet, "b", address=taken.address, take_from="a")
        require_equal(bench.allocate(subnet, "b"), had, "asked for any, the answer is")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    an_address_is_handed_over,
    handing_over_twice_is_handing_over_once,
    an_address_is_handed_over_in_an_exhausted_subnet,
    only_the_holder_is_taken_from,
    a_free_address_needs_no_holder_to_take_it_from,
    what_is_taken_over_comes_after_what_an_owner_has,
)

"""Claims about the transfer of an address, which is not free in between."""

from mynet.ipam.errors import AddressInUse
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable


def an_address_is_transferred_to_another_owner(bench: Bench) -> None:
    """Require that the transfer is a new allocation, and the former owner has none."""
    for subnet in map(bench.open, BOTH):
        before = bench.allocate(subnet, "a")
        after = bench.allocate(subnet, "b", address=before.address, take_from="a")
        require_equal((after.address, after.owner), (before.address, "b"), "handed over was")
        require(after.revision > before.revision, "the handover has no revision of its own")
        require_equal(bench.allocations(subnet), [after], f"{subnet} has")
        require_equal(bench.usage(subnet).allocated, 1, f"allocated of {subnet}")
        other = bench.allocate(subnet, "a")
        require(other.address != before.address, "the old owner got the address again")


def a_repeated_transfer_returns_the_same_allocation(bench: Bench) -> None:
    """Ask again, as a caller does that lost the answer."""
    for subnet in map(bench.open, BOTH):
        address = bench.allocate(subnet, "a").address
        once = bench.allocate(subnet, "b", address=address, take_from="a")
        twice = bench.allocate(subnet, "b", address=address, take_from="a")
        require_equal(twice, once, "handed over again, the answer is")


def an_address_is_transferred_in_an_exhausted_subnet(bench: Bench) -> None:
    """Require that a transfer needs no free address."""
    for subnet in map(bench.open, SMALL):
        for address in usable(subnet):
            bench.allocate(subnet, "a", address=address)
        for address in usable(subnet):
            bench.allocate(subnet, "b", address=address, take_from="a")
        require_equal(len(bench.allocations(owner="b")), len(usable(subnet)), "b was handed")
        bench.clear(subnet)


def an_address_is_transferred_only_from_its_holder(bench: Bench) -> None:
    """Name another owner and none, also for an address without an owner."""
    for subnet in map(bench.open, BOTH):
        named, unnamed = bench.allocate(subnet, "a"), bench.allocate(subnet)
        for take_from in ("", "b", "c", "A"):
            with bench.refusing(AddressInUse, named.address, holder="a"):
                bench.allocate(subnet, "c", address=named.address, take_from=take_from)
            with bench.refusing(AddressInUse, unnamed.address):
                bench.allocate(subnet, "c", address=unnamed.address, take_from=take_from)


def a_transfer_of_a_free_address_allocates_it(bench: Bench) -> None:
    """Require that its former owner may have released it meanwhile."""
    for subnet in map(bench.open, BOTH):
        given = bench.allocate(subnet, "b", address=subnet[5], take_from="a")
        require_equal((given.address, given.owner), (subnet[5], "b"), "allocated was")


def a_transferred_address_comes_after_those_that_an_owner_has(bench: Bench) -> None:
    """Require that a request for any address returns the one that the owner had first."""
    for subnet in map(bench.open, BOTH):
        taken = bench.allocate(subnet, "a", address=subnet[3])
        had = bench.allocate(subnet, "b", address=subnet[9])
        bench.allocate(subnet, "b", address=taken.address, take_from="a")
        require_equal(bench.allocate(subnet, "b"), had, "asked for any, the answer is")

"""Claims about the addresses of subnets of every size, from /0 to /32 and from /0 to /128."""

from mynet.ipam.errors import AddressOutOfRange, AddressReserved, SubnetExhausted
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import (
    BOTH,
    TINY,
    edges,
    every_size,
    never_handed_out,
    outside,
    usable,
)


def a_subnet_hands_out_every_usable_address_once(bench: Bench) -> None:
    """Require that network, broadcast and anycast addresses are not among them."""
    for subnet in map(bench.open, TINY):
        expected = usable(subnet)
        given = sorted(bench.allocate(subnet).address for _ in expected)
        require_equal(given, expected, f"{subnet} handed out")
        with bench.refusing(SubnetExhausted, subnet):
            bench.allocate(subnet)
        with bench.refusing(SubnetExhausted, subnet):
            bench.allocate(subnet, "late")
        require_equal(bench.usage(subnet).free, 0, f"free of {subnet}, exhausted")
        bench.clear(subnet)


def a_subnet_of_any_size_hands_out_its_first_and_last_address(bench: Bench) -> None:
    """Allocate both by name and one more by choice. Usage counts them and the whole capacity."""
    for subnet in map(bench.open, every_size()):
        wanted = dict.fromkeys(edges(subnet))
        for address in wanted:
            given = bench.allocate(subnet, f"has {address}", address=address)
            require_equal(given.address, address, f"asked for {address}, {subnet} gave")
        capacity = subnet.num_addresses - len(never_handed_out(subnet))
        more = [bench.allocate(subnet).address] if capacity > len(wanted) else []
        require(
            all(address in subnet and address not in wanted for address in more),
            f"{subnet} handed out {more}, and had handed out {list(wanted)}",
        )
        usage = bench.usage(subnet)
        require_equal(usage.capacity, capacity, f"the capacity of {subnet}")
        require_equal(usage.allocated, len(wanted) + len(more), f"allocated of {subnet}")
        bench.clear(subnet)


def network_broadcast_and_anycast_addresses_are_never_handed_out(bench: Bench) -> None:
    """Ask for them by name."""
    for subnet in map(bench.open, every_size()):
        for address in never_handed_out(subnet):
            with bench.refusing(AddressReserved, address):
                bench.allocate(subnet, "a", address=address)
        bench.close(subnet)


def an_address_of_another_subnet_is_out_of_range(bench: Bench) -> None:
    """Ask for the addresses before and behind the subnet, and for one of the other IP version."""
    for subnet in map(bench.open, every_size()):
        for address in outside(subnet):
            with bench.refusing(AddressOutOfRange, address):
                bench.allocate(subnet, "a", address=address)
            with bench.refusing(AddressOutOfRange, address):
                bench.release(subnet, address)
        bench.close(subnet)


def an_address_that_was_asked_for_is_not_handed_out_again(bench: Bench) -> None:
    """Require that a request for any address gets another."""
    for subnet in map(bench.open, BOTH):
        asked = {bench.allocate(subnet, address=subnet[number]).address for number in range(1, 9)}
        given = {bench.allocate(subnet).address for _ in asked}
        require(not asked & given, f"{subnet} handed out twice: {asked & given}")
        require_equal(len(given), len(asked), f"different addresses of {subnet}")

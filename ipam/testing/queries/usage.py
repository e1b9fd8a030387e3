"""Claims about usage: allocated, reserved, cooling and free, each address counted once."""

import time
from dataclasses import replace
from ipaddress import IPv6Network

from mynet.ipam.api import Span, Subnet, Usage
from mynet.ipam.testing.assertions import require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SHORT, SMALL, usable


def usage_counts_allocations(bench: Bench) -> None:
    """Require that repeated requests, transfers and releases are not counted."""
    for subnet in map(bench.open, SMALL):
        capacity = len(usable(subnet))
        for count, address in enumerate(usable(subnet)):
            usage = bench.usage(subnet)
            actual = (usage.capacity, usage.allocated, usage.free)
            require_equal(actual, (capacity, count, capacity - count), f"the usage of {subnet}")
            require_equal(len(bench.allocations(subnet)), count, f"the allocations of {subnet}")
            bench.allocate(subnet, f"for {address}", address=address)
            bench.allocate(subnet, f"for {address}")
            bench.allocate(subnet, "a", address=address, take_from=f"for {address}")
        for address in usable(subnet):
            before = bench.usage(subnet).allocated
            bench.release(subnet, address)
            require_equal(bench.usage(subnet).allocated, before - 1, f"allocated of {subnet}")


def usage_counts_each_address_in_one_state(bench: Bench) -> None:
    """Require that a reserved address counts as allocated, and otherwise as reserved."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        for number in range(1, 9):
            bench.allocate(subnet, f"owner {number}", address=cidr[number])
        for number in (3, 4, 7):
            bench.release(subnet, cidr[number])
        bench.release_owner("owner 8")
        capacity = len(usable(cidr))
        require_equal(bench.usage(subnet), Usage(capacity, 4, 0, 4), f"the usage of {cidr}")
        # One allocated, two cooling and one unused.
        spans = (Span(cidr[2], cidr[4]), Span(cidr[12], cidr[12]))
        reserving = replace(subnet, reserved=spans)
        require_equal(bench.usage(reserving), Usage(capacity, 4, 3, 2), "with four reserved")
        bench.release(reserving, cidr[2])
        require_equal(bench.usage(reserving), Usage(capacity, 3, 4, 2), "with its holder gone")
        bench.allocate(reserving, address=cidr[7])
        require_equal(bench.usage(reserving), Usage(capacity, 4, 4, 1), "with one taken by name")


def a_reserved_address_is_counted_once(bench: Bench) -> None:
    """Require that spans may overlap. Network, broadcast and anycast addresses are not counted."""
    for cidr in map(bench.open, BOTH):
        capacity = bench.usage(cidr).capacity
        for spans, reserved in (
            ([(5, 9), (7, 12)], 8),
            ([(5, 9), (10, 12)], 8),
            ([(7, 12), (5, 9), (6, 6), (7, 12)], 8),
            ([(5, 20), (7, 8), (30, 30)], 17),
            ([(0, 3)], 3),
            ([(0, 0)], 0),
            ([(0, -1)], capacity),
            ([(0, -1), (4, 9)], capacity),
        ):
            rules = tuple(Span(cidr[first], cidr[last]) for first, last in spans)
            usage = bench.usage(Subnet(cidr, reserved=rules))
            require_equal(usage, Usage(capacity, 0, reserved), f"the usage of {cidr}, {rules}")


def free_is_the_number_of_addresses_that_can_be_allocated(bench: Bench) -> None:
    """Require that the range bounds what is chosen, not what is free."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, reserved=(Span(cidr[2], cidr[4]),)))
        for number in (3, 5, 7, 8):
            bench.allocate(cidr, address=cidr[number])
        for number in (3, 8):
            bench.release(subnet, cidr[number])
        free = bench.usage(subnet).free
        narrow = replace(subnet, range=Span(cidr[6], cidr[7]))
        require_equal(bench.usage(narrow).free, free, "free, with a range")
        require_equal(len(bench.take_all(subnet)), free, f"taken of {cidr}")
        require_equal(bench.usage(subnet).free, 0, f"free of {cidr}, exhausted")


def an_address_that_has_cooled_down_counts_as_free(bench: Bench) -> None:
    """Require that it counts as free before it is allocated again."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, cooldown=SHORT))
        bench.release(subnet, bench.allocate(subnet).address)
        time.sleep(SHORT)
        usage = bench.usage(subnet)
        require_equal((usage.cooling, usage.free), (0, usage.capacity), "cooling and free")


def a_large_subnet_is_counted_exactly(bench: Bench) -> None:
    """Count more addresses than a machine word can."""
    cidr = IPv6Network("::/0")
    half = Span(cidr[1 << 127], cidr[-1])
    subnet = bench.open(Subnet(cidr, reserved=(half,), cooldown=LONG))
    bench.allocate(cidr, address=cidr[-1])
    bench.release(subnet, bench.allocate(subnet).address)
    expected = Usage((1 << 128) - 1, 1, (1 << 127) - 1, 1)
    require_equal(bench.usage(subnet), expected, f"the usage of {cidr}")
    require_equal(bench.usage(subnet).free, (1 << 127) - 2, f"free of {cidr}")

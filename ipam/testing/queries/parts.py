"""Claims about the parts of a subnet: their usage, and that they add up to the whole."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise

from mynet.ipam.api import IPAddress, IPNetwork, Part, Span, Subnet
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SMALL

# Larger than what a backend may store together.
_LARGE: Sequence[IPNetwork] = (
    IPv4Network("10.0.0.0/8"),
    IPv6Network("fd6d:796e:6574:6::/64"),
    IPv6Network("2000::/3"),
)


def a_part_counts_its_allocated_addresses(bench: Bench) -> None:
    """Query parts from a single address up to the whole subnet."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        require_equal(bench.parts(subnet, cidr.prefixlen), [], f"parts of {cidr}, empty,")
        for number in (1, 2, 4, 9, 12):
            bench.allocate(subnet, address=cidr[number])
        for shift, expected in (
            (0, {1: 1, 2: 1, 4: 1, 9: 1, 12: 1}),
            (1, {0: 1, 2: 1, 4: 1, 8: 1, 12: 1}),
            (2, {0: 2, 4: 1, 8: 1, 12: 1}),
            (3, {0: 3, 8: 2}),
            (4, {0: 5}),
        ):
            _require_parts(bench, subnet, shift, [(at, n, 0) for at, n in expected.items()])


def a_part_counts_cooling_addresses_separately(bench: Bench) -> None:
    """Require that they are counted as in usage."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        for number in (1, 2, 4, 5, 6, 9):
            bench.allocate(subnet, address=cidr[number])
        for number in (2, 4, 5, 9):
            bench.release(subnet, cidr[number])
        _require_parts(bench, subnet, 2, [(0, 1, 1), (4, 1, 2), (8, 0, 1)])
        _require_parts(bench, subnet, 4, [(0, 2, 4)])
        reserving = replace(subnet, reserved=(Span(cidr[5], cidr[9]),))
        _require_parts(bench, reserving, 2, [(0, 1, 1), (4, 1, 1)])
        _require_parts(bench, replace(subnet, cooldown=0), 2, [(0, 1, 0), (4, 1, 0)])


def parts_of_any_size_add_up_to_the_usage(bench: Bench) -> None:
    """Query subnets with few allocations that are far apart."""
    for cidr in (*BOTH, *_LARGE):
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        addresses = list(dict.fromkeys(_scattered(cidr)))
        for address in addresses:
            bench.allocate(subnet, address=address)
        for address in addresses[::3]:
            bench.release(subnet, address)
        usage = bench.usage(subnet)
        for prefixlen in range(cidr.prefixlen, cidr.max_prefixlen + 1, 3):
            parts = bench.parts(subnet, prefixlen)
            sums = sum(part.allocated for part in parts), sum(part.cooling for part in parts)
            what = f"held and cooling in all /{prefixlen} of {cidr}"
            require_equal(sums, (usage.allocated, usage.cooling), what)
            _require_in_order(cidr, prefixlen, parts)


def parts_are_the_same_after_a_restart(bench: Bench) -> None:
    """Compare the parts before and after."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        for address in _scattered(cidr):
            bench.allocate(subnet, f"{address}", address=address)
        bench.release(subnet, cidr[-2])
    before = [bench.parts(Subnet(cidr, cooldown=LONG), cidr.prefixlen + 3) for cidr in BOTH]
    bench.restart()
    after = [bench.parts(Subnet(cidr, cooldown=LONG), cidr.prefixlen + 3) for cidr in BOTH]
    require_equal(after, before, "after a restart the parts are")


def _scattered(cidr: IPNetwork) -> Iterator[IPAddress]:
    """Yield addresses in the corners of a subnet, and next to one another."""
    size = cidr.num_addresses
    for position in (1, size // 2 - 2, size // 2, size // 3, size - 4):
        yield from (cidr[position], cidr[position + 1], cidr[position + 2])


def _require_parts(
    bench: Bench, subnet: Subnet, shift: int, expected: Sequence[tuple[int, int, int]]
) -> None:
    """Require these parts of 2^shift addresses: first position, allocated, cooling."""
    prefixlen = subnet.cidr.max_prefixlen - shift
    parts = [
        Part(ip_network((subnet.cidr[at], prefixlen)), held, cooling)
        for at, held, cooling in expected
    ]
    require_equal(bench.parts(subnet, prefixlen), parts, f"the parts /{prefixlen} of {subnet.cidr}")


def _require_in_order(cidr: IPNetwork, prefixlen: int, parts: Sequence[Part]) -> None:
    for part in parts:
        inside = part.cidr.prefixlen == prefixlen and part.cidr[0] in cidr
        require(inside, f"{part.cidr} is not a part /{prefixlen} of {cidr}")
        require(part.allocated or part.cooling, f"part {part.cidr}, which is empty, is listed")
    require(
        all(int(one.cidr[0]) < int(other.cidr[0]) for one, other in pairwise(parts)),
        f"the parts /{prefixlen} of {cidr} are not in order",
    )

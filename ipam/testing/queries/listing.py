"""Claims about listings."""

from collections.abc import Sequence
from ipaddress import ip_network
from itertools import pairwise

from mynet.ipam.api import Allocation, IPNetwork
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, IPV4, IPV6

# In their order, which is not the order of their texts, nor across IP versions of their numbers.
_IN_ORDER: Sequence[IPNetwork] = tuple(
    ip_network(text)
    for text in (
        "9.18.9.0/24",
        "198.18.9.0/24",
        "198.18.10.0/25",
        "198.18.100.0/24",
        "::9:0/112",
        "fd6d:796e:6574:9::/64",
        "fd6d:796e:6574:10::/64",
        "fd6d:796e:6574:a0::/64",
    )
)


def allocations_are_ordered_by_version_subnet_and_address(bench: Bench) -> None:
    """Require that they are compared as numbers, whatever the order of allocation."""
    filled = _filled(bench)
    require_equal(bench.allocations(), filled, "all allocations")
    for subnet in _IN_ORDER:
        expected = [allocation for allocation in filled if allocation.subnet == subnet]
        require_equal(bench.allocations(subnet), expected, f"the allocations of {subnet}")


def a_query_selects_by_all_fields_that_are_set(bench: Bench) -> None:
    """Query by subnet, address and owner. An empty owner selects every owner."""
    for subnet in map(bench.open, BOTH):
        for number, owner in ((3, "a"), (4, "b"), (5, "")):
            bench.allocate(subnet, owner, address=subnet[number])
    everything = bench.allocations()
    for owner in ("", "a", "b", "c"):
        owned = [allocation for allocation in everything if owner in ("", allocation.owner)]
        require_equal(bench.allocations(owner=owner), owned, f"the allocations of {owner!r}")
        for subnet in BOTH:
            expected = [allocation for allocation in owned if allocation.subnet == subnet]
            actual = bench.allocations(subnet, owner=owner)
            require_equal(actual, expected, f"the allocations of {subnet} and {owner!r}")
    for subnet in BOTH:
        for number in range(2, 7):
            expected = [
                allocation for allocation in everything if allocation.address == subnet[number]
            ]
            actual = bench.allocations(subnet, address=subnet[number])
            require_equal(actual, expected, f"the allocations of {subnet[number]}")
    require_equal(len(everything), 6, "the number of allocations")
    require_equal(bench.allocations(IPV4, address=IPV4[3], owner="b"), [], "b has of a's address")
    require_equal(bench.allocations(IPV4, address=IPV6[3]), [], "the other family's, of IPv4")


def owners_are_selected_by_prefix(bench: Bench) -> None:
    """Require that a prefix is a text and not a pattern. An empty prefix selects every owner."""
    owners = ["vm:1", "vm:\U0010ffff", "vm", "vn:1", "VM:1", "v%:1", "v_:1", ""]
    bench.open(IPV4)
    held = [bench.allocate(IPV4, owner) for owner in owners]
    for prefix in ("", "v", "vm", "vm:", "vm:1", "v%", "v_", "vm:10", "w"):
        expected = [allocation for allocation in held if allocation.owner.startswith(prefix)]
        actual = bench.allocations(owner_prefix=prefix)
        require_equal(actual, expected, f"the allocations of owners that begin with {prefix!r}")


def pages_add_up_to_the_whole_listing(bench: Bench) -> None:
    """Read pages of several sizes, of all allocations, of one subnet and of one owner."""
    filled = _filled(bench)
    for limit in (1, 2, 3, len(filled), len(filled) + 1):
        require_equal(_pages(bench, limit), filled, f"all in pages of {limit}")
    for subnet in _IN_ORDER:
        expected = [allocation for allocation in filled if allocation.subnet == subnet]
        require_equal(_pages(bench, 2, subnet), expected, f"{subnet} in pages of two")
    for owner in ("odd", "even"):
        expected = [allocation for allocation in filled if allocation.owner == owner]
        require_equal(_pages(bench, 2, owner=owner), expected, f"{owner} in pages of two")


def a_page_begins_behind_an_address_that_was_released(bench: Bench) -> None:
    """Require that no allocation is left out or listed twice because another caller releases."""
    for subnet in map(bench.open, BOTH):
        held = [bench.allocate(subnet, address=subnet[number]) for number in (3, 4, 5, 6)]
        bench.release(subnet, subnet[4])
        actual = bench.allocations(subnet, after=(subnet, subnet[4]))
        require_equal(actual, held[2:], "behind an address that was released come")
        require_equal(bench.allocations(subnet, after=(subnet, subnet[6])), [], "behind the last")


def revisions_grow_with_every_commit(bench: Bench) -> None:
    """Require that they grow across subnets."""
    for subnet in BOTH:
        bench.open(subnet)
    revisions: list[int] = []
    for number in range(2, 8):
        for subnet in BOTH:
            revisions.append(bench.allocate(subnet, address=subnet[number]).revision)
            bench.release(subnet, subnet[number])
    require(
        all(before < after for before, after in pairwise(revisions)),
        f"these revisions do not grow: {revisions}",
    )


def _filled(bench: Bench) -> list[Allocation]:
    """Open the subnets and allocate in each, in no order; return the allocations in order."""
    made = {}
    for subnet in sorted(_IN_ORDER, key=str, reverse=True):
        bench.open(subnet)
        for number in (16, 9, 100, 10):
            owner = "odd" if number % 2 else "even"
            made[subnet, number] = bench.allocate(subnet, owner, address=subnet[number])
    return [made[subnet, number] for subnet in _IN_ORDER for number in (9, 10, 16, 100)]


def _pages(
    bench: Bench, limit: int, subnet: IPNetwork | None = None, *, owner: str = ""
) -> list[Allocation]:
    """Return the joined pages of a listing."""
    actual: list[Allocation] = []
    while True:
        after = (actual[-1].subnet, actual[-1].address) if actual else None
        page = bench.allocations(subnet, owner=owner, after=after, limit=limit)
        require(len(page) <= limit, f"a page of at most {limit} has {len(page)}")
        known = {(allocation.subnet, allocation.address) for allocation in actual}
        require(
            not any((allocation.subnet, allocation.address) in known for allocation in page),
            f"the page behind {after} repeats what came before",
        )
        actual += page
        if len(page) < limit:
            return actual

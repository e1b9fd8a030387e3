"""Claims about what is listed."""

from collections.abc import Callable, Sequence
from ipaddress import ip_network
from itertools import pairwise

from mynet.ipam.api import Allocation, IPNetwork
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, IPV4, IPV6
from mynet.ipam.testing.stating import require, require_equal

# In their order, which is neither that of their texts nor, over both families, of their numbers.
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


def allocations_come_by_version_subnet_and_address(bench: Bench) -> None:
    """As numbers, whatever the order they were made in."""
    filled = _filled(bench)
    require_equal(bench.allocations(), filled, "all allocations")
    for subnet in _IN_ORDER:
        expected = [each for each in filled if each.subnet == subnet]
        require_equal(bench.allocations(subnet), expected, f"the allocations of {subnet}")


def a_query_selects_by_all_that_it_names(bench: Bench) -> None:
    """Subnet, address in it, owner; an empty owner is every owner."""
    for subnet in BOTH:
        bench.open(subnet)
        for number, owner in ((3, "a"), (4, "b"), (5, "")):
            bench.allocate(subnet, owner, address=subnet[number])
    everything = bench.allocations()
    for owner in ("", "a", "b", "c"):
        owned = [each for each in everything if owner in ("", each.owner)]
        require_equal(bench.allocations(owner=owner), owned, f"the allocations of {owner!r}")
        for subnet in BOTH:
            expected = [each for each in owned if each.subnet == subnet]
            found = bench.allocations(subnet, owner=owner)
            require_equal(found, expected, f"the allocations of {subnet} and {owner!r}")
    for subnet in BOTH:
        for number in range(2, 7):
            expected = [each for each in everything if each.address == subnet[number]]
            found = bench.allocations(subnet, address=subnet[number])
            require_equal(found, expected, f"the allocations of {subnet[number]}")
    require_equal(len(everything), 6, "the number of allocations")
    require_equal(bench.allocations(IPV4, address=IPV4[3], owner="b"), [], "b has of a's address")
    require_equal(bench.allocations(IPV4, address=IPV6[3]), [], "the other family's, of IPv4")


def owners_are_selected_by_how_they_begin(bench: Bench) -> None:
    """Whatever comes behind, and as texts, not as patterns; an empty beginning is every owner."""
    owners = ["vm:1", "vm:\U0010ffff", "vm", "vn:1", "VM:1", "v%:1", "v_:1", ""]
    bench.open(IPV4)
    held = [bench.allocate(IPV4, owner) for owner in owners]
    for prefix in ("", "v", "vm", "vm:", "vm:1", "v%", "v_", "vm:10", "w"):
        expected = [each for each in held if each.owner.startswith(prefix)]
        found = bench.allocations(owner_prefix=prefix)
        require_equal(found, expected, f"the allocations of owners that begin with {prefix!r}")


def pages_joined_are_the_whole(bench: Bench) -> None:
    """Of any size, also of one owner's or one subnet's."""
    filled = _filled(bench)
    for limit in (1, 2, 3, len(filled), len(filled) + 1):
        require_equal(_pages(bench, limit), filled, f"all in pages of {limit}")
    for subnet in _IN_ORDER:
        expected = [each for each in filled if each.subnet == subnet]
        require_equal(_pages(bench, 2, subnet), expected, f"{subnet} in pages of two")
    for owner in ("odd", "even"):
        expected = [each for each in filled if each.owner == owner]
        require_equal(_pages(bench, 2, owner=owner), expected, f"{owner} in pages of two")


def a_page_begins_behind_what_was_released_meanwhile(bench: Bench) -> None:
    """Nothing is left out, nothing comes twice, because another caller releases."""
    for subnet in BOTH:
        bench.open(subnet)
        held = [bench.allocate(subnet, address=subnet[number]) for number in (3, 4, 5, 6)]
        bench.release(subnet, subnet[4])
        found = bench.allocations(subnet, after=(subnet, subnet[4]))
        require_equal(found, held[2:], "behind an address that was released come")
        require_equal(bench.allocations(subnet, after=(subnet, subnet[6])), [], "behind the last")


def revisions_grow(bench: Bench) -> None:
    """With every commit, of whichever subnet."""
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
    """Open the subnets and take addresses of each, in no order; return them in theirs."""
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
    """Join the pages of a listing."""
    found: list[Allocation] = []
    while True:
        after = (found[-1].subnet, found[-1].address) if found else None
        page = bench.allocations(subnet, owner=owner, after=after, limit=limit)
        require(len(page) <= limit, f"a page of at most {limit} has {len(page)}")
        known = {(each.subnet, each.address) for each in found}
        require(
            not any((each.subnet, each.address) in known for each in page),
            f"the page behind {after} repeats what came before",
        )
        found += page
        if len(page) < limit:
            return found


CLAIMS: Sequence[Callable[[Bench], None]] = (
    allocations_come_by_version_subnet_and_address,
    a_query_selects_by_all_that_it_names,
    owners_are_selected_by_how_they_begin,
    pages_joined_are_the_whole,
    a_page_begins_behind_what_was_released_meanwhile,
    revisions_grow,
)

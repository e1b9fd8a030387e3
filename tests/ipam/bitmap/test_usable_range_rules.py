"""The rules of a subnet as positions: the range, and the reserved intervals."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mynet.ipam.api import IPNetwork, Span, Subnet
from mynet.ipam.bitmap.bits import SparseBits
from mynet.ipam.bitmap.ranges import UsableRange
from mynet.ipam.errors import AddressReserved

IPV4 = IPv4Network("10.1.0.0/26")
IPV6 = IPv6Network("fd00:1::/122")
families = pytest.mark.parametrize("cidr", [IPV4, IPV6], ids=["IPv4", "IPv6"])

pairs = st.tuples(st.integers(0, 63), st.integers(0, 63)).map(lambda ends: (min(ends), max(ends)))


def pool_of(
    cidr: IPNetwork,
    reserved: list[tuple[int, int]],
    bounds: tuple[int, int] | None = None,
) -> UsableRange:
    spans = tuple(Span(cidr[first], cidr[last]) for first, last in reserved)
    between = Span(cidr[bounds[0]], cidr[bounds[1]]) if bounds else None
    return UsableRange.of(Subnet(cidr, between, spans))


def numbers(reserved: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in reserved for number in range(first, last + 1)}


@pytest.mark.parametrize(
    ("reserved", "merged"),
    [
        ([], []),
        ([(5, 5)], [(5, 5)]),
        ([(9, 12), (3, 4)], [(3, 4), (9, 12)]),
        ([(3, 8), (5, 12)], [(3, 12)]),
        ([(3, 8), (9, 12)], [(3, 12)]),
        ([(3, 8), (10, 12)], [(3, 8), (10, 12)]),
        ([(3, 40), (5, 6), (30, 33)], [(3, 40)]),
        ([(5, 6), (5, 6), (6, 7)], [(5, 7)]),
        ([(0, 3)], [(1, 3)]),
        ([(0, 0)], []),
        ([(60, 63)], [(60, 62)]),
        ([(0, 63)], [(1, 62)]),
    ],
)
def test_reserved_spans_are_put_in_order_and_together(
    reserved: list[tuple[int, int]], merged: list[tuple[int, int]]
) -> None:
    pool = pool_of(IPV4, reserved)
    assert list(pool.reserved) == merged
    assert pool.reserved_count == len(numbers(merged))


@pytest.mark.parametrize(
    ("bounds", "chosen"),
    [(None, (1, 62)), ((4, 9), (4, 9)), ((0, 63), (1, 62)), ((63, 63), (63, 62)), ((0, 0), (1, 0))],
)
def test_a_range_is_bounded_by_what_is_handed_out(
    bounds: tuple[int, int] | None, chosen: tuple[int, int]
) -> None:
    pool = pool_of(IPV4, [], bounds)
    assert (pool.low, pool.high) == chosen
    assert (pool.first, pool.last) == (1, 62)


@given(st.sampled_from([IPV4, IPV6]), st.lists(pairs), st.sets(st.integers(0, 63)))
def test_what_is_next_free_is_neither_set_nor_reserved(
    cidr: IPNetwork, reserved: list[tuple[int, int]], held: set[int]
) -> None:
    pool, bits = pool_of(cidr, reserved), SparseBits()
    for position in held:
        bits.set(position)
    taken = held | {number for number in numbers(reserved) if pool.first <= number <= pool.last}
    for start in range(pool.first, pool.last + 1):
        expected = min({*range(start, 65)} - taken)
        assert pool.next_free(bits, start) == expected


@given(st.sampled_from([IPV4, IPV6]), st.lists(pairs))
def test_a_reserved_position_cannot_be_allocated_by_name(
    cidr: IPNetwork, reserved: list[tuple[int, int]]
) -> None:
    pool = pool_of(cidr, reserved)
    inside = numbers(reserved)
    for position in range(pool.first, pool.last + 1):
        assert pool.is_reserved(position) == (position in inside)
        assert pool.require_usable(cidr[position]) == position
        if position in inside:
            with pytest.raises(AddressReserved, match="what the subnet reserves"):
                pool.position(cidr[position])
        else:
            assert pool.position(cidr[position]) == position


class CountingBits(SparseBits):
    """Bits that count how often they are searched."""

    searches = 0

    def next_clear(self, start: int) -> int:
        self.searches += 1
        return super().next_clear(start)


def test_a_span_is_passed_in_one_step_however_large() -> None:
    cidr = ip_network("fd00:1::/64")
    half = 1 << 63
    pool, bits = pool_of(cidr, [(0, half), (half + 2, 2 * half - 2)]), CountingBits()
    assert pool.next_free(bits, 1) == half + 1
    bits.set(half + 1)
    assert pool.next_free(bits, 1) == 2 * half - 1
    assert bits.searches <= 2 + 3
    assert pool.reserved_count == 2 * half - 3


@families
def test_rules_do_not_change_the_capacity(cidr: IPNetwork) -> None:
    plain = UsableRange.of(Subnet(cidr))
    pool = pool_of(cidr, [(3, 9)], (20, 30))
    assert (pool.first, pool.last, pool.capacity) == (plain.first, plain.last, plain.capacity)


def test_equal_rules_share_one_usable_range() -> None:
    span = Span(ip_address("10.1.0.5"), ip_address("10.1.0.9"))
    assert UsableRange.of(Subnet(IPV4, reserved=(span,))) is UsableRange.of(
        Subnet(IPV4, reserved=(span,))
    )
    assert UsableRange.of(Subnet(IPV4, reserved=(span,))) is not UsableRange.of(Subnet(IPV4))

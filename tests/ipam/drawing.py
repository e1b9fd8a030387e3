"""What hypothesis draws: subnets of all sizes, addresses in their corners, and rules for them."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from hypothesis import strategies as st

from mynet.ipam.api import Holding, IPAddress, IPNetwork, Span, Subnet

PAGE = 4096

OWNERS = st.sampled_from(["", "a", "b", "ä\0'%"])
KEYS = st.sampled_from(["", "", "k", "K", "\0"])
LABELS = st.sampled_from([{}, {"of": "a"}, {"ä": "", "'": "%"}])
SECONDS = st.sampled_from([0.0, 1.0, 10.0, 60.0])


def subnets_of(bits: int) -> st.SearchStrategy[IPNetwork]:
    """Any subnet; half of them so small that they are soon exhausted."""
    lengths = st.integers(0, bits) | st.integers(bits - 3, bits)
    numbers = st.integers(0, 2**bits - 1)
    kind = IPv4Network if bits == 32 else IPv6Network
    return st.builds(
        lambda number, length: kind((number >> bits - length << bits - length, length)),
        numbers,
        lengths,
    )


def apart(subnets: list[IPNetwork]) -> list[IPNetwork]:
    """Leave out what overlaps: the daemon sees to that."""
    kept: list[IPNetwork] = []
    for subnet in subnets:
        if not any(subnet.version == each.version and subnet.overlaps(each) for each in kept):
            kept.append(subnet)
    return kept


def addresses(cidr: IPNetwork, known: Sequence[IPAddress] = ()) -> st.SearchStrategy[IPAddress]:
    """Return those around the subnet's edges and around the edge of a page, or any at all.

    Half of them are known ones, if there are any.
    """
    first, last = int(cidr[0]), int(cidr[-1])
    near = [at + by for at in (first, first + PAGE, last) for by in range(-3, 5)]
    most = 2**cidr.max_prefixlen - 1
    possible = [number for number in near if 0 <= number <= most]
    numbers = st.sampled_from(possible) | st.integers(0, most)

    def address(number: int) -> IPAddress:
        return type(cidr[0])(number)

    drawn = numbers.map(address)
    return st.sampled_from(known) | drawn if known else drawn


def spans(cidr: IPNetwork) -> st.SearchStrategy[Span]:
    """Return spans of addresses in the subnet."""
    inside = addresses(cidr).map(lambda address: min(max(address, cidr[0]), cidr[-1]))
    return st.tuples(inside, inside).map(lambda ends: Span(min(ends), max(ends)))


def rules(cidr: IPNetwork, known: Sequence[IPAddress] = ()) -> st.SearchStrategy[Subnet]:
    """Return the subnet with rules; half of the time it has none that bound or reserve.

    Some of the spans begin and end at addresses that are known, for these matter most.
    """
    bounds = spans(cidr)
    if known:
        ends = st.sampled_from(known)
        bounds |= st.builds(lambda one, other: Span(min(one, other), max(one, other)), ends, ends)
    return st.builds(
        Subnet,
        st.just(cidr),
        st.none() | st.none() | bounds,
        st.just(()) | st.lists(bounds, max_size=4).map(tuple),
        SECONDS,
        SECONDS | st.just(1000.0),
    )


def holdings(cidr: IPNetwork, known: Sequence[Holding]) -> st.SearchStrategy[Holding]:
    """Return what may be loaded, or may not; some of it is held already."""
    drawn = st.builds(Holding, addresses(cidr), OWNERS, KEYS, LABELS)
    return drawn | st.sampled_from(known) if known else drawn

"""Strategies of hypothesis: subnets of all sizes, addresses at their edges, and rules."""

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
    """Return subnets, half of them so small that they are soon exhausted."""
    lengths = st.integers(0, bits) | st.integers(bits - 3, bits)
    numbers = st.integers(0, 2**bits - 1)
    kind = IPv4Network if bits == 32 else IPv6Network
    return st.builds(
        lambda number, length: kind((number >> bits - length << bits - length, length)),
        numbers,
        lengths,
    )


def apart(subnets: list[IPNetwork]) -> list[IPNetwork]:
    """Return the subnets without those that overlap, as the daemon refuses them."""
    kept: list[IPNetwork] = []
    for subnet in subnets:
        if not any(subnet.version == other.version and subnet.overlaps(other) for other in kept):
            kept.append(subnet)
    return kept


def inside(cidr: IPNetwork) -> st.SearchStrategy[IPAddress]:
    """Return addresses around the edges of a subnet and of a page."""
    return st.sampled_from([address for address in _corners(cidr) if address in cidr])


def addresses(cidr: IPNetwork, known: Sequence[IPAddress] = ()) -> st.SearchStrategy[IPAddress]:
    """Return any addresses, most of them in the subnet or near it, and many known ones."""
    drawn = inside(cidr) | st.sampled_from(_corners(cidr)) | st.ip_addresses(v=cidr.version)
    return st.sampled_from(known) | inside(cidr) | drawn if known else drawn


def spans(cidr: IPNetwork) -> st.SearchStrategy[Span]:
    """Return spans of addresses in the subnet."""
    return st.tuples(inside(cidr), inside(cidr)).map(_span)


def rules(cidr: IPNetwork, known: Sequence[IPAddress] = ()) -> st.SearchStrategy[Subnet]:
    """Return the subnet with rules, half of the time without a range and reservations.

    Some spans begin and end at known addresses, which matter most.
    """
    bounds = spans(cidr)
    if known:
        bounds |= st.tuples(st.sampled_from(known), st.sampled_from(known)).map(_span)
    return st.builds(
        Subnet,
        st.just(cidr),
        st.none() | st.none() | bounds,
        st.just(()) | st.lists(bounds, max_size=4).map(tuple),
        SECONDS,
        SECONDS | st.just(1000.0),
    )


def holdings(cidr: IPNetwork, known: Sequence[Holding]) -> st.SearchStrategy[Holding]:
    """Return holdings to load, good and bad; some are held already."""
    wanted = inside(cidr) | inside(cidr) | addresses(cidr)
    drawn = st.builds(Holding, wanted, OWNERS, KEYS, LABELS)
    return drawn | st.sampled_from(known) if known else drawn


def _corners(cidr: IPNetwork) -> list[IPAddress]:
    first, last = int(cidr[0]), int(cidr[-1])
    numbers = [at + by for at in (first, first + PAGE, last) for by in range(-3, 5)]
    possible = [number for number in numbers if 0 <= number < 2**cidr.max_prefixlen]
    return [type(cidr[0])(number) for number in possible]


def _span(ends: tuple[IPAddress, IPAddress]) -> Span:
    return Span(min(ends), max(ends))

"""Sample subnets, and the addresses of each that the RFCs allow to hand out."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from mynet.ipam.api import IPAddress, IPNetwork

LONG = 86400.0  # seconds that do not pass during a claim, however busy the machine
SHORT = 0.1  # seconds that a claim can wait
TOLERANCE = 0.05  # seconds: clocks of different kinds, and their rounding

_IPV4 = "198.18.77.208"  # for tests of networks, RFC 2544
_IPV6 = "fd6d:796e:6574:77::d0"

# The usual lengths, and those around the size of a machine word.
_IPV6_LENGTHS = (0, 1, 8, 31, 32, 33, 48, 56, 63, 64, 65, 95, 96, 97, 112, 120, *range(123, 129))

IPV4 = IPv4Network("198.18.1.0/24")
IPV6 = IPv6Network("fd6d:796e:6574:1::/64")
BOTH: Sequence[IPNetwork] = (IPV4, IPV6)

# Fourteen and fifteen addresses: few enough to allocate all of them.
SMALL: Sequence[IPNetwork] = (
    IPv4Network("198.18.2.32/28"),
    IPv6Network("fd6d:796e:6574:2::40/124"),
)

TINY: Sequence[IPNetwork] = tuple(
    ip_network((base, length), strict=False)
    for base, lengths in ((_IPV4, range(28, 33)), (_IPV6, range(124, 129)))
    for length in lengths
)


def every_size() -> Iterator[IPNetwork]:
    """Yield subnets of all sizes. They overlap: have one open at a time."""
    for base, lengths in ((_IPV4, range(33)), (_IPV6, _IPV6_LENGTHS)):
        for length in lengths:
            yield ip_network((base, length), strict=False)


def never_handed_out(subnet: IPNetwork) -> Sequence[IPAddress]:
    """Return the addresses that are never handed out (RFC 3021, RFC 4291, RFC 6164)."""
    if subnet.prefixlen >= subnet.max_prefixlen - 1:  # a /31 or a /127, or a single address
        return ()
    if isinstance(subnet, IPv4Network):
        return (subnet.network_address, subnet.broadcast_address)
    return (subnet.network_address,)


def edges(subnet: IPNetwork) -> tuple[IPAddress, IPAddress]:
    """Return the first and the last address that can be handed out."""
    kept = never_handed_out(subnet)
    first, last = subnet[0], subnet[-1]
    return first + (first in kept), last - (last in kept)


def usable(subnet: IPNetwork) -> Sequence[IPAddress]:
    """Return every address of a small subnet that can be handed out."""
    kept = never_handed_out(subnet)
    return [address for address in subnet if address not in kept]


def outside(subnet: IPNetwork) -> Iterator[IPAddress]:
    """Yield the addresses before and behind the subnet, and one of the other IP version."""
    yield IPV4[7] if isinstance(subnet, IPv6Network) else IPV6[7]
    for number in (int(subnet[0]) - 1, int(subnet[-1]) + 1):
        if 0 <= number < 1 << subnet.max_prefixlen:
            yield type(subnet[0])(number)


def shuffled(addresses: Sequence[IPAddress], step: int) -> list[IPAddress]:
    """Return addresses in another order. ``step`` and their number must have no common divisor."""
    return [addresses[(number + 1) * step % len(addresses)] for number in range(len(addresses))]

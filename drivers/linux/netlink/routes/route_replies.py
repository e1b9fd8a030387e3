"""Reading the replies about routes, without pyroute2: 10 us a message instead of 200.

A host with a thousand networks has ten thousand routes, which are read whenever a subnet is chosen.
The tests compare what is read here with what pyroute2 reads. Source: linux/rtnetlink.h.
"""

import struct
from ipaddress import ip_address, ip_network
from typing import Final

from mynet.drivers.api import IPNetwork
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.attributes import (
    read_attributes,
    read_number,
)
from mynet.drivers.linux.netlink.header import HEADER_BYTES
from mynet.drivers.linux.values.observed import Route

_RTNEXTHOP = struct.Struct("@HBBi")  # length, flags, hops, index

_FORBIDDING_TYPES: Final = frozenset(
    {rt.RTN_BLACKHOLE, rt.RTN_UNREACHABLE, rt.RTN_PROHIBIT, rt.RTN_THROW}
)


def is_default(data: bytes) -> bool:
    """Return whether a route is a default route."""
    _, length, _, _, _, _, _, kind, _ = rt.RTMSG.unpack_from(data, HEADER_BYTES)
    return (length, kind) == (0, rt.RTN_UNICAST)


def is_local(data: bytes) -> bool:
    """Return whether a route leads to an address of the host itself."""
    _, _, _, _, _, _, _, kind, _ = rt.RTMSG.unpack_from(data, HEADER_BYTES)
    return bool(kind == rt.RTN_LOCAL)


def read_route(data: bytes) -> Route:
    """Read a route; of several next hops, the first."""
    _, _, _, _, _, protocol, _, _, _ = rt.RTMSG.unpack_from(data, HEADER_BYTES)
    payloads = read_attributes(data, HEADER_BYTES + rt.RTMSG.size)
    device, hop = read_number(payloads.get(rt.RTA_OIF)), payloads
    if hops := payloads.get(rt.RTA_MULTIPATH):
        first, _, _, device = _RTNEXTHOP.unpack_from(hops)
        hop = read_attributes(hops[:first], _RTNEXTHOP.size)
    gateway = hop.get(rt.RTA_GATEWAY)
    return Route(
        gateway=ip_address(gateway) if gateway else None,
        device=device,
        metric=read_number(payloads.get(rt.RTA_PRIORITY)),
        protocol=protocol,
        source=ip_address(source) if (source := payloads.get(rt.RTA_PREFSRC)) else None,
    )


def subnets_of_route(data: bytes) -> list[IPNetwork]:
    """Return the destination of a route, nothing for a default route or one that forbids it.

    A route to half of all addresses counts as a default route, as VPNs use two of these instead.
    The kernel's own routes for its addresses, two of three routes, are left out, as the addresses
    say the same.
    """
    _, length, _, _, _, protocol, _, kind, _ = rt.RTMSG.unpack_from(data, HEADER_BYTES)
    of_address = protocol == rt.RTPROT_KERNEL and kind in (rt.RTN_LOCAL, rt.RTN_BROADCAST)
    if length <= 1 or of_address or kind in _FORBIDDING_TYPES:
        return []
    destination = read_attributes(data, HEADER_BYTES + rt.RTMSG.size)[rt.RTA_DST]
    return [ip_network((destination, length), strict=False)]

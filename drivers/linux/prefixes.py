"""Where addresses and routes lead, read without pyroute2.

A host with a thousand networks has ten thousand of these messages, and they are read whenever a
subnet is chosen: that would take pyroute2 a second, and takes this a tenth of it.
"""

import struct
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from mynet.drivers.api import IPNetwork

_IFADDRMSG = struct.Struct("@16xBBBBI")  # nlmsghdr, ifaddrmsg of linux/if_addr.h
_RTMSG = struct.Struct("@16xBBBBBBBBI")  # nlmsghdr, rtmsg of linux/rtnetlink.h
_ATTRIBUTE = struct.Struct("@HH")
_IFA_ADDRESS, _IFA_LOCAL, _RTA_DST = 1, 2, 1
_FORBIDDING = frozenset({6, 7, 8, 9})  # RTN_BLACKHOLE, _UNREACHABLE, _PROHIBIT, _THROW
_IPV4_BYTES = 4


def of_address(data: bytes) -> Iterator[IPNetwork]:
    """Yield the subnet of an answer to ``messages.get_addresses``, and of two ends the near one."""
    _, length, _, _, _ = _IFADDRMSG.unpack_from(data)
    address = _attribute(data, _IFADDRMSG.size, _IFA_ADDRESS)
    near = _attribute(data, _IFADDRMSG.size, _IFA_LOCAL)
    yield _network(address, length)
    if near not in (b"", address):
        yield _network(near, 8 * len(near))


def of_route(data: bytes) -> Iterator[IPNetwork]:
    """Yield where a route of ``messages.get_routes`` leads, unless it forbids to go there.

    The half of all addresses counts as all of them: VPNs write a default route as two halves.
    """
    _, length, _, _, _, _, _, kind, _ = _RTMSG.unpack_from(data)
    if length > 1 and kind not in _FORBIDDING:
        yield _network(_attribute(data, _RTMSG.size, _RTA_DST), length)


def _attribute(data: bytes, offset: int, wanted: int) -> bytes:
    """Return an attribute of those that stand from an offset on, or nothing. Source: netlink(7)."""
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if kind == wanted:
            return data[offset + _ATTRIBUTE.size : offset + length]
        offset += (max(length, _ATTRIBUTE.size) + 3) & ~3
    return b""


def _network(address: bytes, length: int) -> IPNetwork:
    kind = IPv4Network if len(address) == _IPV4_BYTES else IPv6Network
    return kind((address, length), strict=False)

"""Reading what rtnetlink answers, without pyroute2: 10 us a message instead of 200.

There are thousands of them: a host with a thousand networks has ten thousand addresses and routes,
which are read whenever a subnet is chosen, and a start looks at every endpoint. The tests compare
what is read here with what pyroute2 reads.
"""

import struct
from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Final

from mynet.drivers.api import IPAddress, IPInterface, IPNetwork
from mynet.drivers.linux.netlink.attributes import attributes
from mynet.drivers.linux.values.observed import Link, Route

# Each after a nlmsghdr of 16 bytes; linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h.
_IFINFOMSG = struct.Struct("@16xBxHiII")
_IFADDRMSG = struct.Struct("@16xBBBBI")
_RTMSG = struct.Struct("@16xBBBBBBBBI")
_RTNEXTHOP = struct.Struct("@HBBi")
_INT = struct.Struct("@I")

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK = 1, 3, 4, 5
_IFLA_MASTER, _IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_INFO_KIND = 10, 18, 20, 1
_IFLA_INFO_SLAVE_KIND, _IFLA_INFO_SLAVE_DATA = 4, 5
_IFLA_BRPORT_MODE, _IFLA_BRPORT_ISOLATED = 4, 33
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY = 1, 4, 5, 6
_RTA_MULTIPATH = 9

_IFF_UP: Final = 0x1
_RTPROT_KERNEL = 2
_RTN_UNICAST, _RTN_LOCAL, _RTN_BROADCAST = 1, 2, 3
_FORBIDDING = frozenset({6, 7, 8, 9})  # RTN_BLACKHOLE, _UNREACHABLE, _PROHIBIT, _THROW
_IPV4_BYTES = 4


def read_link(data: bytes) -> Link:
    """Read an answer to ``messages.get_link``."""
    _, _, index, flags, _ = _IFINFOMSG.unpack_from(data)
    found = attributes(data, _IFINFOMSG.size)
    info = attributes(found.get(_IFLA_LINKINFO, b""), 0)
    port = _bridge_port(info)
    return Link(
        index=index,
        name=_text(found.get(_IFLA_IFNAME)),
        kind=_text(info.get(_IFLA_INFO_KIND)),
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(found.get(_IFLA_MTU)),
        mark=_text(found.get(_IFLA_IFALIAS)),
        master=_number(found.get(_IFLA_MASTER)),
        peer=_number(found.get(_IFLA_LINK)),
        up=bool(flags & _IFF_UP),
        isolated=any(port.get(_IFLA_BRPORT_ISOLATED, b"")),
        hairpin=any(port.get(_IFLA_BRPORT_MODE, b"")),
    )


def _bridge_port(info: Mapping[int, bytes]) -> Mapping[int, bytes]:
    """Read of IFLA_LINKINFO what a link is as a bridge's port; links elsewhere are none."""
    if _text(info.get(_IFLA_INFO_SLAVE_KIND)) != "bridge":
        return {}
    return attributes(info.get(_IFLA_INFO_SLAVE_DATA, b""), 0)


def read_address(data: bytes) -> tuple[int, IPInterface]:
    """Read an answer to ``messages.get_addresses``: the index of its link, and the address."""
    _, length, _, _, index = _IFADDRMSG.unpack_from(data)
    found = attributes(data, _IFADDRMSG.size)
    address = found.get(_IFA_LOCAL) or found[_IFA_ADDRESS]
    if len(address) == _IPV4_BYTES:
        return index, IPv4Interface((address, length))
    return index, IPv6Interface((address, length))


def is_default(data: bytes) -> bool:
    """Say of an answer to ``messages.get_routes`` whether it is a default route."""
    _, length, _, _, _, _, _, kind, _ = _RTMSG.unpack_from(data)
    return (length, kind) == (0, _RTN_UNICAST)


def read_route(data: bytes) -> Route:
    """Read an answer to ``messages.get_routes``. Of several next hops, the first stands for all."""
    _, _, _, _, _, protocol, _, _, _ = _RTMSG.unpack_from(data)
    found = attributes(data, _RTMSG.size)
    device, hop = _number(found.get(_RTA_OIF)), found
    if hops := found.get(_RTA_MULTIPATH):
        first, _, _, device = _RTNEXTHOP.unpack_from(hops)
        hop = attributes(hops[:first], _RTNEXTHOP.size)
    gateway = hop.get(_RTA_GATEWAY)
    return Route(
        gateway=_address(gateway) if gateway else None,
        device=device,
        metric=_number(found.get(_RTA_PRIORITY)),
        protocol=protocol,
    )


def subnets_of_address(data: bytes) -> list[IPNetwork]:
    """Return the subnet of an address, and of two ends the near one too."""
    _, length, _, _, _ = _IFADDRMSG.unpack_from(data)
    found = attributes(data, _IFADDRMSG.size)
    address, near = found.get(_IFA_ADDRESS, b""), found.get(_IFA_LOCAL, b"")
    subnets = [_network(address, length)]
    if near not in (b"", address):
        subnets.append(_network(near, 8 * len(near)))
    return subnets


def subnets_of_route(data: bytes) -> list[IPNetwork]:
    """Return where a route leads, unless it forbids to go there.

    The half of all addresses counts as all of them: VPNs write a default route as two halves. What
    the kernel writes of its own addresses, two of three routes, says nothing that these do not.
    """
    _, length, _, _, _, protocol, _, kind, _ = _RTMSG.unpack_from(data)
    of_address = protocol == _RTPROT_KERNEL and kind in (_RTN_LOCAL, _RTN_BROADCAST)
    if length <= 1 or of_address or kind in _FORBIDDING:
        return []
    return [_network(attributes(data, _RTMSG.size)[_RTA_DST], length)]


def _number(value: bytes | None) -> int:
    number: int = _INT.unpack(value)[0] if value else 0
    return number


def _text(value: bytes | None) -> str:
    return value.rstrip(b"\0").decode(errors="surrogateescape") if value else ""


def _address(value: bytes) -> IPAddress:
    return IPv4Address(value) if len(value) == _IPV4_BYTES else IPv6Address(value)


def _network(address: bytes, length: int) -> IPNetwork:
    kind = IPv4Network if len(address) == _IPV4_BYTES else IPv6Network
    return kind((address, length), strict=False)

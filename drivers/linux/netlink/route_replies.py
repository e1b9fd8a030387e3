"""Reading the replies of rtnetlink, without pyroute2: 10 us a message instead of 200.

A host with a thousand networks has ten thousand addresses and routes, which are read whenever a
subnet is chosen, and a start reads the links of every endpoint. The tests compare what is read here
with what pyroute2 reads. Sources: linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h.
"""

import struct
import sys
import time
from collections.abc import Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Final

from mynet.drivers.api import IPInterface, IPNetwork
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.attributes import (
    read_attributes,
    read_number,
    read_signed,
    read_text,
    read_texts,
)
from mynet.drivers.linux.netlink.header import HEADER_BYTES
from mynet.drivers.linux.netlink.link_settings import read_bridge_settings
from mynet.drivers.linux.values.bridge_port import DEFAULT_PORT, BridgePort
from mynet.drivers.linux.values.observed import Link, Route

_RTGENMSG_BYTES: Final = 4  # with padding
_NETNSA_NSID, _NSID_NOT_ASSIGNED = 1, -1
_CACHEINFO = struct.Struct("@IIII")  # preferred and valid lifetimes, when created and updated
_HUNDREDTHS: Final = 100  # of a second since the host's start, the unit of these times
_RTNEXTHOP = struct.Struct("@HBBi")  # length, flags, hops, index

_FORBIDDING_TYPES: Final = frozenset(
    {rt.RTN_BLACKHOLE, rt.RTN_UNREACHABLE, rt.RTN_PROHIBIT, rt.RTN_THROW}
)


def read_link(data: bytes) -> Link:
    """Read a link."""
    _, _, index, flags, _ = rt.IFINFOMSG.unpack_from(data, HEADER_BYTES)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFINFOMSG.size)
    info = read_attributes(payloads.get(rt.IFLA_LINKINFO, b""))
    kind = read_text(info.get(rt.IFLA_INFO_KIND))
    return Link(
        index=index,
        name=read_text(payloads.get(rt.IFLA_IFNAME)),
        kind=kind,
        mac=payloads.get(rt.IFLA_ADDRESS, b"").hex(":"),
        mtu=read_number(payloads.get(rt.IFLA_MTU)),
        mark=read_text(payloads.get(rt.IFLA_IFALIAS)),
        master=read_number(payloads.get(rt.IFLA_MASTER)),
        peer=read_number(payloads.get(rt.IFLA_LINK)),
        peer_namespace=read_signed(payloads.get(rt.IFLA_LINK_NETNSID)),
        up=bool(flags & rt.IFF_UP),
        arp=not flags & rt.IFF_NOARP,
        multicast=bool(flags & rt.IFF_MULTICAST),
        group=read_number(payloads.get(rt.IFLA_GROUP)),
        altnames=read_texts(payloads.get(rt.IFLA_PROP_LIST), rt.IFLA_ALT_IFNAME),
        port=_port_in(info),
        settings=read_bridge_settings(payloads) if kind == "bridge" else {},
    )


def read_namespace_number(data: bytes) -> int | None:
    """Read the number of a namespace; None if it has none."""
    number = read_signed(read_attributes(data, HEADER_BYTES + _RTGENMSG_BYTES).get(_NETNSA_NSID))
    return None if number == _NSID_NOT_ASSIGNED else number


def read_port_of(payloads: Mapping[int, bytes]) -> BridgePort:
    """Read the flags of a bridge's port from the attributes of a link; defaults for other links."""
    return _port_in(read_attributes(payloads.get(rt.IFLA_LINKINFO, b"")))


def _port_in(info: Mapping[int, bytes]) -> BridgePort:
    if read_text(info.get(rt.IFLA_INFO_SLAVE_KIND)) != "bridge":
        return DEFAULT_PORT
    return read_bridge_port(read_attributes(info.get(rt.IFLA_INFO_SLAVE_DATA, b"")))


def read_bridge_port(payloads: Mapping[int, bytes]) -> BridgePort:
    """Read the flags of a bridge's port from the attributes IFLA_BRPORT_*."""
    locked = payloads.get(rt.IFLA_BRPORT_LOCKED)
    return BridgePort(
        isolated=any(payloads.get(rt.IFLA_BRPORT_ISOLATED, b"")),
        hairpin=any(payloads.get(rt.IFLA_BRPORT_MODE, b"")),
        learning=any(payloads.get(rt.IFLA_BRPORT_LEARNING, b"")),
        locked=None if locked is None else any(locked),
        flood=any(payloads.get(rt.IFLA_BRPORT_UNICAST_FLOOD, b"")),
        mcast_flood=any(payloads.get(rt.IFLA_BRPORT_MCAST_FLOOD, b"\1")),
        bcast_flood=any(payloads.get(rt.IFLA_BRPORT_BCAST_FLOOD, b"\1")),
        neigh_suppress=any(payloads.get(rt.IFLA_BRPORT_NEIGH_SUPPRESS, b"")),
        group_fwd_mask=int.from_bytes(
            payloads.get(rt.IFLA_BRPORT_GROUP_FWD_MASK, b""), sys.byteorder
        ),
    )


def read_address(data: bytes) -> tuple[int, IPInterface]:
    """Read an address; return the index of its link, and the address."""
    _, length, _, _, index = rt.IFADDRMSG.unpack_from(data, HEADER_BYTES)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFADDRMSG.size)
    address = payloads.get(rt.IFA_LOCAL) or payloads[rt.IFA_ADDRESS]
    return index, ip_interface((address, length))


def read_address_age(data: bytes) -> tuple[IPInterface, float]:
    """Read an address, and how many seconds ago it was created."""
    _, address = read_address(data)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFADDRMSG.size)
    created: int = _CACHEINFO.unpack(payloads[rt.IFA_CACHEINFO])[2]
    return address, time.clock_gettime(time.CLOCK_MONOTONIC) - created / _HUNDREDTHS


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


def subnets_of_address(data: bytes) -> list[IPNetwork]:
    """Return the subnet of an address; on a point-to-point link, the near address too."""
    _, length, _, _, _ = rt.IFADDRMSG.unpack_from(data, HEADER_BYTES)
    payloads = read_attributes(data, HEADER_BYTES + rt.IFADDRMSG.size)
    address, near = payloads.get(rt.IFA_ADDRESS, b""), payloads.get(rt.IFA_LOCAL, b"")
    subnets: list[IPNetwork] = [ip_network((address, length), strict=False)]
    if near not in (b"", address):
        subnets.append(ip_network(near))
    return subnets


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

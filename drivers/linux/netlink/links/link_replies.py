"""Reading the replies about links, without pyroute2: 10 us a message instead of 200.

A start reads the links of every endpoint. The tests compare what is read here with what pyroute2
reads. Source: linux/if_link.h.
"""

import sys
from collections.abc import Mapping
from typing import Final

from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.attributes import (
    read_attributes,
    read_number,
    read_signed,
    read_text,
    read_texts,
)
from mynet.drivers.linux.netlink.header import HEADER_BYTES
from mynet.drivers.linux.netlink.links.link_settings import read_bridge_settings
from mynet.drivers.linux.values.bridge_port import DEFAULT_PORT, BridgePort
from mynet.drivers.linux.values.observed import Link

_RTGENMSG_BYTES: Final = 4  # with padding
_NETNSA_NSID, _NSID_NOT_ASSIGNED = 1, -1


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

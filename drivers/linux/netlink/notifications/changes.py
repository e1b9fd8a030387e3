"""Notifications about links and addresses.

Sources: rtnetlink(7), linux/netfilter/nfnetlink.h.
"""

import socket
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.links.link_replies import read_bridge_port, read_port_of
from mynet.drivers.linux.values.bridge_port import BridgePort

RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR = 1, 5, 9
RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF = 24, 25
NFNLGRP_NFTABLES: Final = 7

_INT = struct.Struct("@i")


class Destination(NamedTuple):
    """A subnet, to compare those of addresses and routes without building objects of them."""

    # AF_INET or AF_INET6.
    family: int
    # The bits of the prefix.
    prefix: int
    # In bits.
    length: int


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What a notification says of a link; 0 and "" stand for what the link does not have."""

    index: int
    name: str
    alias: str
    is_gone: bool
    is_up: bool
    has_carrier: bool
    # Whether the flags for ARP and multicast are as those of a new bridge.
    resolves_addresses: bool
    # The index of the bridge.
    master: int
    # How the bridge treats the link.
    port: BridgePort
    # The link group.
    group: int
    # The index of a veth's other end, and the namespace that it is in, None for the link's own.
    peer: int
    peer_namespace: int | None


@dataclass(frozen=True, slots=True)
class AddressChange:
    """What a notification says of an address."""

    # The index of the link.
    index: int
    subnet: Destination
    is_gone: bool


def read_link_change(message: bytes) -> LinkChange | None:
    """Read a notification of a link, or a reply; None for any other message."""
    kind = nlmsg.read_header(message).kind
    if kind not in (rt.RTM_NEWLINK, rt.RTM_DELLINK):
        return None
    family, _, index, flags, _ = rt.IFINFOMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    if family:  # such a message is about the link as the port of a bridge
        return None
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.IFINFOMSG.size)
    namespace = attributes.get(rt.IFLA_LINK_NETNSID)
    return LinkChange(
        index=index,
        name=nla.read_text(attributes.get(rt.IFLA_IFNAME)),
        alias=nla.read_text(attributes.get(rt.IFLA_IFALIAS)),
        is_gone=kind == rt.RTM_DELLINK,
        is_up=bool(flags & rt.IFF_UP),
        has_carrier=bool(flags & rt.IFF_LOWER_UP),
        resolves_addresses=flags & (rt.IFF_NOARP | rt.IFF_MULTICAST) == rt.IFF_MULTICAST,
        master=nla.read_number(attributes.get(rt.IFLA_MASTER)),
        port=read_port_of(attributes),
        group=nla.read_number(attributes.get(rt.IFLA_GROUP)),
        peer=nla.read_number(attributes.get(rt.IFLA_LINK)),
        peer_namespace=None if namespace is None else _INT.unpack(namespace)[0],
    )


def read_port_change(message: bytes) -> tuple[int, BridgePort] | None:
    """Read a notification of a bridge about a port: the port's index, and how it is treated."""
    if nlmsg.read_header(message).kind != rt.RTM_NEWLINK:
        return None
    family, _, index, _, _ = rt.IFINFOMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    if family != socket.AF_BRIDGE:
        return None
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.IFINFOMSG.size)
    return index, read_bridge_port(nla.read_attributes(attributes.get(rt.IFLA_PROTINFO, b"")))


def read_address_change(message: bytes) -> AddressChange | None:
    """Read a notification of an address, or a reply; None for any other message."""
    kind = nlmsg.read_header(message).kind
    if kind not in (rt.RTM_NEWADDR, rt.RTM_DELADDR):
        return None
    family, length, _, _, index = rt.IFADDRMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.IFADDRMSG.size)
    subnet = destination(family, attributes.get(rt.IFA_ADDRESS, b""), length)
    return AddressChange(index, subnet, is_gone=kind == rt.RTM_DELADDR)


def destination(family: int, address: bytes, length: int) -> Destination:
    """Return the subnet of an address with a prefix of so many bits."""
    return Destination(family, int.from_bytes(address) >> (8 * len(address) - length), length)

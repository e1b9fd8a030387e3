"""Notifications that a link has lost what carries its packets: routes, entries, forwarding.

Sources: rtnetlink(7), socket(7), linux/neighbour.h, linux/netconf.h.
"""

import socket
import struct
from typing import Final

from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.notifications.changes import Destination, destination

RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE = 3, 7, 11
RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE = 8, 19

_RTM_NEWRULE: Final = 32

# The link that stands for all links, of a setting of the whole host.
ALL_LINKS: Final = -1

_UNAGED: Final = rt.NUD_NOARP | rt.NUD_PERMANENT
# A filter for the kernel (classic BPF) that accepts what the functions below look at. The groups
# have the notifications of all routes and neighbours, thousands a second on a router, which would
# wake the reader. BPF reads numbers in network byte order, and netlink has them in the host's.
_LOAD_HALF, _LOAD_BYTE, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x28, 0x30, 0x15, 0x45, 0x06
_TYPE_OFFSET, _FLAGS_OFFSET = 4, 6  # of nlmsg_type and nlmsg_flags
_FAMILY_OFFSET: Final = nlmsg.HEADER_BYTES  # of ndm_family
_STATE_OFFSET: Final = nlmsg.HEADER_BYTES + 8  # of ndm_state
_PROTOCOL_OFFSET: Final = nlmsg.HEADER_BYTES + 5  # of rtm_protocol
LOSSES: Final = (
    (_LOAD_HALF, 0, 0, _TYPE_OFFSET),
    (_IF_EQUAL, 3, 0, socket.htons(rt.RTM_DELROUTE)),
    (_IF_EQUAL, 4, 0, socket.htons(rt.RTM_NEWROUTE)),
    (_IF_EQUAL, 5, 0, socket.htons(rt.RTM_DELNEIGH)),
    (_IF_EQUAL, 6, 11, socket.htons(rt.RTM_NEWNEIGH)),
    (_LOAD_BYTE, 0, 0, _PROTOCOL_OFFSET),  # a deleted route: one of the kernel's
    (_IF_EQUAL, 8, 9, rt.RTPROT_KERNEL),
    (_LOAD_HALF, 0, 0, _FLAGS_OFFSET),  # a new route: one that has replaced another
    (_IF_ANY_BIT, 6, 7, socket.htons(nlmsg.NLM_F_REPLACE)),
    (_LOAD_BYTE, 0, 0, _FAMILY_OFFSET),  # a deleted entry: one of a bridge
    (_IF_EQUAL, 2, 5, socket.AF_BRIDGE),
    (_LOAD_BYTE, 0, 0, _FAMILY_OFFSET),  # a new entry: one of a neighbour
    (_IF_EQUAL, 3, 0, socket.AF_BRIDGE),
    (_LOAD_HALF, 0, 0, _STATE_OFFSET),
    (_IF_ANY_BIT, 0, 1, socket.htons(_UNAGED)),
    (_RETURN, 0, 0, 0xFFFFFFFF),
    (_RETURN, 0, 0, 0),
)

# The same for new and deleted routes to everything, of all tables, and for deleted policy rules for
# every destination, which begin alike.
DEFAULT_ROUTES: Final = (
    (_LOAD_BYTE, 0, 0, nlmsg.HEADER_BYTES + 1),  # rtm_dst_len
    (_IF_EQUAL, 0, 3, 0),
    (_LOAD_HALF, 0, 0, _TYPE_OFFSET),
    (_IF_EQUAL, 1, 0, socket.htons(_RTM_NEWRULE)),
    (_RETURN, 0, 0, 0xFFFFFFFF),
    (_RETURN, 0, 0, 0),
)

_NDA_MASTER: Final = 9
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING = 1, 2
_NETCONFMSG_BYTES: Final = 4
_INT = struct.Struct("@i")
_FORWARDING_OFF: Final = nla.attribute(_NETCONFA_FORWARDING, _INT.pack(0))


def read_deleted_entry(message: bytes) -> int | None:
    """Return the index of the port, or bridge, that lost an entry; None for any other message.

    The entries are those of a bridge's forwarding database that carry packets and do not age: a
    port's static ones, and the MAC address of the bridge itself.
    """
    if nlmsg.read_header(message).kind != rt.RTM_DELNEIGH:
        return None
    family, port, state, _, _ = rt.NDMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.NDMSG.size)
    bridge = nla.read_number(attributes.get(_NDA_MASTER))
    is_own = state & rt.NUD_PERMANENT and port == bridge
    is_lost = family == socket.AF_BRIDGE and (state & rt.NUD_NOARP or is_own)
    return int(port) if is_lost else None


def read_fixed_neighbour(message: bytes) -> int | None:
    """Return the index of the link that got a neighbour whose MAC address is never verified."""
    if nlmsg.read_header(message).kind != rt.RTM_NEWNEIGH:
        return None
    family, index, state, _, _ = rt.NDMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    return int(index) if family != socket.AF_BRIDGE and state & _UNAGED else None


def read_deleted_route(message: bytes) -> int | None:
    """Return the index of the link that lost a route of its addresses, None for others."""
    if nlmsg.read_header(message).kind != rt.RTM_DELROUTE:
        return None
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    return nla.read_number(attributes.get(rt.RTA_OIF))


def read_replaced_route(message: bytes) -> Destination | None:
    """Return the destination of a route that has replaced another, None for other messages."""
    header = nlmsg.read_header(message)
    if header.kind != rt.RTM_NEWROUTE or not header.flags & nlmsg.NLM_F_REPLACE:
        return None
    family, length, *_ = rt.RTMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    return destination(family, attributes.get(rt.RTA_DST, b""), length)


def read_forwarding_off(message: bytes) -> int | None:
    """Return the index of the link from which one IP version is forwarded no longer.

    It is :data:`ALL_LINKS` if the host forwards none. A new link's notification has more
    attributes, and is not read.
    """
    if nlmsg.read_header(message).kind != rt.RTM_NEWNETCONF:
        return None
    attributes = message[nlmsg.HEADER_BYTES + _NETCONFMSG_BYTES :]
    own = nla.read_attributes(attributes).get(_NETCONFA_IFINDEX)
    if own is None or not attributes.endswith(_FORWARDING_OFF):
        return None
    if len(attributes) != 2 * len(_FORWARDING_OFF):
        return None
    index: int = _INT.unpack(own)[0]
    return index

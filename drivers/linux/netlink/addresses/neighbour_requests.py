"""Requests to rtnetlink about neighbours, and their replies.

Sources: rtnetlink(7), linux/neighbour.h.
"""

from ipaddress import ip_address
from typing import Final

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt

_NDA_DST, _NDA_LLADDR = 1, 2
_NUD_STALE: Final = 0x04
_UNRESOLVED: Final = 0x01 | 0x20  # NUD_INCOMPLETE, NUD_FAILED
# The states of an entry that the kernel never verifies.
_FIXED: Final = rt.NUD_NOARP | rt.NUD_PERMANENT


def change_neighbour(index: int, address: IPAddress, mac: str) -> bytes:
    """Like: ip neigh change ADDRESS lladdr MAC dev NAME nud stale."""
    body = rt.NDMSG.pack(nlmsg.ADDRESS_FAMILIES[address.version], index, _NUD_STALE, 0, 0)
    body += nla.attribute(_NDA_DST, address.packed)
    body += nla.attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", "")))
    return nlmsg.pack_message(rt.RTM_NEWNEIGH, body, nlmsg.NLM_F_REPLACE)


def get_neighbour(index: int, address: IPAddress) -> bytes:
    """Like: ip neigh get ADDRESS dev NAME."""
    body = rt.NDMSG.pack(nlmsg.ADDRESS_FAMILIES[address.version], index, 0, 0, 0)
    return nlmsg.pack_message(rt.RTM_GETNEIGH, body + nla.attribute(_NDA_DST, address.packed))


def get_neighbours() -> bytes:
    """Like: ip neigh show."""
    return nlmsg.pack_message(rt.RTM_GETNEIGH, rt.NDMSG.pack(0, 0, 0, 0, 0))


def read_fixed(data: bytes) -> tuple[int, IPAddress, str] | None:
    """Return the link's index, the address and the MAC address of a fixed entry; None of others."""
    _, index, state, _, _ = rt.NDMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    if not state & _FIXED:
        return None
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.NDMSG.size)
    return index, ip_address(payloads[_NDA_DST]), payloads.get(_NDA_LLADDR, b"").hex(":")


def is_resolved(data: bytes) -> bool:
    """Return whether the kernel knows the MAC address of a neighbour."""
    _, _, state, _, _ = rt.NDMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    return not state & _UNRESOLVED

"""Requests to rtnetlink about addresses.

Sources: rtnetlink(7), linux/if_addr.h.
"""

from ipaddress import IPv4Interface
from socket import AF_UNSPEC
from typing import Final

from mynet.drivers.api import IPInterface
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt

_IFA_F_NODAD: Final = 0x02
_POINT_TO_POINT: Final = 31  # a prefix of that length has no broadcast address (RFC 3021)


def add_address(index: int, address: IPInterface) -> bytes:
    """Like: ip addr replace ADDRESS/LENGTH dev NAME nodad.

    There is no duplicate address detection: the IPAM backend allocates no address twice, and a
    tentative address cannot be used for a second or two.
    """
    length = address.network.prefixlen
    flags = 0 if isinstance(address, IPv4Interface) else _IFA_F_NODAD
    body = rt.IFADDRMSG.pack(nlmsg.ADDRESS_FAMILIES[address.version], length, flags, 0, index)
    body += nla.attribute(rt.IFA_ADDRESS, address.packed)
    body += nla.attribute(rt.IFA_LOCAL, address.packed)
    if isinstance(address, IPv4Interface) and length < _POINT_TO_POINT:
        body += nla.attribute(rt.IFA_BROADCAST, address.network.broadcast_address.packed)
    return nlmsg.pack_message(rt.RTM_NEWADDR, body, nlmsg.NLM_F_CREATE | nlmsg.NLM_F_REPLACE)


def get_addresses(index: int = 0) -> bytes:
    """Like: ip addr show dev NAME; without an index, ip addr show."""
    return nlmsg.pack_message(rt.RTM_GETADDR, rt.IFADDRMSG.pack(AF_UNSPEC, 0, 0, 0, index))

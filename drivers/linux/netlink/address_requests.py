"""Requests to rtnetlink about addresses, routes and neighbours, packed by hand for Connect.

Sources: rtnetlink(7), linux/if_addr.h, linux/rtnetlink.h, linux/neighbour.h.
"""

from ipaddress import IPv4Interface
from typing import Final

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.values.desired import priority

_IFA_F_NODAD: Final = 0x02
_POINT_TO_POINT: Final = 31  # a prefix of that length has no broadcast address (RFC 3021)

_RT_SCOPE_UNIVERSE: Final = 0
_RTNH_F_ONLINK: Final = 0x04

_NDA_DST, _NDA_LLADDR, _NUD_STALE = 1, 2, 0x04


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


def add_default_route(index: int, gateway: IPAddress, metric: int, *, onlink: bool) -> bytes:
    """Like: ip route add default via GATEWAY dev NAME metric N [onlink].

    The kernel refuses a gateway that is in no subnet of the link, unless it is declared on-link.
    """
    flags = _RTNH_F_ONLINK if onlink else 0
    body = rt.RTMSG.pack(
        *(nlmsg.ADDRESS_FAMILIES[gateway.version], 0, 0, 0),
        *(rt.RT_TABLE_MAIN, rt.RTPROT_STATIC, _RT_SCOPE_UNIVERSE, rt.RTN_UNICAST, flags),
    )
    body += nla.attribute(rt.RTA_GATEWAY, gateway.packed) + nla.number_attribute(rt.RTA_OIF, index)
    body += nla.number_attribute(rt.RTA_PRIORITY, priority(gateway, metric))
    return nlmsg.pack_message(rt.RTM_NEWROUTE, body, nlmsg.NLM_F_CREATE | nlmsg.NLM_F_EXCL)


def change_neighbour(index: int, address: IPAddress, mac: str) -> bytes:
    """Like: ip neigh change ADDRESS lladdr MAC dev NAME nud stale."""
    body = rt.NDMSG.pack(nlmsg.ADDRESS_FAMILIES[address.version], index, _NUD_STALE, 0, 0)
    body += nla.attribute(_NDA_DST, address.packed)
    body += nla.attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", "")))
    return nlmsg.pack_message(rt.RTM_NEWNEIGH, body, nlmsg.NLM_F_REPLACE)

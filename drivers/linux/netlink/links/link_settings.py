"""The settings of a bridge in the kernel's message about it: its sysctls and its options.

The kernel adds the arrays of all sysctls of a link (IFLA_INET_CONF, IFLA_INET6_CONF) to each
message about the link, so they need no request and no file of their own.
Sources: linux/if_link.h, linux/ip.h, linux/ipv6.h.
"""

import struct
from collections.abc import Mapping
from socket import AF_INET, AF_INET6
from typing import Final

from mynet.drivers.api import IPV4, IPV6
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.values import bridge_settings as names

_IFLA_INET_CONF, _IFLA_INET6_CONF = 1, 2
_INT = struct.Struct("@i")
# The places in the arrays. IPV4_DEVCONF_* count from 1, and DEVCONF_* from 0.
_IPV4_PLACES: Final = {names.FORWARDING[IPV4]: 0, names.ARP_IGNORE: 18}
_IPV6_PLACES: Final = {names.FORWARDING[IPV6]: 0, names.ACCEPT_RA: 3, names.DISABLE_IPV6: 26}
_STP_STATE: Final = 5  # a number of 32 bits
_FLAGS: Final = {names.VLAN_FILTERING: 7, names.MCAST_SNOOPING: 23}  # numbers of 8 bits


def read_bridge_settings(payloads: Mapping[int, bytes]) -> dict[str, int]:
    """Return the settings in the attributes of a message about a bridge, by name."""
    families = nla.read_attributes(payloads.get(rt.IFLA_AF_SPEC, b""))
    ipv4 = nla.read_attributes(families.get(AF_INET, b"")).get(_IFLA_INET_CONF, b"")
    ipv6 = nla.read_attributes(families.get(AF_INET6, b"")).get(_IFLA_INET6_CONF, b"")
    options = nla.find(payloads.get(rt.IFLA_LINKINFO, b""), rt.IFLA_INFO_DATA)
    of_bridge = nla.read_attributes(options)
    return {
        **_numbers(ipv4, _IPV4_PLACES),
        **_numbers(ipv6, _IPV6_PLACES),
        names.STP: nla.read_number(of_bridge.get(_STP_STATE)),
        **{name: int(any(of_bridge.get(place, b""))) for name, place in _FLAGS.items()},
    }


def bridge_option(name: str, value: int) -> bytes:
    """Pack the attribute for an option of a bridge."""
    if name in _FLAGS:
        return nla.attribute(_FLAGS[name], bytes([value]))
    return nla.number_attribute(_STP_STATE, value)


def _numbers(array: bytes, places: Mapping[str, int]) -> dict[str, int]:
    return {
        name: _INT.unpack_from(array, place * _INT.size)[0]
        for name, place in places.items()
        if (place + 1) * _INT.size <= len(array)
    }

"""Requests to rtnetlink about policy rules for replies, and about the tables these lead to.

Sources: rtnetlink(7), ip-rule(8), linux/fib_rules.h.
"""

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from mynet.drivers.api import IPV4, IPAddress
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.values.replies import MARK_MASK, MARK_SHIFT, ReplyRule, UplinkRoute

# The rules and routes are known by this number, which iproute2 (rt_protos) gives to no program.
PROTOCOL: Final = 109
PREFERENCE: Final = 1010  # after the table local (0) and those of VRFs (1000)
_FIRST_TABLE: Final = 1_836_646_400  # 0x6d790000

_RTM_NEWRULE, _RTM_DELRULE = 32, 33
_FR_ACT_TO_TBL: Final = 1
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_FWMARK, _FRA_TABLE, _FRA_FWMASK = 3, 6, 10, 15, 16
_FRA_PROTOCOL: Final = 21
_RTA_TABLE, _RTA_VIA = 15, 18
_RTNH_F_ONLINK: Final = 4
_RTNEXTHOP = struct.Struct("@HBBi")  # length, flags, hops, index
_FAMILY = struct.Struct("@H")
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
_SCOPE_NOWHERE: Final = 255
_VERSIONS: Final = {family: version for version, family in nlmsg.ADDRESS_FAMILIES.items()}
_ANY: Final = {4: "0.0.0.0/0", 6: "::/0"}


def table_of(number: int) -> int:
    """Return the routing table of the uplink with a number."""
    return _FIRST_TABLE + number


def add_rule(rule: ReplyRule) -> bytes:
    """Like: ip rule add iif BRIDGE fwmark MARK/MASK lookup TABLE pref PREFERENCE proto PROTOCOL."""
    return nlmsg.pack_message(_RTM_NEWRULE, _rule_body(rule), nlmsg.NLM_F_CREATE | nlmsg.NLM_F_EXCL)


def delete_rule(rule: ReplyRule) -> bytes:
    """Like: ip rule delete iif BRIDGE fwmark MARK/MASK lookup TABLE pref PREFERENCE."""
    return nlmsg.pack_message(_RTM_DELRULE, _rule_body(rule))


def _rule_body(rule: ReplyRule) -> bytes:
    family = nlmsg.ADDRESS_FAMILIES[rule.version]
    return b"".join(
        (
            rt.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, _FR_ACT_TO_TBL, 0),
            nla.text_attribute(_FRA_IIFNAME, rule.bridge),
            nla.number_attribute(_FRA_PRIORITY, PREFERENCE),
            nla.number_attribute(_FRA_FWMARK, rule.number << MARK_SHIFT),
            nla.number_attribute(_FRA_FWMASK, MARK_MASK),
            nla.number_attribute(_FRA_TABLE, table_of(rule.number)),
            nla.attribute(_FRA_PROTOCOL, bytes([PROTOCOL])),
        )
    )


def read_rule(data: bytes) -> ReplyRule | None:
    """Read a rule of a dump; None if it is not exactly one that :func:`add_rule` adds."""
    family = data[nlmsg.HEADER_BYTES]
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    rule = ReplyRule(
        _VERSIONS.get(family, 0),
        nla.read_text(payloads.get(_FRA_IIFNAME)),
        nla.read_number(payloads.get(_FRA_FWMARK)) >> MARK_SHIFT,
    )
    if not rule.version or not is_own(data):
        return None
    wanted = nla.read_attributes(_rule_body(rule), rt.RTMSG.size)
    is_same = all(payloads.get(kind) == payload for kind, payload in wanted.items())
    return rule if is_same else None


def is_own(data: bytes) -> bool:
    """Return whether a rule of a dump has the protocol number of mynet's."""
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    return payloads.get(_FRA_PROTOCOL) == bytes([PROTOCOL])


def get_routes(version: int, table: int = 0) -> bytes:
    """Like: ip route show table TABLE; without a table, of all."""
    body = rt.RTMSG.pack(nlmsg.ADDRESS_FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)
    if table:
        body += nla.number_attribute(_RTA_TABLE, table)
    return nlmsg.pack_message(rt.RTM_GETROUTE, body)


def read_routes(data: bytes) -> Iterator[tuple[int, UplinkRoute]]:
    """Yield the metric and the route for each next hop of a route, unless it forbids packets."""
    family, length, _, _, table, _, _, kind, _ = rt.RTMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    if kind != rt.RTN_UNICAST or family not in _VERSIONS:
        return
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    version = _VERSIONS[family]
    to = payloads.get(rt.RTA_DST)
    destination = ip_network((to, length) if to else _ANY[version])
    table = nla.read_number(payloads.get(_RTA_TABLE)) or table
    metric = nla.read_number(payloads.get(rt.RTA_PRIORITY))
    if device := nla.read_number(payloads.get(rt.RTA_OIF)):
        yield metric, UplinkRoute(version, table, destination, _gateway(payloads), device)
    hops = payloads.get(rt.RTA_MULTIPATH, b"")
    while len(hops) >= _RTNEXTHOP.size:
        size, _, _, device = _RTNEXTHOP.unpack_from(hops)
        gateway = _gateway(nla.read_attributes(hops[:size], _RTNEXTHOP.size))
        yield metric, UplinkRoute(version, table, destination, gateway, device)
        hops = hops[max((size + 3) & ~3, _RTNEXTHOP.size) :]


def _gateway(payloads: dict[int, bytes]) -> IPAddress | None:
    if via := payloads.get(_RTA_VIA):  # of the other IP version
        return ip_address(via[_FAMILY.size :])
    gateway = payloads.get(rt.RTA_GATEWAY)
    return ip_address(gateway) if gateway else None


def replace_route(route: UplinkRoute) -> bytes:
    """Like: ip route replace DESTINATION via GATEWAY dev DEVICE onlink table TABLE."""
    scope = _SCOPE_LINK if route.version == IPV4 and route.gateway is None else _SCOPE_UNIVERSE
    flags = _RTNH_F_ONLINK if route.gateway else 0
    body = _route_body(route, rt.RTN_UNICAST, scope, flags)
    return nlmsg.pack_message(rt.RTM_NEWROUTE, body, nlmsg.NLM_F_CREATE | nlmsg.NLM_F_REPLACE)


def delete_route(route: UplinkRoute) -> bytes:
    """Like: ip route delete DESTINATION via GATEWAY dev DEVICE table TABLE."""
    return nlmsg.pack_message(rt.RTM_DELROUTE, _route_body(route, 0, _SCOPE_NOWHERE, 0))


def _route_body(route: UplinkRoute, kind: int, scope: int, flags: int) -> bytes:
    family = nlmsg.ADDRESS_FAMILIES[route.version]
    protocol = PROTOCOL if kind else 0
    body = rt.RTMSG.pack(family, route.destination.prefixlen, 0, 0, 0, protocol, scope, kind, flags)
    body += nla.number_attribute(_RTA_TABLE, route.table)
    body += nla.number_attribute(rt.RTA_OIF, route.device)
    if route.destination.prefixlen:
        body += nla.attribute(rt.RTA_DST, route.destination.network_address.packed)
    if route.gateway and route.gateway.version == route.version:
        body += nla.attribute(rt.RTA_GATEWAY, route.gateway.packed)
    elif route.gateway:
        body += nla.attribute(_RTA_VIA, _FAMILY.pack(socket.AF_INET6) + route.gateway.packed)
    return body

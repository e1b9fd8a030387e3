"""Requests to rtnetlink about the routes over a link, and replies about those of its addresses.

Sources: rtnetlink(7), linux/rtnetlink.h.
"""

from ipaddress import ip_network
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.values.address_routes import AddressRoute, RouteKind
from mynet.drivers.linux.values.desired import priority

_NLM_F_APPEND: Final = 0x800
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_HOST = 0, 253, 254
_RTNH_F_ONLINK: Final = 0x04
_IPV6_METRIC: Final = 256  # of the kernel's own routes
_TYPES: Final = {
    RouteKind.SUBNET: rt.RTN_UNICAST,
    RouteKind.LOCAL: rt.RTN_LOCAL,
    RouteKind.MULTICAST: rt.RTN_MULTICAST,
}
_KINDS: Final = {number: kind for kind, number in _TYPES.items()}
_TABLES: Final = {
    RouteKind.SUBNET: rt.RT_TABLE_MAIN,
    RouteKind.LOCAL: rt.RT_TABLE_LOCAL,
    RouteKind.MULTICAST: rt.RT_TABLE_LOCAL,
}
_SCOPES: Final = {RouteKind.SUBNET: _SCOPE_LINK, RouteKind.LOCAL: _SCOPE_HOST}


def add_default_route(index: int, gateway: IPAddress, metric: int, *, onlink: bool) -> bytes:
    """Like: ip route add default via GATEWAY dev NAME metric N [onlink].

    The kernel refuses a gateway that is in no subnet of the link, unless it is declared on-link.
    """
    flags = _RTNH_F_ONLINK if onlink else 0
    body = rt.RTMSG.pack(
        *(nlmsg.ADDRESS_FAMILIES[gateway.version], 0, 0, 0),
        *(rt.RT_TABLE_MAIN, rt.RTPROT_STATIC, _SCOPE_UNIVERSE, rt.RTN_UNICAST, flags),
    )
    body += nla.attribute(rt.RTA_GATEWAY, gateway.packed) + nla.number_attribute(rt.RTA_OIF, index)
    body += nla.number_attribute(rt.RTA_PRIORITY, priority(gateway, metric))
    return nlmsg.pack_message(rt.RTM_NEWROUTE, body, nlmsg.NLM_F_CREATE | nlmsg.NLM_F_EXCL)


def get_default_routes(version: int, index: int, protocol: int = 0) -> bytes:
    """Like: ip route show table main dev NAME proto PROTOCOL; 0 stands for any protocol.

    The kernel does not select routes by their destination, so the replies have others too.
    """
    return get_routes(version, table=rt.RT_TABLE_MAIN, protocol=protocol, index=index)


def add_address_route(index: int, route: AddressRoute) -> bytes:
    """Like: ip route append TYPE SUBNET dev NAME table TABLE proto kernel src ADDRESS.

    The route is added beside another program's to the same destination, which stays and wins.
    """
    version, length = route.destination.version, route.destination.prefixlen
    scope = _SCOPES.get(route.kind, _SCOPE_LINK) if version == IPV4 else _SCOPE_UNIVERSE
    body = rt.RTMSG.pack(
        *(nlmsg.ADDRESS_FAMILIES[version], length, 0, 0),
        *(_TABLES[route.kind], rt.RTPROT_KERNEL, scope, _TYPES[route.kind], 0),
    )
    body += nla.attribute(rt.RTA_DST, route.destination.network_address.packed)
    body += nla.number_attribute(rt.RTA_OIF, index)
    if version == IPV6:
        body += nla.number_attribute(rt.RTA_PRIORITY, _IPV6_METRIC)
    elif route.source is not None:
        body += nla.attribute(rt.RTA_PREFSRC, route.source.packed)
    return nlmsg.pack_message(rt.RTM_NEWROUTE, body, nlmsg.NLM_F_CREATE | _NLM_F_APPEND)


def get_kernel_routes(version: int, table: int, index: int = 0) -> bytes:
    """Like: ip route show table TABLE proto kernel dev NAME; without an index, of all links."""
    return get_routes(version, table=table, protocol=rt.RTPROT_KERNEL, index=index)


def get_routes(version: int, *, table: int = 0, protocol: int = 0, index: int = 0) -> bytes:
    """Like: ip route show table TABLE proto PROTOCOL dev NAME; 0 stands for all of them."""
    body = rt.RTMSG.pack(nlmsg.ADDRESS_FAMILIES[version], 0, 0, 0, table, protocol, 0, 0, 0)
    if index:
        body += nla.number_attribute(rt.RTA_OIF, index)
    return nlmsg.pack_message(rt.RTM_GETROUTE, body)


def read_address_route(data: bytes) -> tuple[int, AddressRoute] | None:
    """Return the index of the link, and the route; None for a route of another kind."""
    _, length, _, _, _, _, _, kind, _ = rt.RTMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    if kind not in _KINDS:
        return None
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    destination = payloads.get(rt.RTA_DST)
    if destination is None:
        return None
    route = AddressRoute(_KINDS[kind], ip_network((destination, length)))
    return nla.read_number(payloads.get(rt.RTA_OIF)), route

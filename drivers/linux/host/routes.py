"""Default routes, and the uplink that they lead to."""

import errno
from collections.abc import Sequence

from mynet.drivers.api import IPNetwork
from mynet.drivers.linux.interface import DEFAULT_MTU
from mynet.drivers.linux.links.bridges import link_at
from mynet.drivers.linux.netlink import pyroute2_requests, route_replies, rtnetlink
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.observed import Route

_NO_TABLE = frozenset({errno.ENOENT})  # the kernel makes one with its first route


def default_routes(nl: Netlink, version: int) -> list[Route]:
    """List the default routes of the main table, best first. Like: ``ip route show default``."""
    defaults = map(
        route_replies.read_route, filter(route_replies.is_default, _main_routes(nl, version))
    )
    return sorted(defaults, key=lambda route: route.metric)


def _main_routes(nl: Netlink, version: int) -> list[bytes]:
    """List the routes of the main table, unread: a host with many networks has thousands."""
    message = pyroute2_requests.get_routes(version, table=rtnetlink.RT_TABLE_MAIN)
    return nl.dump(Request(message, f"list IPv{version} routes", "routes", _NO_TABLE))


def occupied() -> Sequence[IPNetwork]:
    """List where the host's addresses and routes lead, of all tables, but for default routes.

    Like: ``ip addr show; ip route show table all``.
    """
    with Netlink() as nl:
        addresses = nl.dump(
            Request(pyroute2_requests.get_addresses(), "list addresses", "addresses")
        )
        found = {cidr for data in addresses for cidr in route_replies.subnets_of_address(data)}
        for version in (4, 6):
            request = Request(
                pyroute2_requests.get_routes(version), f"list IPv{version} routes", "routes"
            )
            found |= {
                cidr for data in nl.dump(request) for cidr in route_replies.subnets_of_route(data)
            }
    return list(found)


def uplink_mtu() -> int:
    """Tell the MTU in bytes of the best default route's device, IPv4 before IPv6.

    A network must follow it: a cloud's uplink has 1400 to 1460 bytes, and what is larger is lost.
    """
    with Netlink() as nl:
        for version in (4, 6):
            for route in default_routes(nl, version):
                link = link_at(nl, route.device) if route.device else None
                if link is not None:
                    return link.mtu
    return DEFAULT_MTU


def learned_from_advertisements(nl: Netlink) -> frozenset[int]:
    """List the indexes of the links with a route from a router advertisement.

    The kernel picks them: a host with many networks has thousands of others.
    Like: ``ip -6 route show proto ra``.
    """
    message = pyroute2_requests.get_routes(6, protocol=rtnetlink.RTPROT_RA)
    found = nl.dump(Request(message, "list routes from advertisements", "routes"))
    return frozenset(route.device for route in map(route_replies.read_route, found) if route.device)

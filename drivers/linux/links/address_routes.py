"""The routes of a link's addresses: what exists of them, and adding them again."""

import errno
import time
from collections.abc import Iterator, Sequence
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPInterface, IPNetwork
from mynet.drivers.linux.links.lookup import MOST, list_addresses
from mynet.drivers.linux.netlink import rtnetlink
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_requests
from mynet.drivers.linux.values.address_routes import AddressRoute, RouteKind, address_routes

_NO_TABLE: Final = frozenset({errno.ENOENT})  # the kernel creates a table with its first route
_PAUSES: Final = (0, 0.01, 0.05)  # seconds before each look at routes
_NEW: Final = 3.0  # seconds from the creation of an address
_EXISTS: Final = frozenset({errno.EEXIST})


def restore_routes(
    nl: Netlink,
    name: str,
    index: int,
    addresses: Sequence[IPInterface],
    subnets: Sequence[IPNetwork] = (),
) -> None:
    """Add those routes of a link's addresses, and to other subnets behind it, that are missing.

    Like: ``ip route append SUBNET dev NAME proto kernel``.
    """
    existing = settled_routes(nl, index, addresses, subnets)
    missing = [route for route in address_routes(addresses, subnets) if route not in existing]
    if missing:
        nl.ask(*(_add(name, index, route) for route in missing))


def add_subnet_routes(name: str, index: int, subnets: Sequence[IPNetwork]) -> Iterator[Request]:
    """Yield requests for routes to subnets of which the link has no address."""
    return (_add(name, index, route) for route in address_routes((), subnets))


def _add(name: str, index: int, route: AddressRoute) -> Request:
    message = route_requests.add_address_route(index, route)
    return Request(message, f"add {route} to {name}", f"interface {name}", _EXISTS)


def settled_routes(
    nl: Netlink,
    index: int,
    addresses: Sequence[IPInterface],
    subnets: Sequence[IPNetwork] = (),
) -> frozenset[AddressRoute]:
    """Return the routes of a link's addresses. Like: ``ip route show dev NAME proto kernel``.

    The kernel adds the local route of an IPv6 address after the address, from a queue, so a missing
    one is looked up again, and counts as there while the address is new.
    """
    late = {route for route in address_routes(addresses, subnets) if _may_be_late(route)}
    routes = frozenset[AddressRoute]()
    for pause in _PAUSES:
        if pause:
            time.sleep(pause)
        routes = list_routes(nl, index).get(index, frozenset())
        if late <= routes:
            return routes
    new = {
        address.ip
        for address, age in map(address_replies.read_address_age, list_addresses(nl, index))
        if age < _NEW
    }
    return routes | {route for route in late if route.destination.network_address in new}


def _may_be_late(route: AddressRoute) -> bool:
    return route.kind is RouteKind.LOCAL and route.destination.version == IPV6


def list_routes(nl: Netlink, index: int = 0) -> dict[int, frozenset[AddressRoute]]:
    """Return the routes of a link's addresses, or those of all links, by the link's index.

    Raises :exc:`KernelError` if the link has more than MOST in a table.
    """
    routes: dict[int, set[AddressRoute]] = {}
    for version in (IPV4, IPV6):
        for table in (rtnetlink.RT_TABLE_MAIN, rtnetlink.RT_TABLE_LOCAL):
            message = route_requests.get_kernel_routes(version, table, index)
            request = Request(message, "list the routes of addresses", "routes", _NO_TABLE)
            for reply in nl.dump(request, MOST if index else None):
                if found := route_requests.read_address_route(reply):
                    device, route = found
                    routes.setdefault(device, set()).add(route)
    return {device: frozenset(of_link) for device, of_link in routes.items()}

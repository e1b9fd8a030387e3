"""Single links, their addresses and default routes, as the kernel has them."""

import errno
from collections.abc import Iterable
from typing import Final

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.netlink import rtnetlink
from mynet.drivers.linux.netlink.addresses import (
    address_replies,
    address_requests,
    neighbour_requests,
)
from mynet.drivers.linux.netlink.links import link_replies, link_requests
from mynet.drivers.linux.netlink.links.link_requests import get_link
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_replies, route_requests
from mynet.drivers.linux.values.observed import Link, Route

GONE: Final = frozenset({errno.ENODEV})
EXISTS: Final = frozenset({errno.EEXIST})

# Addresses or routes of one link that are read. The owner of a sandbox may add any number.
MOST: Final = 1024

_NO_NEIGHBOUR: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.EAFNOSUPPORT})
_NO_TABLE: Final = frozenset({errno.ENOENT})  # the kernel creates a table with its first route


def find_link(nl: Netlink, name: str = "", *, altname: str = "") -> Link | None:
    """Return the link with a name or an alternative name, None if there is none.

    The kernel finds a link by its alternative names where it is asked for a name, too.
    Like: ``ip -d link show dev NAME``.
    """
    words = name or altname
    message = get_link(name=name, altname=altname)
    reply = nl.get(Request(message, f"look up {words}", f"interface {words}", GONE))
    return link_replies.read_link(reply) if reply else None


def link_at(nl: Netlink, index: int) -> Link | None:
    """Return the link with an index, None if there is none."""
    reply = nl.get(Request(get_link(index=index), "look up a link", "interface", GONE))
    return link_replies.read_link(reply) if reply else None


def delete_link(nl: Netlink, link: Link) -> None:
    """Delete a link, if it still exists. Like: ``ip link delete dev NAME``."""
    message = link_requests.delete_link(link.index)
    nl.ask(Request(message, f"delete {link.name}", f"interface {link.name}", GONE))


def list_links(nl: Netlink) -> list[bytes]:
    """Return the replies about all links. Like: ``ip link``."""
    return nl.dump(Request(get_link(), "list interfaces", "interfaces"))


def list_addresses(nl: Netlink, index: int = 0) -> list[bytes]:
    """Return the replies about a link's addresses, or those of all links. Like: ``ip addr``.

    Raises :exc:`KernelError` if the link has more than MOST.
    """
    message = address_requests.get_addresses(index)
    request = Request(message, "list the addresses of an interface", "addresses")
    return nl.dump(request, MOST if index else None)


def addresses_of(nl: Netlink, index: int) -> frozenset[IPInterface]:
    """Return a link's addresses. Like: ``ip addr show``."""
    replies = list_addresses(nl, index)
    return frozenset(address_replies.read_address(reply)[1] for reply in replies)


def fixed_neighbours(nl: Netlink) -> dict[int, dict[IPAddress, str]]:
    """Return the MAC addresses of neighbours that the kernel never verifies, by the link's index.

    Like: ``ip neigh show nud permanent; ip neigh show nud noarp``.
    """
    neighbours: dict[int, dict[IPAddress, str]] = {}
    request = Request(neighbour_requests.get_neighbours(), "list neighbours", "neighbours")
    for entry in filter(None, map(neighbour_requests.read_fixed, nl.dump(request))):
        index, address, mac = entry
        neighbours.setdefault(index, {})[address] = mac
    return neighbours


def fixed_among(nl: Netlink, index: int, addresses: Iterable[IPAddress]) -> dict[IPAddress, str]:
    """Return those of a link's fixed neighbours that have one of the addresses.

    Like: ``ip neigh get ADDRESS dev NAME``.
    """
    neighbours: dict[IPAddress, str] = {}
    for address in addresses:
        message = neighbour_requests.get_neighbour(index, address)
        reply = nl.get(Request(message, f"look up {address}", "neighbours", _NO_NEIGHBOUR))
        if reply and (entry := neighbour_requests.read_fixed(reply)):
            neighbours[address] = entry[2]
    return neighbours


def default_routes(nl: Netlink, version: int) -> list[Route]:
    """Return the default routes of the main table, best first. Like: ``ip route show default``.

    The routes of other tables are not read, since a host with many networks has thousands.
    """
    message = route_requests.get_routes(version, table=rtnetlink.RT_TABLE_MAIN)
    replies = nl.dump(Request(message, f"list IPv{version} routes", "routes", _NO_TABLE))
    defaults = map(route_replies.read_route, filter(route_replies.is_default, replies))
    return sorted(defaults, key=lambda route: route.metric)

"""The routes that the kernel adds for the addresses of a link, as values.

Packets need them like the addresses: another program can delete such a route and leave the address.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv6Network, ip_network
from typing import Final

from mynet.drivers.api import IPV6, IPAddress, IPInterface, IPNetwork

_MULTICAST: Final = IPv6Network("ff00::/8")


class RouteKind(Enum):
    """What a route of an address is for."""

    # Leads to the subnet of the address.
    SUBNET = "subnet"
    # Makes packets to the address the host's own.
    LOCAL = "local"
    # Sends IPv6 multicast, such as neighbour solicitations, over the link.
    MULTICAST = "multicast"


@dataclass(frozen=True, slots=True)
class AddressRoute:
    """A route that the kernel adds for an address of a link."""

    kind: RouteKind
    destination: IPNetwork
    # The address that the host's own packets get, None for a route that was observed.
    source: IPAddress | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Return, for example, ``the route to 10.1.0.0/24``."""
        match self.kind:
            case RouteKind.SUBNET:
                return f"the route to {self.destination}"
            case RouteKind.LOCAL:
                return f"the local route to {self.destination.network_address}"
            case RouteKind.MULTICAST:
                return f"the multicast route to {self.destination}"


def address_routes(
    addresses: Iterable[IPInterface], subnets: Iterable[IPNetwork] = ()
) -> tuple[AddressRoute, ...]:
    """Return the routes for the addresses of one link, without broadcast and anycast routes.

    ``subnets`` are reached over the link, too, although none of its addresses is in them.
    """
    routes: dict[AddressRoute, None] = {}
    for address in addresses:
        routes[AddressRoute(RouteKind.LOCAL, ip_network(address.ip), address.ip)] = None
        if address.version == IPV6 or address.network.prefixlen < address.max_prefixlen:
            routes.setdefault(AddressRoute(RouteKind.SUBNET, address.network, address.ip))
        if address.version == IPV6:
            routes.setdefault(AddressRoute(RouteKind.MULTICAST, _MULTICAST))
    for subnet in subnets:
        routes.setdefault(AddressRoute(RouteKind.SUBNET, subnet))
    return tuple(routes)

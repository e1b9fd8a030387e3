"""The links of the host: whose they are, and all of them at once."""

from collections.abc import Iterable, Sequence

from mynet.drivers.api import IPInterface
from mynet.drivers.linux.links.address_routes import list_routes
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.bridge_port import static_macs
from mynet.drivers.linux.links.bridges import Bridges
from mynet.drivers.linux.links.lookup import (
    delete_link,
    find_link,
    fixed_neighbours,
    list_addresses,
    list_links,
)
from mynet.drivers.linux.links.veths import Veths
from mynet.drivers.linux.netlink import route_replies
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from mynet.drivers.linux.values.observed import Link, Survey


class Links(Bridges, Veths):
    """Implements :class:`~mynet.drivers.linux.interface.Links` over netlink."""

    def has_device(self, name: str) -> bool:
        """Like: ip link show NAME."""
        with Netlink() as nl:
            return nl.index(name) != 0

    def list_marked(self) -> Sequence[Link]:
        """Like: ip -d link."""
        with Netlink() as nl:
            links = map(route_replies.read_link, list_links(nl))
            return [link for link in links if read_mark(link.mark) != ("", "")]

    def foreign_devices(self, instance: str) -> Sequence[str]:
        """Like: ip -d link."""
        return [link.name for link in self.list_marked() if read_mark(link.mark)[0] != instance]

    def delete(self, link: Link) -> None:
        """Like: ip link delete NAME."""
        with Netlink() as nl:
            current = find_link(nl, link.name)
            if current is not None and (current.index, current.mark) == (link.index, link.mark):
                delete_link(nl, link)

    def survey(self) -> Survey:
        """Like: ip -d addr; bridge fdb; ip route; ip neigh."""
        with Netlink() as nl:
            links = list_links(nl)
            addresses = list_addresses(nl)
            macs = static_macs(nl)
            routes = list_routes(nl)
            neighbours = fixed_neighbours(nl)
        return Survey(
            {link.name: link for link in map(route_replies.read_link, links)},
            _by_link(addresses),
            macs,
            routes,
            neighbours,
        )


def _by_link(replies: Iterable[bytes]) -> dict[int, frozenset[IPInterface]]:
    """Return addresses by the indexes of their links."""
    addresses: dict[int, set[IPInterface]] = {}
    for index, address in map(route_replies.read_address, replies):
        addresses.setdefault(index, set()).add(address)
    return {index: frozenset(of_link) for index, of_link in addresses.items()}

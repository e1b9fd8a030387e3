"""The links of the host: whose they are, and all of them at once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from mynet.drivers.api import IPInterface
from mynet.drivers.linux.links.address_routes import list_routes
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.bridges import Bridges
from mynet.drivers.linux.links.lookup import (
    EXISTS,
    GONE,
    delete_link,
    fixed_neighbours,
    link_at,
    list_addresses,
    list_links,
)
from mynet.drivers.linux.links.veths.bridge_port import static_macs
from mynet.drivers.linux.links.veths.veths import Veths
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.links import link_replies, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Identity
from mynet.drivers.linux.values.observed import Link, Survey

_AT_ONCE: Final = 100  # requests in a datagram


class Links(Bridges, Veths):
    """Implements :class:`~mynet.drivers.linux.interface.links.Links` over netlink."""

    def has_device(self, name: str) -> bool:
        """Like: ip link show NAME."""
        with Netlink() as nl:
            return nl.index(name) != 0

    def list_marked(self) -> Sequence[Link]:
        """Like: ip -d link."""
        with Netlink() as nl:
            links = map(link_replies.read_link, list_links(nl))
            return [link for link in links if read_mark(link.mark) != ("", "")]

    def foreign_devices(self, instance: str) -> Sequence[str]:
        """Like: ip -d link."""
        return [link.name for link in self.list_marked() if read_mark(link.mark)[0] != instance]

    def delete(self, link: Link) -> None:
        """Like: ip link delete NAME."""
        with Netlink() as nl:
            current = link_at(nl, link.index)
            if current is not None and current.mark == link.mark:
                delete_link(nl, link)

    def survey(self) -> Survey:
        """Like: ip -d addr; bridge fdb; ip route; ip neigh."""
        with Netlink() as nl:
            links = list(map(link_replies.read_link, list_links(nl)))
            addresses = list_addresses(nl)
            macs = static_macs(nl)
            routes = list_routes(nl)
            neighbours = fixed_neighbours(nl)
        self._carriers.correct(
            {link.index: link.mark for link in links if read_mark(link.mark) != ("", "")}
        )
        return Survey(
            links,
            _by_link(addresses),
            macs,
            routes,
            neighbours,
        )

    def set_altnames(self, instance: str) -> None:
        """Like: ip link property add dev NAME altname mynet-ID."""
        own = [link for link in self.list_marked() if read_mark(link.mark)[0] == instance]
        identities = [Identity(link.kind, link.name, link.mark, link.mac) for link in own]
        copies = Counter(identity.altname for identity in identities)
        requests = [
            Request(
                link_requests.add_altname(link.index, identity.altname),
                f"name {link.name} {identity.altname}",
                f"interface {link.name}",
                EXISTS | GONE,
            )
            for link, identity in zip(own, identities, strict=True)
            if identity.altname not in link.altnames and copies[identity.altname] == 1
        ]
        with Netlink() as nl:
            for start in range(0, len(requests), _AT_ONCE):
                nl.ask(*requests[start : start + _AT_ONCE])


def _by_link(replies: Iterable[bytes]) -> dict[int, frozenset[IPInterface]]:
    """Return addresses by the indexes of their links."""
    addresses: dict[int, set[IPInterface]] = {}
    for index, address in map(address_replies.read_address, replies):
        addresses.setdefault(index, set()).add(address)
    return {index: frozenset(of_link) for index, of_link in addresses.items()}

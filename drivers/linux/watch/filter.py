"""Which of the kernel's notifications report damage, and to which link.

The kernel notifies of a link's state in many messages, and those of the daemon's own changes pass
states that look like damage. Of a link with several notifications in a row, the last counts.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.carriers import Carriers
from mynet.drivers.linux.netlink.header import read_header
from mynet.drivers.linux.netlink.netfilter.nftables import TableName, is_of_table
from mynet.drivers.linux.netlink.notifications import changes as nl
from mynet.drivers.linux.netlink.notifications import losses
from mynet.drivers.linux.netlink.notifications.subscription import OWN_NAMESPACE, Notification
from mynet.drivers.linux.values.bridge_port import PORT_GROUP, BridgePort

ANYTHING: Final = frozenset[str]()


class NotificationFilter:
    """Keeps the marks of links, by their notifications. For one thread at a time."""

    def __init__(self, carriers: Carriers) -> None:
        self._carriers = carriers
        # The marks of links by namespace and index. The other ends of marked links are in it too,
        # as they have no mark of their own. Deleted links stay until their numbers are used again.
        self._marks: dict[tuple[int, int], str] = {}
        # The names of these links, as far as they are known.
        self._names: dict[tuple[int, int], str] = {}
        # How bridges treat the marked links that are up, by namespace and index.
        self._ports: dict[tuple[int, int], BridgePort] = {}
        # The indexes of the links that have an address in a subnet, and so a route to it.
        self._subnets: dict[nl.Destination, int] = {}

    @property
    def other_ends(self) -> list[tuple[int, int]]:
        """The links in other namespaces that are watched, by namespace and index."""
        return [link for link in self._marks if link[0] != OWN_NAMESPACE]

    def add_other_end(self, namespace: int, message: bytes) -> None:
        """Remember the name of a link in another namespace."""
        if change := nl.read_link_change(message):
            self._names[namespace, change.index] = change.name

    def add(self, messages: Iterable[bytes]) -> None:
        """Remember the links and the addresses of this namespace, of which this is the list."""
        marks: dict[int, str] = {}
        for message in messages:
            if change := nl.read_link_change(message):
                if mark := self._remember(change):
                    self._names[OWN_NAMESPACE, change.index] = change.name
                    marks[change.index] = mark
            elif address := nl.read_address_change(message):
                self._subnets[address.subnet] = address.index
        self._carriers.begin(marks)

    def find_damage(self, notifications: Sequence[Notification]) -> frozenset[str] | None:
        """Return the marks of links that may be damaged; ANYTHING, or None if there is nothing."""
        links: dict[tuple[int, int], nl.LinkChange] = {}
        ports: dict[tuple[int, int], BridgePort] = {}
        marks = self._without_entry(notifications)
        deprived: set[tuple[int, int]] = set()
        for namespace, message in notifications:
            if address := nl.read_address_change(message):
                deprived |= self._note_address(namespace, address)
            elif change := nl.read_link_change(message):
                links[namespace, change.index] = change
                ports[namespace, change.index] = change.port
            elif namespace != OWN_NAMESPACE:
                continue
            elif port_change := nl.read_port_change(message):
                ports[namespace, port_change[0]] = port_change[1]
            elif (index := self._read_loss(message)) is not None:
                deprived.add((namespace, index))
        known = {link: port for link, port in ports.items() if link in self._ports}
        marks |= {self._marks[link] for link, port in known.items() if self._ports[link] != port}
        self._ports |= known
        marks.update(self._damaged(links))
        marks |= self._renamed(links)
        # A link that is new in these notifications may have lost routes in them too.
        marks |= self._marks_of(deprived)
        if (OWN_NAMESPACE, losses.ALL_LINKS) in deprived:
            return ANYTHING
        return frozenset(marks) or None

    def _damaged(self, links: Mapping[tuple[int, int], nl.LinkChange]) -> Iterator[str]:
        """Remember the links of this namespace; yield the marks of those that are damaged."""
        for (namespace, index), change in links.items():
            if namespace == OWN_NAMESPACE:
                mark = self._remember(change)
                self._carriers.note(index, "" if change.is_gone else mark)
                if mark and _is_damaged(change):
                    yield mark

    def _without_entry(self, notifications: Sequence[Notification]) -> set[str]:
        """Return the marks of known links that lost an entry of a forwarding database.

        A new bridge loses its own entry, and gets it again, when the daemon sets its MAC address.
        """
        links = (
            (namespace, losses.read_deleted_entry(message)) for namespace, message in notifications
        )
        return self._marks_of({(namespace, index) for namespace, index in links if index})

    def _marks_of(self, links: set[tuple[int, int]]) -> set[str]:
        return {self._marks[link] for link in links if link in self._marks}

    def _note_address(self, namespace: int, address: nl.AddressChange) -> set[tuple[int, int]]:
        """Remember the subnet of a new address; return the link that lost an address, if any."""
        if address.is_gone:
            if namespace == OWN_NAMESPACE:
                self._subnets.pop(address.subnet, None)
            return {(namespace, address.index)}
        if namespace == OWN_NAMESPACE:
            self._subnets[address.subnet] = address.index
        return set()

    def _read_loss(self, message: bytes) -> int | None:
        """Return the index of the link that lost what carries its packets, if any.

        It is ALL_LINKS where anything may be damaged.
        """
        index = losses.read_deleted_route(message)
        if index is not None:
            return index
        if replaced := losses.read_replaced_route(message):
            return self._subnets.get(replaced)
        # A fixed neighbour may be any endpoint of its bridge.
        neighbour = losses.read_fixed_neighbour(message)
        if neighbour is not None and (OWN_NAMESPACE, neighbour) in self._marks:
            return losses.ALL_LINKS
        return losses.read_forwarding_off(message)

    def _renamed(self, links: Mapping[tuple[int, int], nl.LinkChange]) -> set[str]:
        """Remember the names of links; return the marks of those that had another name before."""
        own = {link: change.name for link, change in links.items() if link in self._marks}
        renamed = {link for link, name in own.items() if self._names.get(link, name) != name}
        self._names |= own
        return {self._marks[link] for link in renamed}

    def _remember(self, change: nl.LinkChange) -> str:
        """Remember the mark of a link and of its other end; return "" if mynet did not mark it."""
        if read_mark(change.alias) == ("", ""):
            return ""
        self._marks[OWN_NAMESPACE, change.index] = change.alias
        if change.is_gone:
            self._ports.pop((OWN_NAMESPACE, change.index), None)
        elif change.is_up:
            self._ports[OWN_NAMESPACE, change.index] = change.port
        if change.peer_namespace is not None:
            self._marks[change.peer_namespace, change.peer] = change.alias
        return change.alias


def _is_damaged(change: nl.LinkChange) -> bool:
    """Return whether a link is gone, down or deaf, or is not the port that it should be."""
    if change.is_gone or not change.is_up or not change.resolves_addresses:
        return True
    is_port = change.master and change.has_carrier and change.group == PORT_GROUP
    return bool(change.peer) and not is_port


def is_changed_by_others(
    messages: Iterable[bytes], tables: Sequence[TableName], own_ports: Container[int]
) -> bool:
    """Return whether a socket with none of the ports has changed any of the firewall's tables."""
    ports = {
        read_header(message).port
        for message in messages
        if any(is_of_table(message, table) for table in tables)
    }
    return any(port not in own_ports for port in ports)

"""Which of the kernel's notifications report damage, and to which link.

The kernel notifies of a link's state in many messages, and those of the daemon's own changes pass
states that look like damage. Of a link with several notifications in a row, the last counts.
"""

from collections.abc import Container, Iterable
from typing import Final

from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.netlink import notifications as nl
from mynet.drivers.linux.netlink.header import read_header
from mynet.drivers.linux.netlink.nftables import is_of_table
from mynet.drivers.linux.values.bridge_port import PORT_GROUP, BridgePort

ANYTHING: Final = frozenset[str]()


class NotificationFilter:
    """Keeps the marks of links, by their notifications. For one thread at a time."""

    def __init__(self) -> None:
        # The marks of links by namespace and index. The other ends of marked links are in it too,
        # as they have no mark of their own. Deleted links stay until their numbers are used again.
        self._marks: dict[tuple[int, int], str] = {}
        # How bridges treat the marked links that are up, by index.
        self._ports: dict[int, BridgePort] = {}

    def add_links(self, messages: Iterable[bytes]) -> None:
        """Remember the links of this namespace that are in a list."""
        for message in messages:
            if change := nl.read_link_change(message):
                self._remember(change)

    def find_damage(self, notifications: Iterable[nl.Notification]) -> frozenset[str] | None:
        """Return the marks of links that may be damaged; ANYTHING, or None if there is nothing."""
        links: dict[int, nl.LinkChange] = {}
        ports: dict[int, BridgePort] = {}
        deprived: set[tuple[int, int]] = set()
        is_forwarding_off = False
        for namespace, message in notifications:
            is_here = namespace == nl.OWN_NAMESPACE
            index = nl.read_deleted_address(message)
            if index is None and is_here:
                index = nl.read_deleted_entry(message)
            if index is not None:
                deprived.add((namespace, index))
            elif is_here and (change := nl.read_link_change(message)):
                links[change.index] = change
                ports[change.index] = change.port
            elif is_here and (port_change := nl.read_port_change(message)):
                ports.update([port_change])
            elif is_here and nl.is_forwarding_turned_off(message):
                is_forwarding_off = True
        marks = {self._marks[link] for link in deprived if link in self._marks}
        marks |= {
            self._marks[nl.OWN_NAMESPACE, index]
            for index, port in ports.items()
            if self._ports.get(index, port) != port
        }
        self._ports |= {index: port for index, port in ports.items() if index in self._ports}
        for change in links.values():
            mark = self._remember(change)
            if mark and _is_damaged(change):
                marks.add(mark)
        if is_forwarding_off:
            return ANYTHING
        return frozenset(marks) or None

    def _remember(self, change: nl.LinkChange) -> str:
        """Remember the mark of a link and of its other end; return "" if mynet did not mark it."""
        if read_mark(change.alias) == ("", ""):
            return ""
        self._marks[nl.OWN_NAMESPACE, change.index] = change.alias
        if change.is_gone:
            self._ports.pop(change.index, None)
        elif change.is_up:
            self._ports[change.index] = change.port
        if change.peer_namespace is not None:
            self._marks[change.peer_namespace, change.peer] = change.alias
        return change.alias


def _is_damaged(change: nl.LinkChange) -> bool:
    """Return whether a link is gone, is down, or is not the port that it should be."""
    if change.is_gone or not change.is_up:
        return True
    is_port = change.master and change.has_carrier and change.group == PORT_GROUP
    return bool(change.peer) and not is_port


def is_changed_by_others(messages: Iterable[bytes], table: str, own_ports: Container[int]) -> bool:
    """Return whether a socket with none of the ports has changed a table of the firewall."""
    ports = {read_header(message).port for message in messages if is_of_table(message, table)}
    return any(port not in own_ports for port in ports)

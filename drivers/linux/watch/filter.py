"""Which of the kernel's notifications tell of damage, and to whose link.

Sources: rtnetlink(7), linux/netconf.h, linux/netfilter/nf_tables.h. What a link is told to be comes
in many messages, and those of our own making pass states that look like damage: of a link that is
notified several times in a row, the last counts.
"""

import struct
from collections.abc import Container, Iterable
from typing import Final

from mynet.drivers.linux.firewall.ruleset import TABLE
from mynet.drivers.linux.firewall.set_elements import NFPROTO_INET
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.netlink.attributes import attribute, attributes

HERE: Final = -1  # the number of the namespace that we are in, among those of others
ANYTHING: Final = frozenset[str]()

Notification = tuple[int, bytes]  # the namespace it is of, and the message

_RTM_NEWLINK, _RTM_DELLINK, _RTM_DELADDR, _RTM_NEWNETCONF = 16, 17, 21, 80
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000
_IFLA_LINK, _IFLA_MASTER, _IFLA_IFALIAS, _IFLA_LINK_NETNSID = 5, 10, 20, 37
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING, _ALL = 1, 2, -1
_OF_TABLE = 1  # the attribute of every nftables message that names the table

_HEADER = struct.Struct("@IHHII")  # length, type, flags, sequence number, author
_IFINFOMSG = struct.Struct("@16xBxHiII")
_IFADDRMSG = struct.Struct("@16xBBBBI")
_NETCONFMSG = _HEADER.size + 4
_NFGENMSG = _HEADER.size + 4
_INT = struct.Struct("@i")

_OUR_TABLE = attribute(_OF_TABLE, TABLE.encode() + b"\0")
_NO_FORWARDING = attribute(_NETCONFA_IFINDEX, _INT.pack(_ALL)) + attribute(
    _NETCONFA_FORWARDING, _INT.pack(0)
)


class Sieve:
    """Knows whose links are whose, by what it has been told. For one thread at a time."""

    def __init__(self) -> None:
        # The marks of links by namespace and index, and of the other ends of marked ones, which
        # have none. What is gone stays in it until its number is used again.
        self._marks: dict[tuple[int, int], str] = {}

    def learn(self, links: Iterable[bytes]) -> None:
        """Learn of links that are there: their messages, from this namespace."""
        for message in links:
            self._read(message)

    def damaged(self, notifications: Iterable[Notification]) -> frozenset[str] | None:
        """Return the marks of links that may be damaged; ANYTHING, or None where nothing is."""
        links: dict[int, bytes] = {}
        addresses: set[tuple[int, int]] = set()
        forwarding = True
        for namespace, message in notifications:
            _, kind, _, _, _ = _HEADER.unpack_from(message)
            if kind in (_RTM_NEWLINK, _RTM_DELLINK) and namespace == HERE:
                family, _, index, _, _ = _IFINFOMSG.unpack_from(message)
                if not family:  # others say what a link is to a bridge
                    links[index] = message
            elif kind == _RTM_DELADDR:
                addresses.add((namespace, _IFADDRMSG.unpack_from(message)[4]))
            elif kind == _RTM_NEWNETCONF and namespace == HERE:
                forwarding = forwarding and message[_NETCONFMSG:] != _NO_FORWARDING
        marks = {mark for message in links.values() if (mark := self._suspicious(message))}
        marks |= {self._marks[place] for place in addresses if place in self._marks}
        if not forwarding:
            return ANYTHING
        return frozenset(marks) or None

    def _suspicious(self, message: bytes) -> str:
        """Return the mark of a link that is gone, down, or out of its bridge; else ""."""
        _, kind, _, _, _ = _HEADER.unpack_from(message)
        _, _, _, flags, _ = _IFINFOMSG.unpack_from(message)
        mark, found = self._read(message)
        is_pair = _IFLA_LINK in found
        is_loose = is_pair and (_IFLA_MASTER not in found or not flags & _IFF_LOWER_UP)
        return mark if kind == _RTM_DELLINK or not flags & _IFF_UP or is_loose else ""

    def _read(self, message: bytes) -> tuple[str, dict[int, bytes]]:
        """Read a link's mark and attributes, and remember the former. Links of others have none."""
        _, _, index, _, _ = _IFINFOMSG.unpack_from(message)
        found = attributes(message, _IFINFOMSG.size)
        mark = found.get(_IFLA_IFALIAS, b"").rstrip(b"\0").decode(errors="replace")
        if read_mark(mark) == ("", ""):
            return "", found
        self._marks[HERE, index] = mark
        if _IFLA_LINK_NETNSID in found:
            (namespace,) = _INT.unpack(found[_IFLA_LINK_NETNSID])
            (peer,) = _INT.unpack(found[_IFLA_LINK])
            self._marks[namespace, peer] = mark
        return mark, found


def touches_our_table(notifications: Iterable[bytes], authors: Container[int]) -> bool:
    """Say whether somebody who is none of the authors has changed the firewall's table."""
    ours = (
        each
        for each in notifications
        if each[_HEADER.size] == NFPROTO_INET and each.startswith(_OUR_TABLE, _NFGENMSG)
    )
    changed_by = {_HEADER.unpack_from(each)[4] for each in ours}
    return any(author not in authors for author in changed_by)

"""All links of the kernel in memory: names are unique in a namespace, pairs go together."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.sandboxes import HOST
from mynet.drivers.linux.links.alias import renamed, taken
from mynet.drivers.linux.values.address_routes import AddressRoute
from mynet.drivers.linux.values.desired import Bridge, Identity, Rate, Shaper
from mynet.drivers.linux.values.observed import Link, Route, choose

_NAME_LENGTH = 15


@dataclass
class Entry:
    """A link, and what it carries."""

    link: Link
    # Of the namespace that the link is in.
    cookie: int
    addresses: set[IPInterface] = field(default_factory=set)
    # The routes that the kernel added for the addresses.
    address_routes: set[AddressRoute] = field(default_factory=set)
    # The MAC addresses that another program has fixed for neighbours.
    neighbours: dict[IPAddress, str] = field(default_factory=dict)
    routes: set[Route] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    # Of the static entries that the bridge has for a port.
    static_macs: set[str] = field(default_factory=set)
    # The limit on what it sends.
    rate: Rate | None = None
    # The index of the link that what it receives is redirected through, 0 for none.
    redirected_through: int = 0


def with_marks(link: Link, identity: Identity) -> Link:
    """Return a link with its alias and its alternative name."""
    altnames = dict.fromkeys((*link.altnames, identity.altname))
    return replace(link, mark=identity.mark, altnames=tuple(altnames))


class LinkTable:
    """The links of all namespaces. For one thread at a time: the caller holds the kernel's lock."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._entries: dict[int, Entry] = {}

    def inside(self, cookie: int) -> Iterator[Entry]:
        """Return the links in a namespace."""
        return (entry for entry in list(self._entries.values()) if entry.cookie == cookie)

    def find(self, name: str, cookie: int = HOST) -> Entry | None:
        """Return the link with a name or an alternative name, if any."""
        names = ((entry, (entry.link.name, *entry.link.altnames)) for entry in self.inside(cookie))
        return next((entry for entry, own in names if name in own), None)

    def find_own(self, identity: Identity) -> Entry | None:
        """Return the link of the host with an identity, if any."""
        link = choose((entry.link for entry in self.inside(HOST)), identity)
        return self._entries[link.index] if link else None

    def restore_name(self, entry: Entry, name: str) -> bool:
        """Rename a link to the name that it should have; return whether it has that name now."""
        if self.find(name, entry.cookie) in (None, entry):
            kept = tuple(other for other in entry.link.altnames if other != name)
            entry.link = replace(entry.link, name=name, altnames=kept)
        return entry.link.name == name

    def at(self, index: int) -> Entry | None:
        """Return the link with an index, if any."""
        return self._entries.get(index)

    def ports(self, master: int) -> list[Link]:
        """Return the links in a bridge."""
        return [entry.link for entry in self._entries.values() if entry.link.master == master]

    def joined(self, link: Link) -> list[Link]:
        """Return the links that lose something with a link: its other end, or a bridge's ports."""
        here = [entry.link for entry in self.inside(HOST)]
        return [other for other in here if link.index in (other.peer, other.master)]

    def add(self, link: Link, cookie: int = HOST) -> Entry:
        """Add a link to a namespace, with a new index."""
        if len(link.name) > _NAME_LENGTH:
            raise KernelError(f"the name {link.name} is too long", metadata={"errno": "ERANGE"})
        index = next(self._numbers)
        self._entries[index] = Entry(replace(link, index=index), cookie)
        return self._entries[index]

    def delete(self, link: Link) -> None:
        """Delete a link, and its other end."""
        self._entries.pop(link.index, None)
        self._entries.pop(link.peer, None)

    def ensure(self, link: Link, wanted: Bridge | Shaper) -> Entry:
        """Return the link that is wanted, added if need be. Raises ``InterfaceExists``."""
        entry = self.find_own(wanted.identity)
        if entry is None and self.find(link.name):
            raise taken(link.name)
        return entry or self.add(link)

    def require_name(self, entry: Entry, name: str, where: str = "on this host") -> None:
        """Rename a link to the name that it should have. Raises ``InterfaceExists``."""
        if not self.restore_name(entry, name):
            raise renamed(entry.link.name, name, where)

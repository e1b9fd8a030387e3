"""The links of the kernel in memory: names are unique in a namespace, pairs go together."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from mynet.drivers.api import IPInterface
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.sandboxes import HOST
from mynet.drivers.linux.links.alias import is_ours, taken
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.desired import Bridge, Rate
from mynet.drivers.linux.values.observed import Link, Route

_NAME_LENGTH = 15


@dataclass
class Held:
    """A link, the namespace it is in, and what it carries."""

    link: Link
    cookie: int
    addresses: set[IPInterface] = field(default_factory=set)
    routes: set[Route] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    rate: Rate | None = None  # how fast it sends
    leads_through: int = 0  # the index of the link that what it receives passes first


class Links:
    """All links of all namespaces. For one thread at a time: FakeKernel holds its lock."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._held: dict[int, Held] = {}

    def inside(self, cookie: int) -> Iterator[Held]:
        """List what is in a namespace."""
        return (held for held in list(self._held.values()) if held.cookie == cookie)

    def find(self, name: str, cookie: int = HOST) -> Held | None:
        """Find a link by its name."""
        return next((held for held in self.inside(cookie) if held.link.name == name), None)

    def at(self, index: int) -> Held | None:
        """Find a link by its index."""
        return self._held.get(index)

    def ports(self, master: int) -> list[Link]:
        """List what is in a bridge."""
        return [held.link for held in self._held.values() if held.link.master == master]

    def joined(self, link: Link) -> list[Link]:
        """List what loses something with a link: its other end, or the ports of a bridge."""
        here = [held.link for held in self.inside(HOST)]
        return [other for other in here if link.index in (other.peer, other.master)]

    def add(self, link: Link, cookie: int = HOST) -> Held:
        """Put a link into a namespace; it gets its index here."""
        if len(link.name) > _NAME_LENGTH:
            raise KernelError(f"{link.name} is too long a name", metadata={"errno": "ERANGE"})
        index = next(self._numbers)
        self._held[index] = Held(replace(link, index=index), cookie)
        return self._held[index]

    def delete(self, link: Link) -> None:
        """Take a link away, and its other end."""
        self._held.pop(link.index, None)
        self._held.pop(link.peer, None)

    def begin_bridge(self, bridge: Bridge) -> Held:
        """Find the bridge that stands under that name, or begin one."""
        made = Link(0, bridge.name, "bridge", bridge.mac, bridge.mtu)
        held = self.find(bridge.name) or self.add(made)
        if not is_ours(held.link, bridge):
            raise taken(bridge.name)
        return held


def finish_bridge(held: Held, bridge: Bridge) -> None:
    """Bring a bridge to what it should be."""
    held.link = replace(held.link, mark=bridge.mark, mac=bridge.mac, mtu=bridge.mtu, up=True)
    held.addresses |= set(with_link_local(bridge.addresses, bridge.mac))

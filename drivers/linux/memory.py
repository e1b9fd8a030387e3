"""The links of the kernel in memory: names are unique in a namespace, pairs go together."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from mynet.drivers.api import IPInterface
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.addressing import with_link_local
from mynet.drivers.linux.desired import BRIDGE_PORTS, Bridge, Rate, Shaper, Veth, priority
from mynet.drivers.linux.observed import Link, Route, Snapshot
from mynet.drivers.linux.ownership import is_ours, taken
from mynet.drivers.linux.refusals import refused

_NAME_LENGTH = 15

HOST = 0  # the cookie that stands for the host's own namespace


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


class Memory:
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

    def remove(self, wanted: Veth | Shaper) -> None:
        """Take a link away, where it is there and ours."""
        held = self.find(wanted.name)
        if held is not None and is_ours(held.link, wanted):
            self.delete(held.link)

    def bridge(self, bridge: Bridge) -> Held:
        """Find the bridge that stands under that name, or begin one."""
        made = Link(0, bridge.name, "bridge", bridge.mac, bridge.mtu)
        held = self.find(bridge.name) or self.add(made)
        if not is_ours(held.link, bridge):
            raise taken(bridge.name)
        return held

    def outer(self, veth: Veth, master: int, cookie: int) -> Held:
        """Find the outer end whose peer is in the right place, or begin a pair."""
        outer = self.find(veth.name)
        if outer is not None and not is_ours(outer.link, veth):
            raise taken(veth.name)
        inner = self.find(veth.interface, cookie)
        if outer is not None:
            paired = inner is not None and inner.link.peer == outer.link.index
            if paired or veth.sandbox is None:
                return outer
            self.delete(outer.link)
        if inner is not None:
            raise taken(veth.interface, "in the sandbox" if veth.sandbox else "on this host")
        return self._pair(veth, master, cookie)

    def _pair(self, veth: Veth, master: int, cookie: int) -> Held:
        ports = sum(1 for held in self._held.values() if held.link.master == master)
        if ports >= BRIDGE_PORTS:
            doing = f"make the pair {veth.name} and {veth.interface} in {veth.bridge}"
            raise refused(errno.EXFULL, doing, f"interface {veth.name}")
        outer = self.add(Link(0, veth.name, "veth", veth.outer_mac, veth.mtu, master=master))
        peer = Link(0, veth.interface, "veth", veth.mac, veth.mtu, peer=outer.link.index)
        outer.link = replace(outer.link, peer=self.add(peer, cookie).link.index)
        return outer

    def shaper(self, shaper: Shaper) -> Held:
        """Find the shaper, or begin one."""
        held = self.find(shaper.name) or self.add(Link(0, shaper.name, "ifb", shaper.mac, 1500))
        if not is_ours(held.link, shaper):
            raise taken(shaper.name)
        return held

    def limits(self, veth: Veth, seen: Snapshot) -> Snapshot:
        """Add what limits there are, for an endpoint that should have any."""
        outer = self.at(seen.outer.index) if seen.outer else None
        if outer is None or not (veth.ingress or veth.shaper):
            return seen
        shaper = self.at(outer.leads_through)
        return replace(seen, ingress=outer.rate, egress=shaper.rate if shaper else None)

    def finish(self, inner: Held, veth: Veth) -> None:
        """Set the inner end up, with addresses and default routes."""
        inner.link = replace(inner.link, mac=veth.mac, mtu=veth.mtu, up=True)
        inner.settings |= veth.settings
        inner.addresses |= set(with_link_local(veth.addresses, veth.mac))
        for gateway in veth.gateways:
            route = Route(gateway, inner.link.index, priority(gateway, veth.metric))
            standing = (other for held in self.inside(inner.cookie) for other in held.routes)
            if any(_clash(route, other) for other in standing):
                raise KernelError(
                    f"the sandbox has another default route with metric {route.metric}",
                    metadata={"errno": "EEXIST"},
                )
            inner.routes.add(route)


def _clash(one: Route, other: Route) -> bool:
    """Say whether two routes cannot both be: different, but of one family and one metric."""
    alike = type(one.gateway) is type(other.gateway) and one.metric == other.metric
    return alike and one != other

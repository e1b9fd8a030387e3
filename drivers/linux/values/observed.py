"""What the kernel has, as values: links, routes, and the state of bridges and endpoints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.values.address_routes import AddressRoute
from mynet.drivers.linux.values.bridge_port import DEFAULT_PORT, BridgePort
from mynet.drivers.linux.values.desired import MARK, Bridge, Identity, Rate, Veth


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the kernel shows it; 0 and "" stand for what it does not have."""

    index: int
    name: str
    # "bridge", "veth" ...
    kind: str
    mac: str
    # In bytes.
    mtu: int
    # The alias.
    mark: str = ""
    # The index of the bridge that the link is in.
    master: int = 0
    # The index of a veth's other end, in the namespace of that end.
    peer: int = 0
    # The kernel's number here of the namespace of the other end, None for the link's own namespace.
    peer_namespace: int | None = None
    up: bool = False
    # Whether the link resolves addresses, by ARP and by neighbour discovery.
    arp: bool = True
    # Whether the link receives multicast.
    multicast: bool = True
    # The link group.
    group: int = 0
    # How the bridge treats the link; the kernel's defaults if it is in no bridge.
    port: BridgePort = DEFAULT_PORT
    # The settings of a bridge that the kernel has, by the names in ``bridge_settings``.
    settings: Mapping[str, int] = field(default_factory=dict, hash=False)
    # The alternative names. They count like the first name: the kernel gives none of them twice.
    altnames: tuple[str, ...] = ()

    def is_of(self, identity: Identity) -> bool:
        """Return whether the link is the one with that identity, complete or not.

        The kernel accepts no alias in the message that creates a link, so a link without an alias
        is recognised by its name and its MAC address. If another program has changed the alias, the
        alternative name still shows whose the link is, unless the alias is the mark of another
        record.
        """
        if self.kind != identity.kind:
            return False
        if self.mark == identity.mark or self.mark.startswith(f"{MARK}:"):
            return self.mark == identity.mark
        is_incomplete = not self.mark and (self.name, self.mac) == (identity.name, identity.mac)
        return identity.altname in self.altnames or is_incomplete


def choose(links: Iterable[Link], identity: Identity) -> Link | None:
    """Return the link with an identity; of several, the one that the daemon works with."""
    own = [link for link in links if link.is_of(identity)]
    own.sort(key=lambda link: (identity.altname not in link.altnames, link.name != identity.name))
    return own[0] if own else None


@dataclass(frozen=True, slots=True)
class Route:
    """A default route."""

    gateway: IPAddress | None
    # The index of the device.
    device: int
    metric: int = 0
    # What made the route: RTPROT_*.
    protocol: int = 0
    # The address that the host's own packets get as their source by the route.
    source: IPAddress | None = None

    def leads_over(self, gateway: IPAddress, device: int, metric: int) -> bool:
        """Return whether the route has that gateway, device and metric."""
        return (self.gateway, self.device, self.metric) == (gateway, device, metric)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an endpoint; None and empty stand for what does not exist."""

    # The end on the host; a foreign link with its name if the endpoint has none.
    outer: Link | None
    # The name of the bridge that the outer end is in.
    master: str = ""
    # Whether that is the bridge that the outer end belongs in, whatever its name is.
    in_bridge: bool = False
    # The other end of the outer end, if it is in the sandbox.
    inner: Link | None = None
    # The addresses and default routes of the inner end. Of routes that another program added, those
    # that it need not have may be left out.
    addresses: frozenset[IPInterface] = frozenset()
    routes: frozenset[Route] = frozenset()
    # The routes that the kernel added for the addresses of the inner end.
    address_routes: frozenset[AddressRoute] = frozenset()
    # False if the sandbox's path leads nowhere, or to another namespace.
    sandbox_there: bool = True
    # Whether the sandbox lives although its path does not lead to it.
    sandbox_lives: bool = False
    # The MAC addresses that another program has fixed for neighbours of the bridge.
    neighbours: Mapping[IPAddress, str] = field(default_factory=dict)
    # Why the inner end was not looked at although it is in the sandbox, "" if it was.
    unread: str = ""
    # The current sysctls of the inner end, "" for those that the kernel does not have.
    settings: Mapping[str, str] = field(default_factory=dict)
    # The MAC addresses that the bridge's forwarding database has for the outer end, as static and
    # sticky entries. Whether it has others than the endpoint's own is not always looked up.
    static_macs: frozenset[str] = frozenset()
    # The device that limits what comes from the sandbox, if the endpoint should have one.
    shaper: Link | None = None
    # The current limits, if the endpoint should have any.
    ingress: Rate | None = None
    egress: Rate | None = None


@dataclass(frozen=True, slots=True)
class BridgeSnapshot:
    """The state of a bridge; None and empty stand for what does not exist."""

    # The bridge; a foreign link with its name if there is no bridge.
    link: Link | None
    addresses: frozenset[IPInterface] = frozenset()
    # The routes that the kernel added for the addresses.
    routes: frozenset[AddressRoute] = frozenset()
    # Whether the bridge passes frames to its own MAC address up to the host.
    receives: bool = True


class Survey:
    """The links of the host at one moment."""

    def __init__(
        self,
        links: Iterable[Link],
        addresses: Mapping[int, frozenset[IPInterface]],
        static_macs: Mapping[int, frozenset[str]],
        routes: Mapping[int, frozenset[AddressRoute]],
        neighbours: Mapping[int, Mapping[IPAddress, str]],
    ) -> None:
        """Index the links. The other arguments are by the index of a link.

        ``static_macs`` has the MAC addresses in the bridges' forwarding databases: those of static
        and sticky entries of a port, and the bridge's own. ``routes`` are those that the kernel
        added for addresses, and ``neighbours`` have MAC addresses that another program has fixed.
        """
        self._addresses = addresses
        self._static_macs = static_macs
        self._routes = routes
        self._neighbours = neighbours
        self._by_name: dict[str, Link] = {}
        self._by_index: dict[int, Link] = {}
        self._by_mark: dict[str, list[Link]] = {}
        for link in links:
            self._by_index[link.index] = link
            self._by_name.update(dict.fromkeys((link.name, *link.altnames), link))
            if link.mark:
                self._by_mark.setdefault(link.mark, []).append(link)

    def is_taken(self, identity: Identity) -> bool:
        """Return whether another link has the name of the one with that identity."""
        link = self._by_name.get(identity.name)
        return link is not None and not link.is_of(identity)

    def bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Return the state of a bridge."""
        link = self._find(bridge.identity) or self._by_name.get(bridge.name)
        if link is None:
            return BridgeSnapshot(None)
        return BridgeSnapshot(
            link,
            self._addresses.get(link.index, frozenset()),
            self._routes.get(link.index, frozenset()),
            receives=link.mac in self._static_macs.get(link.index, frozenset()),
        )

    def outer(self, veth: Veth) -> Snapshot:
        """Return the state of an endpoint's outer end."""
        link = self._find(veth.identity) or self._by_name.get(veth.name)
        bridge = self._find(veth.bridge_identity)
        master = self._by_index.get(link.master) if link else None
        return Snapshot(
            link,
            master.name if master else "",
            in_bridge=master is not None and master == bridge,
            static_macs=self._static_macs.get(link.index if link else 0, frozenset()),
            neighbours=self._neighbours.get(master.index, {}) if master else {},
        )

    def _find(self, identity: Identity) -> Link | None:
        """Return the link with an identity."""
        named = (self._by_name.get(identity.altname), self._by_name.get(identity.name))
        marked = self._by_mark.get(identity.mark, ()) if identity.mark else ()
        return choose((*filter(None, named), *marked), identity)

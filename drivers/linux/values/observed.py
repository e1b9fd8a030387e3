"""What the kernel has, as values: links, routes, and the state of bridges and endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.values.address_routes import AddressRoute
from mynet.drivers.linux.values.bridge_port import DEFAULT_PORT, BridgePort
from mynet.drivers.linux.values.desired import Rate


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


@dataclass(frozen=True, slots=True)
class Route:
    """A default route."""

    gateway: IPAddress | None
    # The index of the device.
    device: int
    metric: int = 0
    # What made the route: RTPROT_*.
    protocol: int = 0

    def leads_over(self, gateway: IPAddress, device: int, metric: int) -> bool:
        """Return whether the route has that gateway, device and metric."""
        return (self.gateway, self.device, self.metric) == (gateway, device, metric)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an endpoint; None and empty stand for what does not exist."""

    # The end on the host.
    outer: Link | None
    # The name of the bridge that the outer end is in.
    master: str
    # The end in the sandbox.
    inner: Link | None = None
    # The addresses and default routes of the inner end.
    addresses: frozenset[IPInterface] = frozenset()
    routes: frozenset[Route] = frozenset()
    # The routes that the kernel added for the addresses of the inner end.
    address_routes: frozenset[AddressRoute] = frozenset()
    # False if the sandbox's path leads nowhere, or to another namespace.
    sandbox_there: bool = True
    # The MAC addresses that another program has fixed for neighbours of the bridge.
    neighbours: Mapping[IPAddress, str] = field(default_factory=dict)
    # The MAC address of the bridge that the outer end is in.
    master_mac: str = ""
    # The current sysctls of the inner end, "" for those that the kernel does not have.
    settings: Mapping[str, str] = field(default_factory=dict)
    # The MAC addresses that the bridge's forwarding database has for the outer end, as static and
    # sticky entries. Whether it has others than the endpoint's own is not always looked up.
    static_macs: frozenset[str] = frozenset()
    # The current limits, if the endpoint should have any.
    ingress: Rate | None = None
    egress: Rate | None = None


@dataclass(frozen=True, slots=True)
class BridgeSnapshot:
    """The state of a bridge; None and empty stand for what does not exist."""

    link: Link | None
    addresses: frozenset[IPInterface] = frozenset()
    # The routes that the kernel added for the addresses.
    routes: frozenset[AddressRoute] = frozenset()
    # Whether the bridge passes frames to its own MAC address up to the host.
    receives: bool = True


@dataclass(frozen=True, slots=True)
class Survey:
    """The links of the host at one moment."""

    # By name.
    links: Mapping[str, Link]
    # By the index of their link.
    addresses: Mapping[int, frozenset[IPInterface]]
    # The MAC addresses in the bridges' forwarding databases, by the index of the port: those of
    # static and sticky entries, and the bridge's own by its own index.
    static_macs: Mapping[int, frozenset[str]] = field(default_factory=dict)
    # The routes that the kernel added for addresses, by the index of their link.
    routes: Mapping[int, frozenset[AddressRoute]] = field(default_factory=dict)
    # The MAC addresses of neighbours that another program has fixed, by the index of the link.
    neighbours: Mapping[int, Mapping[IPAddress, str]] = field(default_factory=dict)

    def bridge(self, name: str) -> BridgeSnapshot:
        """Return the state of a bridge."""
        link = self.links.get(name)
        if link is None:
            return BridgeSnapshot(None)
        return BridgeSnapshot(
            link,
            self.addresses.get(link.index, frozenset()),
            self.routes.get(link.index, frozenset()),
            receives=link.mac in self.static_macs.get(link.index, frozenset()),
        )

    def outer(self, name: str, bridge: str) -> Snapshot:
        """Return the state of an endpoint's outer end, which should be in ``bridge``."""
        link = self.links.get(name)
        master = self.links.get(bridge)
        if link is None or master is None or link.master != master.index:
            master = None
        return Snapshot(
            link,
            master.name if master else "",
            master_mac=master.mac if master else "",
            static_macs=self.static_macs.get(link.index if link else 0, frozenset()),
            neighbours=self.neighbours.get(master.index, {}) if master else {},
        )

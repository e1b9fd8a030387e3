"""What the kernel shows, as values: links, routes, and what there is of what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.values.desired import Rate


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the kernel shows it; 0 and empty stand for what it does not have.

    ``peer`` is the index of a veth's other end, in the namespace where that lives. ``isolated`` is
    a bridge's port that exchanges no frames with others that are, ``hairpin`` one that frames go
    back to where they came from.
    """

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    mark: str = ""
    master: int = 0
    peer: int = 0
    up: bool = False
    isolated: bool = False
    hairpin: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A default route: next hop, index of the device, metric, and who made it (RTPROT_*)."""

    gateway: IPAddress | None
    device: int
    metric: int = 0
    protocol: int = 0

    def leads_over(self, gateway: IPAddress, device: int, metric: int) -> bool:
        """Say whether it is the default route described."""
        return (self.gateway, self.device, self.metric) == (gateway, device, metric)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is of an endpoint; None and empty where it is not.

    ``master`` names the bridge that the host's end is in, and ``master_mac`` tells which that is.
    ``sandbox_there`` is False where the sandbox's path leads nowhere, or to another namespace.
    ``settings`` has what the pair's are now, "" for those that the kernel does not have.
    ``ingress`` and ``egress`` are the limits that hold, for an endpoint that should have any.
    """

    outer: Link | None
    master: str
    inner: Link | None = None
    addresses: frozenset[IPInterface] = frozenset()
    routes: frozenset[Route] = frozenset()
    sandbox_there: bool = True
    master_mac: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    ingress: Rate | None = None
    egress: Rate | None = None


@dataclass(frozen=True, slots=True)
class BridgeSnapshot:
    """What there is of a bridge; None and empty where it is not."""

    link: Link | None
    addresses: frozenset[IPInterface] = frozenset()


@dataclass(frozen=True, slots=True)
class Survey:
    """The links of the host by name, and their addresses by index, as they were at one moment."""

    links: Mapping[str, Link]
    addresses: Mapping[int, frozenset[IPInterface]]

    def bridge(self, name: str) -> BridgeSnapshot:
        """Return what there is of a bridge."""
        link = self.links.get(name)
        return BridgeSnapshot(link, self.addresses.get(link.index if link else 0, frozenset()))

    def outer(self, name: str, bridge: str) -> Snapshot:
        """Return what there is of the host's end of an endpoint, whose bridge should be that."""
        link = self.links.get(name)
        master = self.links.get(bridge)
        if link is None or master is None or link.master != master.index:
            master = None
        return Snapshot(
            link, master.name if master else "", master_mac=master.mac if master else ""
        )

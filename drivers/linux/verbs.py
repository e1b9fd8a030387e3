"""What drivers ask of the kernel: the verbs, and the values they are asked with.

:class:`Kernel` is implemented twice: by ``kernel.LinuxKernel`` over netlink and by
``fake.FakeKernel`` in memory. Its verbs say what should be; asking twice is asking once.

Whose a link is, is written on it: its alias is its *mark*. The kernel takes no alias while it makes
a link, so a daemon killed between the two messages leaves a link without; it is known by its name
and by the MAC address it was made with (:func:`is_ours`). Nothing else is ever touched.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Interface
from typing import Protocol

from mynet.drivers.api import IPAddress, IPInterface, IPNetwork, Sandbox
from mynet.drivers.errors import InterfaceExists
from mynet.drivers.linux.ports import Binding, Forward, Hold, Program, Publication
from mynet.drivers.linux.surroundings import Surroundings

DEFAULT_MTU = 1500
_MARK = "mynet"
BRIDGE_PORTS = 1023  # BR_MAX_PORTS less the port number 0


def mac_from(seed: str) -> str:
    """Derive a MAC address, unicast and locally administered, that is the same every time."""
    octets = b"\x02" + hashlib.sha256(seed.encode()).digest()[:5]
    return octets.hex(":")


def link_local(mac: str) -> IPv6Interface:
    """Derive the IPv6 link-local address from a MAC address (modified EUI-64, RFC 4291)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Interface((b"\xfe\x80" + bytes(6) + identifier, 64))


def with_link_local(addresses: Sequence[IPInterface], mac: str) -> tuple[IPInterface, ...]:
    """Add the link-local address where there is any IPv6: neighbours are asked from it.

    A link without IPv6 addresses gets none, so that what listens on ``::`` stays unreachable over
    an IPv4 network.
    """
    if any(isinstance(address, IPv6Interface) for address in addresses):
        return (*addresses, link_local(mac))
    return tuple(addresses)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as it should be; ``addresses`` are the host's own, ``mtu`` in bytes.

    ``mac`` is fixed, or the bridge would take the lowest of its ports' and flap with them.
    """

    name: str
    mark: str
    mac: str
    mtu: int
    addresses: Sequence[IPInterface] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """How much may pass: ``bytes_per_second``, and ``burst`` bytes at once."""

    bytes_per_second: int
    burst: int

    def __str__(self) -> str:
        """Write it as tc(8) does, without the burst: ``10Mbit``."""
        bits = self.bytes_per_second * 8
        units = (("Gbit", 10**9), ("Mbit", 10**6), ("kbit", 10**3), ("bit", 1))
        return next(f"{bits // size}{unit}" for unit, size in units if bits % size == 0)


@dataclass(frozen=True, slots=True)
class Shaper:
    """A device that what comes from a sandbox is led through, as it sends no faster than this."""

    name: str
    mark: str
    mac: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Veth:
    """An endpoint as it should be: the host's end ``name`` in ``bridge``, the other in ``sandbox``.

    The inner end is called ``interface`` and has ``mac``, ``addresses`` and a default route over
    each of ``gateways`` with ``metric``. Without a sandbox it stays beside the host's end, down,
    with nothing but its MAC address and MTU (bytes). ``outer_mac`` is set too: systemd-networkd
    changes what nobody set. ``bridge_mac`` tells the bridge from another that got its name. No
    frame passes between the bridge's ports that are ``isolated``. With ``hairpin`` the bridge sends
    frames back where they came from: with br_netfilter, that is the way from an endpoint to a
    published port of its own. ``settings`` are sysctls of the inner end by their names, in which
    IFNAME stands for the interface's; they hold before it is up. ``ingress`` limits what goes to
    the sandbox, and ``shaper`` what comes from it.
    """

    name: str
    mark: str
    outer_mac: str
    bridge: str
    mtu: int
    interface: str
    mac: str
    addresses: Sequence[IPInterface] = ()
    gateways: Sequence[IPAddress] = ()
    metric: int = 0
    sandbox: Sandbox | None = None
    bridge_mac: str = ""
    isolated: bool = False
    hairpin: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    ingress: Rate | None = None
    shaper: Shaper | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """What the firewall knows of a network: its bridge, and which subnets are masqueraded.

    Packets that come from the bridge go back there where ``icc`` allows it; ``routed`` are the IP
    versions that the world outside may come in by. Subnets of ``hairpin`` have published ports that
    are reached from the same subnet too.
    """

    bridge: str
    internal: bool = False
    masquerade: Sequence[IPNetwork] = ()
    icc: bool = True
    routed: Sequence[int] = ()
    hairpin: Sequence[IPNetwork] = ()


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
    """What there is of a :class:`Veth`; None and empty where it is not.

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
    """What there is of a :class:`Bridge`; None and empty where it is not."""

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


def priority(gateway: IPAddress, metric: int) -> int:
    """Tell the metric that a default route over ``gateway`` gets.

    IPv6 has no metric 0: the kernel would take it for 1024, and so turn the order of two networks
    round. It is 1 there.
    """
    return max(metric, 1) if isinstance(gateway, IPv6Address) else metric


def mark_of(instance: str, record: str) -> str:
    """Write whose a link is: the alias that it gets."""
    return f"{_MARK}:{instance}:{record}"


def read_mark(mark: str) -> tuple[str, str]:
    """Read the instance and the record's id out of an alias; both "" where it is not of mynet."""
    match mark.split(":"):
        case [word, instance, record] if word == _MARK:
            return instance, record
        case _:
            return "", ""


def is_ours(link: Link, wanted: Bridge | Veth | Shaper) -> bool:
    """Say whether ``link`` is the one that ``wanted`` describes, or its half-made beginning."""
    match wanted:
        case Bridge():
            kind, mac = "bridge", wanted.mac
        case Veth():
            kind, mac = "veth", wanted.outer_mac
        case Shaper():
            kind, mac = "ifb", wanted.mac
    unmarked = not link.mark and link.mac == mac
    return link.kind == kind and (link.mark == wanted.mark or unmarked)


def taken(name: str, where: str = "on this host") -> InterfaceExists:
    """Make the error for a name that belongs to somebody else's link."""
    return InterfaceExists(
        f"there is an interface {name} {where} already, and it is not this one's: it was left as"
        " it is; choose another name, or remove it",
        resource=f"interface {name}",
    )


class Watch(Protocol):
    """Somebody who is told of changes."""

    def close(self) -> None:
        """Be told of nothing any more: when this returns, nothing is on its way."""


class Kernel(Protocol):
    """The kernel's networking, for the namespace of the thread that calls.

    Every verb may be called from many threads at once and raises only what
    :mod:`mynet.drivers.errors` has.
    """

    def identify(self, path: str) -> Sandbox:
        """Tell which namespace ``path`` leads to now, or raise ``SandboxNotFound``."""

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether the namespace is still there, wherever it is found."""

    def device_names(self, sandbox: Sandbox | None) -> frozenset[str]:
        """List the names of links that are taken, in the sandbox or on the host."""

    def has_device(self, name: str) -> bool:
        """Say whether a link of the host has that name, however many there are."""

    def uplink_mtu(self) -> int:
        """Tell the MTU in bytes of the default route's device, 1500 where there is none."""

    def occupied(self) -> Sequence[IPNetwork]:
        """List where the host's addresses and routes lead, of all tables, but for defaults."""

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Make the bridge, or bring it to what it should be."""

    def is_taken(self, bridge: Bridge) -> bool:
        """Say whether a link that is not ours stands under the bridge's name."""

    def delete_bridge(self, bridge: Bridge) -> None:
        """Take the bridge away, where it is there and ours."""

    def attach(self, veth: Veth) -> None:
        """Make the endpoint, or bring it to what it should be: packets flow on return."""

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Take the endpoints away, those that are there and ours: all links gone on return."""

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Set ``isolated`` and ``hairpin`` of those that are there, ours and in their bridge."""

    def inspect(self, veth: Veth) -> Snapshot:
        """Look at what there is of the endpoint. Changes nothing."""

    def marked(self) -> Sequence[Link]:
        """List the links of the host that carry a mark of mynet, of whatever instance."""

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Look at what there is of the bridge. Changes nothing."""

    def remove(self, link: Link) -> None:
        """Take a marked link away, if it is still the one that was listed."""

    def load_firewall(
        self,
        instance: str,
        segments: Iterable[Segment],
        publications: Iterable[Publication] = (),
    ) -> None:
        """Replace the firewall table whole, in one transaction."""

    def add_segment(self, instance: str, segment: Segment) -> None:
        """Let the network's packets through as its segment says."""

    def remove_segment(self, segment: Segment) -> None:
        """Forget the network; what is not in the firewall is success."""

    def publish(self, instance: str, publication: Publication) -> None:
        """Have the endpoint's ports lead to it, and no others, in one transaction."""

    def unpublish(self, publication: Publication) -> None:
        """Forget the endpoint's ports; what is not in the firewall is success."""

    def unpublished(self, publication: Publication) -> Sequence[Forward]:
        """List those of the endpoint's ports that the firewall does not lead to it."""

    def open_loopback(self, bridge: str) -> None:
        """Let packets from 127.0.0.1 pass the bridge; the firewall guards the way back."""

    def hold(self, binding: Binding) -> Hold | None:
        """Hold a port; None where another program has it. Raises ``PortsExhausted``."""

    def program_at(self, binding: Binding) -> Program | None:
        """Tell which program has a port, or None where that cannot be seen."""

    def choosable_ports(self) -> Sequence[range]:
        """List the ports that the kernel itself chooses from, without those that are reserved."""

    def enable_forwarding(self, *, ipv4: bool, ipv6: bool) -> None:
        """Turn on what is off of the families asked for. It is never turned off again."""

    def look_around(self) -> Surroundings:
        """Tell what else on this host decides about our packets. Changes nothing."""

    def hear_advertisements(self) -> None:
        """Have uplinks that live by router advertisements hear them, although the host forwards."""

    def forwards(self) -> frozenset[int]:
        """Return the IP versions that the host forwards."""

    def is_loopback_open(self, bridge: str) -> bool:
        """Say whether packets from 127.0.0.1 may pass the bridge."""

    def survey(self) -> Survey:
        """Look at all links of the host at once. Changes nothing."""

    def rules_stand(self) -> bool:
        """Say whether the firewall's rules are as they were loaded, whatever is in its sets.

        Before they are loaded for the first time there is nothing that they could differ from.
        """

    def unfiltered(self, segment: Segment) -> Sequence[str]:
        """List what the firewall's sets lack of the network, each as nft(8) would write it."""

    def unserved(
        self, segments: Sequence[Segment], publications: Sequence[Publication]
    ) -> frozenset[str]:
        """Tell for which bridges, and which endpoints' ids, the firewall is not as it should be.

        Costs nothing while nobody has changed any firewall since the last time that all was well.
        """

    def misfiltered(
        self,
        instance: str,
        segments: Sequence[Segment],
        possible: Sequence[Segment],
        publications: Iterable[Publication],
    ) -> Sequence[str]:
        """Tell how the firewall is not what a start would make of these, a sentence each.

        For who has not loaded it. It is to have what ``segments`` say, and may have what
        ``possible`` ones and ``publications`` say, but nothing else. Whether ports lead where
        they should, ``unpublished`` tells.
        """

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Tell, from now on, the marks of links that somebody may have damaged, some at a time.

        No marks mean that it may be anything: the firewall's table, forwarding, or what was
        notified while nobody could read as fast. ``notice`` is called from a thread of its own.
        """

    def close(self) -> None:
        """Let go of what is kept between calls, but for held ports."""

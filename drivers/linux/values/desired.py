"""What the kernel should have, as values: bridges, endpoints, and a network's firewall rules.

Published ports are in ``ports``, and what the kernel has instead is in ``observed``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress, IPInterface, IPNetwork, Sandbox
from mynet.drivers.linux.values.bridge_port import BridgePort, guarded_port
from mynet.drivers.linux.values.replies import Uplink

BRIDGE_PORTS: Final = 1023  # BR_MAX_PORTS without the port number 0
DEFAULT_MTU: Final = 1500  # bytes

# The first part of each alias that mynet gives a link, and of its alternative name.
MARK: Final = "mynet"

# The link group of bridges. Link groups have numbers, and other programs use small ones. The
# firewall knows a bridge by this group while the bridge does not have its name.
BRIDGE_GROUP: Final = 0x6D62


@dataclass(frozen=True, slots=True)
class Identity:
    """What the daemon recognises a link of its own by."""

    # "bridge", "veth" or "ifb".
    kind: str
    # The name that the link should have. Other programs can change it.
    name: str
    # The alias that shows whose the link is.
    mark: str
    # The MAC address that the link is created with.
    mac: str

    @property
    def altname(self) -> str:
        """The alternative name of the link: the kernel gives it to one link only.

        It stays when the link is renamed, and the kernel finds a link by it without a list.
        """
        record = self.mark.rpartition(":")[2]
        return f"{MARK}-ifb-{record}" if self.kind == "ifb" else f"{MARK}-{record}"


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as it should be."""

    name: str
    # The alias that shows whose the bridge is.
    mark: str
    # A bridge without a MAC address of its own would take its lowest port's, and change with it.
    mac: str
    # In bytes.
    mtu: int
    # The host's own addresses on the bridge.
    addresses: Sequence[IPInterface] = ()
    # The IP versions of the packets that the host forwards from the bridge to other devices.
    forwards: frozenset[int] = frozenset()
    # The IP versions that the kernel has.
    versions: frozenset[int] = frozenset({IPV4, IPV6})
    # The subnets that the host reaches over the bridge. The kernel makes a connected route for one
    # that has an address of the bridge; the others need a route too.
    subnets: Sequence[IPNetwork] = ()

    @property
    def without_address(self) -> Sequence[IPNetwork]:
        """The subnets in which the bridge has no address, as their gateways are outside them."""
        known = {address.network for address in self.addresses}
        return [subnet for subnet in self.subnets if subnet not in known]

    @property
    def identity(self) -> Identity:
        """What the bridge is recognised by."""
        return Identity("bridge", self.name, self.mark, self.mac)


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit on traffic."""

    bytes_per_second: int
    # The bytes that may pass at once.
    burst: int

    def __str__(self) -> str:
        """Return the rate as tc(8) writes it, without the burst: ``10Mbit``."""
        bits = self.bytes_per_second * 8
        units = (("Gbit", 10**9), ("Mbit", 10**6), ("kbit", 10**3), ("bit", 1))
        return next(f"{bits // size}{unit}" for unit, size in units if bits % size == 0)


@dataclass(frozen=True, slots=True)
class Shaper:
    """A device that limits what comes from a sandbox, which is redirected through it."""

    name: str
    # The alias that shows whose the device is.
    mark: str
    mac: str
    rate: Rate

    @property
    def identity(self) -> Identity:
        """What the device is recognised by."""
        return Identity("ifb", self.name, self.mark, self.mac)


@dataclass(frozen=True, slots=True)
class Veth:
    """An endpoint as it should be: a pair of an outer end on the host and an inner end."""

    # The name of the outer end.
    name: str
    # The alias of the outer end, which shows whose it is.
    mark: str
    # systemd-networkd would change the MAC address of the outer end if the daemon did not set it.
    outer_mac: str
    # The bridge that the outer end belongs in: its name, and what it is recognised by beside that.
    bridge: str
    bridge_mark: str
    bridge_mac: str
    # Of both ends, in bytes.
    mtu: int
    # The name of the inner end.
    interface: str
    # The MAC address of the inner end.
    mac: str
    # The addresses of the inner end.
    addresses: Sequence[IPInterface] = ()
    # The inner end gets a default route over each of them. One that is in none of the networks of
    # the addresses is on the link all the same.
    gateways: Sequence[IPAddress] = ()
    # Of the default routes; see :func:`priority`.
    metric: int = 0
    # Where the inner end is. Without a sandbox it stays on the host, down and without addresses.
    sandbox: Sandbox | None = None
    # Whether the bridge passes no frames between this port and others that are isolated.
    isolated: bool = False
    # Whether the bridge sends frames back to the port that they came from. An endpoint reaches its
    # own published port that way where br_netfilter is loaded.
    hairpin: bool = False
    # Whether the bridge holds the endpoint to its own MAC address. It learns none from it then.
    guarded: bool = True
    # Sysctls of the inner end, written before it is up. IFNAME in a name stands for the interface.
    settings: Mapping[str, str] = field(default_factory=dict)
    # The limit on what goes to the sandbox.
    ingress: Rate | None = None
    # The device that limits what comes from the sandbox.
    shaper: Shaper | None = None
    # Whether the inner end is the daemon's. If not, it belongs to the owner of the sandbox once it
    # is made: the daemon neither inspects nor changes it.
    manages_inner: bool = True

    @property
    def identity(self) -> Identity:
        """What the outer end is recognised by."""
        return Identity("veth", self.name, self.mark, self.outer_mac)

    @property
    def bridge_identity(self) -> Identity:
        """What the bridge is recognised by."""
        return Identity("bridge", self.bridge, self.bridge_mark, self.bridge_mac)

    @property
    def port(self) -> BridgePort:
        """How the bridge should treat the outer end."""
        if self.guarded:
            return guarded_port(isolated=self.isolated, hairpin=self.hairpin)
        return BridgePort(isolated=self.isolated, hairpin=self.hairpin)


def is_on_link(gateway: IPAddress, addresses: Sequence[IPInterface]) -> bool:
    """Return whether the networks of a link's addresses contain a gateway."""
    return any(gateway in address.network for address in addresses)


def priority(gateway: IPAddress, metric: int) -> int:
    """Return the metric of a default route over ``gateway``.

    IPv6 has no metric 0: the kernel takes 0 for 1024, which would reverse the order of two
    networks. It becomes 1.
    """
    return max(metric, 1) if isinstance(gateway, IPv6Address) else metric


@dataclass(frozen=True, slots=True)
class RouteSource:
    """The source address that a default route asks for: ``default via ... dev DEVICE src ADDRESS``.

    It differs from the address that masquerading would choose.
    """

    device: str
    address: IPAddress


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """The firewall's rules for a network."""

    # The name of the network's bridge.
    bridge: str
    # Whether no packets pass between the network and the world outside.
    internal: bool = False
    # The subnets whose packets leave with an address of the host.
    masquerade: Sequence[IPNetwork] = ()
    # Whether packets from the bridge may go back to it.
    icc: bool = True
    # The IP versions by which the world outside may reach the endpoints' own addresses.
    routed: Sequence[int] = ()
    # The IP versions in which the host has no address on the network, of an internal network.
    without_host: Sequence[int] = ()
    # All subnets of the network. Packets from its bridge with other sources are forged.
    subnets: Sequence[IPNetwork] = ()
    # The host's addresses that masqueraded packets get, at most one for each IP version.
    host_addresses: Sequence[IPAddress] = ()
    # The addresses that masqueraded packets get by the uplink's default route instead.
    route_sources: Sequence[RouteSource] = ()
    # The uplinks that replies of published ports leave by if their request came in by them.
    uplinks: Sequence[Uplink] = ()

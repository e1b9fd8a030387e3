"""What the kernel is asked to have, as values: bridges, endpoints, and what the firewall lets pass.

Published ports are in ``ports``, and what the kernel has instead in ``observed``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from mynet.drivers.api import IPAddress, IPInterface, IPNetwork, Sandbox

BRIDGE_PORTS = 1023  # BR_MAX_PORTS without the port number 0
DEFAULT_MTU = 1500  # bytes


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


def priority(gateway: IPAddress, metric: int) -> int:
    """Tell the metric that a default route over ``gateway`` gets.

    IPv6 has no metric 0: the kernel would take it for 1024, and so turn the order of two networks
    round. It is 1 there.
    """
    return max(metric, 1) if isinstance(gateway, IPv6Address) else metric


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What the firewall knows of a network: its bridge, and which subnets are masqueraded.

    Packets that come from the bridge go back there where ``icc`` allows it; ``routed`` are the IP
    versions that the world outside may come in by.
    """

    bridge: str
    internal: bool = False
    masquerade: Sequence[IPNetwork] = ()
    icc: bool = True
    routed: Sequence[int] = ()

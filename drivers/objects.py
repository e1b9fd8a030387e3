"""What the verbs of a driver are given and return: networks, endpoints and their parts.

Third parties import these names from :mod:`mynet.drivers.api`. All are frozen: the daemon decides
every value before it calls a driver, and a driver changes none.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

IPV4: Final = 4  # the IP versions, as the `version` of an address or a subnet
IPV6: Final = 6


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The network namespace that receives the inner end of an endpoint.

    A path may later lead to another namespace and the kernel reuses process ids, but it assigns a
    cookie only once between two boots. If the path leads to another cookie, the sandbox is gone.
    """

    # Where the namespace is opened: "/run/netns/web", "/proc/4711/ns/net".
    path: str
    # The identity of the namespace, SO_NETNS_COOKIE of socket(7).
    cookie: int


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet of a network."""

    # The subnet in CIDR notation.
    cidr: IPNetwork
    # The host's own address, to which endpoints send what leaves the network. It may be outside the
    # subnet, such as fe80::1. None in a subnet of one or two addresses of an internal network,
    # which are left to endpoints: there is no way out, so the host needs no address.
    gateway: IPAddress | None


@dataclass(frozen=True, slots=True)
class Network:
    """A network as it should be."""

    # The unique id of the record, which never changes.
    id: str
    # The name that users gave it.
    name: str
    # The name of the host's device.
    interface: str
    # At least one subnet, of either IP version.
    subnets: Sequence[Subnet]
    # The MTU in bytes of the host's device and of every endpoint.
    mtu: int
    # Whether packets stay on the network: none are forwarded to or from other devices.
    internal: bool = False
    # Whether packets that leave the host get the host's address as their source.
    masquerade: bool = True
    # The network's options. Each has passed Option.check.
    options: Mapping[str, str] = field(default_factory=dict)
    # The network's endpoints. Driver.restore, survey and audit receive them, and
    # Driver.conditions where the doctor asks.
    endpoints: "Sequence[Endpoint]" = ()


class PortProtocol(Enum):
    """The transport protocol of a port."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


@dataclass(frozen=True, slots=True)
class PortMapping:
    """Consecutive ports of the host that lead to consecutive ports of an endpoint.

    Port ``host_port + n`` leads to ``container_port + n`` at the endpoint's first address of each
    IP version that the mapping covers.
    """

    # The first port of the endpoint.
    container_port: int
    protocol: PortProtocol = PortProtocol.TCP
    # The first port of the host. A driver never receives 0: with 0 a caller asks the daemon to
    # choose the port.
    host_port: int = 0
    # How many ports are mapped.
    count: int = 1
    # The address of the host at which the ports are open. An unspecified address (0.0.0.0, ::)
    # stands for all addresses of its IP version, and None for all addresses of both.
    host_ip: IPAddress | None = None

    @property
    def address(self) -> IPAddress | None:
        """The single host address at which the ports are open, or None for more than one."""
        return None if self.host_ip is None or self.host_ip.is_unspecified else self.host_ip

    def is_of(self, version: int) -> bool:
        """Return whether the ports are open at host addresses of an IP version."""
        return self.host_ip is None or self.host_ip.version == version


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it should be."""

    # The unique id of the record, which never changes.
    id: str
    # The network that it is connected to, without `Network.endpoints`.
    network: Network
    # The name of the inner end, in the sandbox.
    interface: str
    # The name of the outer end, on the host.
    host_interface: str
    # The MAC address of the inner end: six hexadecimal bytes, joined by colons.
    mac_address: str
    # The addresses of the inner end, with the prefix lengths of their subnets.
    addresses: Sequence[IPInterface]
    # The next hops of the default routes, at most one an IP version.
    gateways: Sequence[IPAddress] = ()
    # The metric of the default routes. In a sandbox with several networks the lowest wins.
    route_metric: int = 0
    # Where the inner end goes. With None it stays in the daemon's namespace, down and without
    # addresses, and the caller moves it.
    sandbox: Sandbox | None = None
    # Whether a path leads to the sandbox. If not, the sandbox lives all the same: the driver checks
    # and repairs only what is outside it.
    reachable: bool = True
    # The endpoint's options. Each has passed Option.check.
    options: Mapping[str, str] = field(default_factory=dict)
    # The published ports, only for a driver with the capability PORTS. The daemon has reserved
    # them, so that no other program of the host can take them.
    ports: Sequence[PortMapping] = ()


@dataclass(frozen=True, slots=True)
class NetworkUpdate:
    """A network with the options that it gets, and its endpoints."""

    # The network as it should be from now on.
    network: Network
    # Its endpoints. The `network` of each is the one above.
    endpoints: Sequence[Endpoint] = ()


@dataclass(frozen=True, slots=True)
class ExpectedState:
    """All records of one driver. Whatever else of the driver the kernel has is left over."""

    # What should be there, with `Network.endpoints`.
    networks: Sequence[Network]
    # What the daemon had begun to make or to delete when it died. Any part of it may be there, and
    # its endpoints may have no addresses yet. A network with unfinished endpoints is in both lists.
    unfinished: Sequence[Network] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """What another program of this host does to a network, and mynet does not change."""

    # Which program it is, and what does not work because of it: a sentence or two.
    problem: str
    # What to do: a sentence or two.
    remedy: str
    # The remedy as command lines for a root shell on this host. Once they have run, the condition
    # is not found any more.
    commands: Sequence[str] = ()


class ProbeState(Enum):
    """What became of a packet that was sent to see whether an answer comes."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    # The packet was not sent, so nothing is known.
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Probe:
    """A packet that was sent to see whether an answer comes."""

    # What the packet was sent from: "endpoint 3f2a... of network web".
    source: str
    # What it was sent to: "gateway 10.1.0.1".
    target: str
    state: ProbeState
    # Where the packet ended, or why it was not sent; "" if an answer came.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object in the kernel with this instance's mark that no record accounts for."""

    # The id in the mark.
    id: str
    # What the object is, for people: "interface veth3f2a".
    name: str
    # Whether the record exists, and this is a second object with its mark.
    is_copy: bool = False
    # Whether a sandbox that lives needs the object. Repairs and starts do not remove it then.
    in_use: bool = False

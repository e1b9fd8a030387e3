"""Networks and endpoints as the core and its store know them: values, never changed in place.

A record keeps the *spec* it was made from beside what came of it: the same request again is
recognised by its spec, whatever the daemon chose for what the caller left open.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import Enum

from mynet.drivers import api as drivers
from mynet.drivers.api import IPInterface, PortMapping, Sandbox
from mynet.ipam.api import IPAddress, IPNetwork
from mynet.server.model.subnets import SubnetSpec

NETWORK_OWNER = "network:"
ENDPOINT_OWNER = "endpoint:"
MAX_LABELS = 64  # of an object; likewise options
MAX_GATEWAY_PRIORITY = 1000  # and its negative is the least


class NetworkState(Enum):
    """What a network is going through; the first and the last are intents."""

    CREATING = "creating"
    READY = "ready"
    DELETING = "deleting"


class EndpointState(Enum):
    """What an endpoint is going through; the first and the last are intents."""

    CONNECTING = "connecting"
    READY = "ready"
    DISCONNECTING = "disconnecting"


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network asked for. ``mtu`` 0 and ``interface`` "" leave the choice to the daemon."""

    name: str
    driver: str
    ipam: str
    subnets: tuple[SubnetSpec, ...]
    internal: bool = False
    mtu: int = 0
    masquerade: bool = True
    interface: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subnet:
    """A network's subnet with its gateway, which is None until it has been allocated.

    ``spec`` is what it was made from.
    """

    cidr: IPNetwork
    gateway: IPAddress | None
    spec: SubnetSpec


@dataclass(frozen=True, slots=True)
class Network:
    """A network: the spec, and what the daemon made of it."""

    id: str
    spec: NetworkSpec
    subnets: tuple[Subnet, ...]
    interface: str
    mtu: int
    state: NetworkState
    create_time: datetime
    revision: int = 0

    @property
    def name(self) -> str:
        """The name that people use."""
        return self.spec.name

    @property
    def owner(self) -> str:
        """Who holds this network's gateway addresses in the book."""
        return NETWORK_OWNER + self.id

    @property
    def versions(self) -> frozenset[int]:
        """The IP versions that it has subnets of."""
        return frozenset(subnet.cidr.version for subnet in self.subnets)

    def for_driver(self, endpoints: "Sequence[Endpoint]" = ()) -> drivers.Network:
        """Return what the driver is told; a gateway that was never allocated is left out."""
        return drivers.Network(
            id=self.id,
            name=self.name,
            interface=self.interface,
            subnets=tuple(
                drivers.Subnet(subnet.cidr, subnet.gateway)
                for subnet in self.subnets
                if subnet.gateway is not None
            ),
            mtu=self.mtu,
            internal=self.spec.internal,
            masquerade=self.spec.masquerade,
            options=self.spec.options,
            endpoints=tuple(endpoint.for_driver(self) for endpoint in endpoints),
        )


@dataclass(frozen=True, slots=True)
class AddressSpec:
    """An address asked for; a prefix length is checked against the subnet's, no more."""

    address: IPAddress
    prefix_length: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """An endpoint asked for, but for its sandbox, which may be another the next time.

    Of a sandbox's networks, the one with the highest ``gateway_priority`` gives the default route.
    """

    container_id: str
    interface: str = ""
    addresses: tuple[AddressSpec, ...] = ()
    mac_address: str = ""
    address_owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PortMapping, ...] = ()
    gateway_priority: int = 0

    def unlike(self, made_from: "EndpointSpec") -> Sequence[str]:
        """Name the fields in which an endpoint made from that spec is not what this asks for."""
        asked = replace(self, interface=self.interface or made_from.interface)
        return unlike(asked.in_order(), made_from.in_order())

    def in_order(self) -> "EndpointSpec":
        """Return the same spec with its addresses, and its ports, in one order."""
        ordered = sorted(self.addresses, key=lambda each: (each.address.version, int(each.address)))
        ports = sorted(self.ports, key=repr)  # any order will do, if it is the same every time
        return replace(self, addresses=tuple(ordered), ports=tuple(ports))


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """Where the inner end goes: a path to a network namespace, and the pid it came from, if any."""

    path: str
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the inner end is: in a sandbox, found by a pid perhaps, or None: with the caller."""

    sandbox: Sandbox | None = None
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint: the spec, and what the daemon made of it.

    ``taken`` are the addresses that ``spec.address_owner`` held before: an endpoint that never got
    READY gives them back to that owner. ``boot_id`` is the boot that the sandbox's cookie is of.
    ``ports`` are those of the spec, in its order; on record, none leaves a port of the host open.
    ``failure`` says why it could not be made whole when that was tried last, and is empty where it
    could.
    """

    id: str
    network_id: str
    network: str
    spec: EndpointSpec
    interface: str
    host_interface: str
    mtu: int
    route_metric: int
    state: EndpointState
    create_time: datetime
    place: Place = Place()
    boot_id: str = ""
    taken: tuple[IPAddress, ...] = ()
    addresses: tuple[IPInterface, ...] = ()
    gateways: tuple[IPAddress, ...] = ()
    mac_address: str = ""
    ports: tuple[PortMapping, ...] = ()
    failure: str = ""
    revision: int = 0

    @property
    def conditions(self) -> Sequence[drivers.Condition]:
        """What keeps it from working."""
        if not self.failure:
            return ()
        remedy = "See to it, then connect its container again, or run mynetctl doctor --repair."
        return (drivers.Condition(f"It could not be made whole: {self.failure}", remedy),)

    @property
    def owner(self) -> str:
        """Who holds this endpoint's addresses in the book."""
        return ENDPOINT_OWNER + self.id

    @property
    def sticky_key(self) -> str:
        """What leads back to this endpoint's addresses: its id is another one the next time.

        So is the name of an interface without a sandbox, unless it was asked for.
        """
        lasting = self.interface if self.place.sandbox else self.spec.interface
        return f"{self.network}/{self.spec.container_id}/{lasting}"

    def for_driver(self, network: Network) -> drivers.Endpoint:
        """Return what the driver is told."""
        return drivers.Endpoint(
            id=self.id,
            network=network.for_driver(),
            interface=self.interface,
            host_interface=self.host_interface,
            mac_address=self.mac_address,
            addresses=self.addresses,
            gateways=self.gateways,
            route_metric=self.route_metric,
            sandbox=self.place.sandbox,
            options=self.spec.options,
            ports=self.ports,
        )


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """A network, and how many endpoints are on it."""

    network: Network
    endpoint_count: int


@dataclass(frozen=True, slots=True)
class EndpointSelector:
    """Selects endpoints by id, by network and container (and interface), or by container."""

    endpoint: str = ""
    network: str = ""
    container_id: str = ""
    interface: str = ""


def is_own(owner: str) -> bool:
    """Say whether an owner is a network or an endpoint of this daemon."""
    return owner.startswith((ENDPOINT_OWNER, NETWORK_OWNER))


def derive_mac(network_id: str, address: str) -> str:
    """Derive a MAC address: locally administered, unicast, the same whenever the address is.

    So a neighbour's ARP entry for an address that was used before is right again.
    """
    digest = hashlib.sha256(f"{network_id} {address}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


def unlike(one: NetworkSpec | EndpointSpec, other: NetworkSpec | EndpointSpec) -> Sequence[str]:
    """Name the fields in which two specs of a kind differ."""
    names = [each.name for each in fields(one)]
    return [name for name in names if getattr(one, name) != getattr(other, name)]

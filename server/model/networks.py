"""Networks as the core and its store know them: values, never changed in place.

A record keeps the *spec* that it was made from beside the result. The daemon recognises a repeated
request by its spec, whatever it chose for the fields that the caller left open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from mynet.drivers import api as drivers
from mynet.ipam.api import IPAddress, IPNetwork
from mynet.server.model.subnets import SubnetSpec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NETWORK_OWNER = "network:"
POINT_TO_POINT = 2  # addresses of a /31 or /127
MAX_LABELS = 64  # labels of one object, and likewise options

S = TypeVar("S", bound="DataclassInstance")


class NetworkState(Enum):
    """The phase of a network's life. CREATING and DELETING are recorded intents."""

    CREATING = "creating"
    READY = "ready"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The network that a caller asks for."""

    name: str
    driver: str
    ipam: str
    subnets: tuple[SubnetSpec, ...]
    # Without a way to or from other networks and the host's uplinks.
    internal: bool = False
    # In bytes; 0 leaves the choice to the daemon.
    mtu: int = 0
    masquerade: bool = True
    # The name of the network's device on the host; "" leaves the choice to the daemon.
    interface: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a network."""

    cidr: IPNetwork
    # None until the network is made, and where the host needs no address in the subnet.
    gateway: IPAddress | None
    # What the subnet was made from.
    spec: SubnetSpec

    @property
    def leased_gateway(self) -> IPAddress | None:
        """The gateway if it is an address of the subnet, which is allocated to the network."""
        return self.gateway if self.gateway and self.gateway in self.cidr else None


@dataclass(frozen=True, slots=True)
class Network:
    """A network: its spec, and what the daemon made of it."""

    id: str
    spec: NetworkSpec
    subnets: tuple[Subnet, ...]
    interface: str
    mtu: int
    state: NetworkState
    create_time: datetime
    # Why it has no subnet of an IP version that was left to the daemon, or "".
    exhausted: str = ""
    # The revision of the commit that wrote the record.
    revision: int = 0

    @property
    def name(self) -> str:
        """The name that the caller gave it."""
        return self.spec.name

    @property
    def owner(self) -> str:
        """The owner under which the IPAM store has this network's gateway addresses."""
        return NETWORK_OWNER + self.id

    @property
    def versions(self) -> frozenset[int]:
        """The IP versions that it has subnets of."""
        return frozenset(subnet.cidr.version for subnet in self.subnets)

    @property
    def conditions(self) -> Sequence[drivers.Condition]:
        """What its record tells of what keeps it from working."""
        if not self.exhausted:
            return ()
        (version,) = self.versions
        problem = f"It is a network of IPv{version} alone: {self.exhausted}."
        remedy = "If its endpoints need both IP versions, make it anew with subnets that you name."
        return (drivers.Condition(problem, remedy),)

    def for_driver(self, endpoints: Sequence[drivers.Endpoint] = ()) -> drivers.Network:
        """Return the network as its driver gets it."""
        return drivers.Network(
            id=self.id,
            name=self.name,
            interface=self.interface,
            subnets=tuple(drivers.Subnet(subnet.cidr, subnet.gateway) for subnet in self.subnets),
            mtu=self.mtu,
            internal=self.spec.internal,
            masquerade=self.spec.masquerade,
            options=self.spec.options,
            endpoints=tuple(endpoints),
        )


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """A network, and how many endpoints are on it."""

    network: Network
    endpoint_count: int


def needs_gateway(cidr: IPNetwork, *, internal: bool) -> bool:
    """Return whether the host gets an address in a network's subnet if the caller names none.

    The endpoints of an internal network have no default route. So the addresses of a /31 or /127
    are left to two endpoints (RFC 3021, RFC 6164), and that of a /32 or /128 to one.
    """
    return not (internal and cidr.num_addresses <= POINT_TO_POINT)


def differing_fields(spec: S, other: S) -> Sequence[str]:
    """Return the names of the fields in which two specs of one type differ."""
    names = [field.name for field in fields(spec)]
    return [name for name in names if getattr(spec, name) != getattr(other, name)]

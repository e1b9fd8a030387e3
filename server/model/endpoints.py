"""Endpoints as the core and its store know them: values, never changed in place."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from mynet.drivers import api as drivers
from mynet.drivers.api import IPInterface, PortMapping, Sandbox
from mynet.ipam.api import IPAddress
from mynet.server.model.networks import NETWORK_OWNER, Network, NetworkState, differing_fields

ENDPOINT_OWNER = "endpoint:"
MAX_GATEWAY_PRIORITY = 1000  # its negative is the least


class EndpointState(Enum):
    """The phase of an endpoint's life. CONNECTING and DISCONNECTING are recorded intents."""

    CONNECTING = "connecting"
    READY = "ready"
    DISCONNECTING = "disconnecting"


@dataclass(frozen=True, slots=True)
class AddressSpec:
    """An address that a caller asks for."""

    address: IPAddress
    # Only checked against the subnet's prefix length; None where the caller named none.
    prefix_length: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """The endpoint that a caller asks for, without its sandbox, which may change later."""

    container_id: str
    # The name of the device inside the sandbox; "" leaves the choice to the daemon.
    interface: str = ""
    # Of every family that has none here, any one address of the network is allocated.
    addresses: tuple[AddressSpec, ...] = ()
    # "" has it derived from the address.
    mac_address: str = ""
    # An owner whose addresses the endpoint takes over.
    address_owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PortMapping, ...] = ()
    # Of a sandbox's networks, the one with the highest priority gives the default route.
    gateway_priority: int = 0

    def differs_from(self, made_from: "EndpointSpec") -> Sequence[str]:
        """Return the names of the fields that an endpoint made from the other spec lacks."""
        asked = replace(self, interface=self.interface or made_from.interface)
        return differing_fields(asked.normalized(), made_from.normalized())

    def normalized(self) -> "EndpointSpec":
        """Return the same spec with its addresses, and its ports, in one order."""
        # Any order will do, if it is the same every time.
        addresses = sorted(self.addresses, key=lambda spec: repr(spec.address))
        return replace(self, addresses=tuple(addresses), ports=tuple(sorted(self.ports, key=repr)))


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """The sandbox that a caller asks for."""

    # A path to a network namespace.
    path: str
    # The process that the path was made from, or 0.
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the inner end of an endpoint is."""

    # None where the inner end is left to the caller.
    sandbox: Sandbox | None = None
    # The process that the caller named the sandbox by, or 0.
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint: its spec, and what the daemon made of it."""

    id: str
    network_id: str
    # The network's name.
    network: str
    spec: EndpointSpec
    # The device inside the sandbox.
    interface: str
    # The device on the host, or "" where the driver makes none.
    host_interface: str
    mtu: int
    route_metric: int
    state: EndpointState
    create_time: datetime
    place: Place = Place()
    # The boot of the host during which the sandbox's cookie is valid.
    boot_id: str = ""
    # The addresses that ``spec.address_owner`` held before. An endpoint that never got READY gives
    # them back to that owner.
    taken: tuple[IPAddress, ...] = ()
    addresses: tuple[IPInterface, ...] = ()
    gateways: tuple[IPAddress, ...] = ()
    mac_address: str = ""
    # Those of the spec, in its order. On record, every one has its port of the host.
    ports: tuple[PortMapping, ...] = ()
    # Why the last attempt to repair it failed, or "".
    failure: str = ""
    # The revision of the commit that wrote the record.
    revision: int = 0

    @property
    def display_name(self) -> str:
        """The endpoint's name in messages."""
        return f"endpoint {self.id[:12]} of container {self.spec.container_id}"

    @property
    def metadata(self) -> Mapping[str, str]:
        """What identifies the endpoint in the metadata of errors."""
        return {"endpoint": self.id, "container_id": self.spec.container_id}

    @property
    def conditions(self) -> Sequence[drivers.Condition]:
        """What keeps it from working."""
        if not self.failure:
            return ()
        remedy = (
            "Remove the cause, then connect its container again, or run mynetctl doctor --repair."
        )
        return (drivers.Condition(f"It could not be repaired: {self.failure}", remedy),)

    @property
    def owner(self) -> str:
        """The owner under which the IPAM store has this endpoint's addresses."""
        return ENDPOINT_OWNER + self.id

    @property
    def sticky_key(self) -> str:
        """The key by which the successor of this endpoint gets its addresses again.

        The id is not part of it, as a successor has another. Neither is the interface of an
        endpoint without a sandbox, unless the caller named it.
        """
        lasting = self.interface if self.place.sandbox else self.spec.interface
        return f"{self.network}/{self.spec.container_id}/{lasting}"

    def is_ready_on(self, network: Network) -> bool:
        """Return whether the endpoint is READY, on a network that is not being deleted."""
        return self.state is EndpointState.READY and network.state is not NetworkState.DELETING

    def is_out_of_reach(self, boot_id: str, cookies: Container[int]) -> bool:
        """Return whether the endpoint is of this boot, and no path leads to its sandbox.

        ``boot_id`` is that of the running kernel, and ``cookies`` are those of the sandboxes that
        paths lead to.
        """
        sandbox = self.place.sandbox
        is_lost = sandbox is not None and sandbox.cookie not in cookies
        return is_lost and self.boot_id == boot_id

    def why_gone(self, boot_id: str, cookies: Container[int], living: Container[str] = ()) -> str:
        """Return why the endpoint cannot exist any more, or "" where it can.

        The arguments are those of :meth:`is_out_of_reach`, and the ids of the endpoints whose
        sandboxes live without a path.
        """
        if self.boot_id != boot_id:
            return "It is of an earlier boot of this host."
        sandbox = self.place.sandbox
        if sandbox and sandbox.cookie not in cookies and self.id not in living:
            return f"Its sandbox, which was at {sandbox.path}, is gone."
        return ""

    def for_driver(self, network: Network) -> drivers.Endpoint:
        """Return the endpoint as its driver gets it."""
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
class EndpointSelector:
    """Selects endpoints by id, by network and container (and interface), or by container."""

    endpoint: str = ""
    network: str = ""
    container_id: str = ""
    interface: str = ""


def with_endpoints(network: Network, endpoints: Sequence[Endpoint]) -> drivers.Network:
    """Return a network as its driver gets it together with endpoints on it."""
    return network.for_driver([endpoint.for_driver(network) for endpoint in endpoints])


def is_own(owner: str) -> bool:
    """Return whether an owner of addresses is a network or an endpoint of this daemon."""
    return owner.startswith((ENDPOINT_OWNER, NETWORK_OWNER))

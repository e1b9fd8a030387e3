"""Requests of NetworkService into values of the core. Each raises InvalidArgument."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from mynet.drivers.api import IPV6, Driver, NetworkRequest
from mynet.server.addressing.allocations import DEFAULT_BACKEND
from mynet.server.errors import quoted
from mynet.server.model.changes import EndpointChange, MapChange, NetworkChange
from mynet.server.model.endpoints import (
    MAX_GATEWAY_PRIORITY,
    EndpointSelector,
    EndpointSpec,
    SandboxSpec,
)
from mynet.server.model.networks import MAX_LABELS, NetworkSpec
from mynet.server.model.subnets import MIN_MTU_IPV6
from mynet.server.plugins.catalog import Catalog
from mynet.server.plugins.options import network_violations
from mynet.server.services.from_proto import fields, links
from mynet.server.services.from_proto.ports import unpack_ports, unpack_ports_change
from mynet.server.services.from_proto.subnets import network_subnets
from mynet.server.services.from_proto.violations import Violations
from mynet.v1 import network_pb2

DEFAULT_DRIVER = "bridge"
MAX_BATCH = 256  # requests

R = TypeVar("R")

SelectorMessage: TypeAlias = (
    network_pb2.UpdateEndpointRequest
    | network_pb2.DisconnectRequest
    | network_pb2.GetEndpointRequest
    | network_pb2.CheckEndpointRequest
)


def network(request: network_pb2.CreateNetworkRequest, drivers: Catalog[Driver]) -> NetworkSpec:
    """Return the spec of the requested network."""
    violations, message = Violations(), request.network
    spec = NetworkSpec(
        name=violations.parse("network.name", message.name, fields.network_name) or "",
        driver=violations.parse("network.driver", message.driver, fields.text) or DEFAULT_DRIVER,
        ipam=violations.parse("network.ipam", message.ipam, fields.text) or DEFAULT_BACKEND,
        subnets=network_subnets(violations, request),
        internal=message.internal,
        mtu=message.mtu,
        masquerade=message.masquerade if message.HasField("masquerade") else True,
        interface=violations.parse("network.interface", message.interface, links.device_name) or "",
        options=violations.texts("network.options", message.options),
        labels=violations.texts("network.labels", message.labels),
    )
    _check_mtu(violations, spec)
    asked = NetworkRequest(
        spec.options,
        frozenset(subnet.version for subnet in spec.subnets),
        spec.internal,
        message.masquerade if message.HasField("masquerade") else None,
    )
    for listing in drivers:
        if listing.plugin and listing.name == spec.driver:
            info = listing.plugin.implementation.info
            violations.extend(network_violations("network.", asked, info))
    violations.refuse()
    return spec


def network_change(request: network_pb2.UpdateNetworkRequest) -> tuple[str, NetworkChange]:
    """Return the selector of a network, and the requested change."""
    violations = Violations()
    _require(violations, "network", request.network)
    change = NetworkChange(
        labels=_map_change(violations, "labels", request.labels, request.remove_labels),
        options=_map_change(violations, "options", request.options, request.remove_options),
    )
    violations.refuse()
    return request.network, change


def endpoint_change(
    request: network_pb2.UpdateEndpointRequest,
) -> tuple[EndpointSelector, EndpointChange]:
    """Return the selector of an endpoint, and the requested change."""
    violations = Violations()
    selected = _selector(violations, request)
    labels = _map_change(violations, "labels", request.labels, request.remove_labels)
    if request.replace_labels:
        labels = replace(labels, replace=True)
        if labels.remove:
            violations.add("remove_labels", "must be empty if replace_labels is set")
    options = _map_change(violations, "options", request.options, request.remove_options)
    change = EndpointChange(labels, unpack_ports_change(violations, request), options)
    violations.refuse()
    return selected, change


def _map_change(
    violations: Violations, field: str, given: Mapping[str, str], removed: Sequence[str]
) -> MapChange:
    change = MapChange(violations.texts(field, given), frozenset(removed))
    violations.limit(f"remove_{field}", len(removed), MAX_LABELS)
    for number, key in enumerate(removed):
        if key in change.put:
            violations.add(
                f"remove_{field}[{number}]", f"{quoted(key)} is also to be set; name the key once"
            )
    return change


def endpoint(request: network_pb2.ConnectRequest) -> tuple[EndpointSpec, SandboxSpec | None]:
    """Return the spec of the requested endpoint, and its sandbox."""
    violations = Violations()
    _require(violations, "network", request.network)
    addresses = [
        violations.parse(f"addresses[{number}]", value, fields.address_spec)
        for number, value in enumerate(request.addresses)
    ]
    violations.limit("addresses", len(addresses), fields.MAX_ADDRESSES)
    asked = tuple(address for address in addresses if address)
    if len(set(asked)) < len(asked):
        violations.add("addresses", "has an address twice")
    spec = EndpointSpec(
        container_id=violations.parse("container_id", request.container_id, fields.some_text) or "",
        interface=violations.parse("interface", request.interface, links.device_name) or "",
        addresses=asked,
        mac_address=violations.parse("mac_address", request.mac_address, links.mac_address) or "",
        address_owner=violations.parse("address_owner", request.address_owner, fields.owner) or "",
        labels=violations.texts("labels", request.labels),
        options=violations.texts("options", request.options),
        ports=unpack_ports(violations, request.ports),
        gateway_priority=request.gateway_priority,
    )
    if abs(spec.gateway_priority) > MAX_GATEWAY_PRIORITY:
        span = f"-{MAX_GATEWAY_PRIORITY} to {MAX_GATEWAY_PRIORITY}"
        violations.add("gateway_priority", f"{spec.gateway_priority} is not from {span}")
    sandbox = _sandbox(violations, request)
    violations.refuse()
    return spec, sandbox


def require_batch(requests: Sequence[R], key: Callable[[R], Hashable]) -> None:
    """Raise InvalidArgument unless a batch has a number of requests that is allowed, each once."""
    violations = Violations()
    if not 0 < len(requests) <= MAX_BATCH:
        violations.add(
            "requests",
            f"has {len(requests)} entries, not 1 to {MAX_BATCH}; make several calls",
        )
    places: dict[Hashable, int] = {}
    for place, request in enumerate(requests):
        if (first := places.setdefault(key(request), place)) != place:
            violations.add(
                f"requests[{place}]", f"is about the same as requests[{first}]; give one of them"
            )
    violations.refuse()


def endpoint_key(request: network_pb2.ConnectRequest) -> Hashable:
    """Return what identifies the endpoint of a request."""
    return request.network, request.container_id, request.interface


def selector_key(request: network_pb2.DisconnectRequest) -> Hashable:
    """Return what selects the endpoints of a request."""
    return request.endpoint, request.network, request.container_id, request.interface


def selector(request: SelectorMessage, *, container_alone: bool = False) -> EndpointSelector:
    """Return the selector of endpoints; with ``container_alone`` a container is enough."""
    violations = Violations()
    selected = _selector(violations, request, container_alone=container_alone)
    violations.refuse()
    return selected


def _selector(
    violations: Violations, request: SelectorMessage, *, container_alone: bool = False
) -> EndpointSelector:
    if not request.endpoint:
        if not request.container_id:
            violations.add("endpoint", "is required, or network and container_id")
        elif not request.network and not container_alone:
            violations.add("network", "is required with container_id")
    elif request.network or request.container_id or request.interface:
        violations.add("endpoint", "must be empty if network, container_id or interface is set")
    return EndpointSelector(
        request.endpoint, request.network, request.container_id, request.interface
    )


def network_selector(value: str) -> str:
    """Return the selector of a network: an id, a name or a prefix of an id."""
    violations = Violations()
    _require(violations, "network", value)
    violations.refuse()
    return value


def backup_name(value: str) -> str:
    """Return the name of the file for a backup, or "" if the caller takes the backup itself."""
    violations = Violations()
    name = violations.parse("path", value, fields.file_name)
    violations.refuse()
    return name or ""


def _require(violations: Violations, field: str, value: str) -> None:
    if not value:
        violations.add(field, "is required")


def _check_mtu(violations: Violations, spec: NetworkSpec) -> None:
    if not spec.mtu:
        return
    has_ipv6 = any(subnet.version == IPV6 for subnet in spec.subnets)
    least = MIN_MTU_IPV6 if has_ipv6 else fields.MIN_MTU
    if not least <= spec.mtu <= fields.MAX_MTU:
        violations.add("network.mtu", f"{spec.mtu} is not from {least} to {fields.MAX_MTU}")


def _sandbox(violations: Violations, request: network_pb2.ConnectRequest) -> SandboxSpec | None:
    given = [name for name in ("netns_path", "netns_name", "pid") if getattr(request, name)]
    for name in given[1:]:
        violations.add(name, f"must be empty if {given[0]} is set: one field names the sandbox")
    if request.netns_path:
        return SandboxSpec(
            violations.parse("netns_path", request.netns_path, fields.netns_path) or ""
        )
    if request.netns_name:
        name = violations.parse("netns_name", request.netns_name, fields.netns_name) or ""
        return SandboxSpec(f"/run/netns/{name}")
    if request.pid < 0:
        violations.add("pid", "is not the id of a process")
    return SandboxSpec(f"/proc/{request.pid}/ns/net", request.pid) if request.pid else None

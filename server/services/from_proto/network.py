"""Requests into the core's own types: everything is parsed here, once, with all faults at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Protocol

from mynet.drivers.api import Driver, NetworkRequest
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
from mynet.server.model.subnets import MIN_MTU_IPV6, SubnetSpec
from mynet.server.plugins.catalog import Catalog
from mynet.server.plugins.options import network_violations
from mynet.server.services.from_proto import fields, ipam
from mynet.server.services.from_proto.ports import unpack_ports, unpack_ports_change
from mynet.server.services.violations import Faults
from mynet.v1 import ipam_pb2, network_pb2

DEFAULT_DRIVER = "bridge"


class SelectorMessage(Protocol):
    """A request that selects endpoints."""

    @property
    def endpoint(self) -> str:
        """An id, or a beginning of one."""

    @property
    def network(self) -> str:
        """A network's id, name, or beginning of an id."""

    @property
    def container_id(self) -> str:
        """A container."""

    @property
    def interface(self) -> str:
        """A device inside the sandbox."""


def network(message: network_pb2.Network, drivers: Catalog[Driver]) -> NetworkSpec:
    """Unpack a network that is asked for. Raises InvalidArgument with every fault."""
    faults = Faults()
    spec = NetworkSpec(
        name=faults.parse("network.name", message.name, fields.network_name) or "",
        driver=faults.parse("network.driver", message.driver, fields.text) or DEFAULT_DRIVER,
        ipam=faults.parse("network.ipam", message.ipam, fields.text) or DEFAULT_BACKEND,
        subnets=_subnets(faults, message.subnets),
        internal=message.internal,
        mtu=message.mtu,
        masquerade=message.masquerade if message.HasField("masquerade") else True,
        interface=faults.parse("network.interface", message.interface, fields.device_name) or "",
        options=faults.texts("network.options", message.options),
        labels=faults.texts("network.labels", message.labels),
    )
    _check_mtu(faults, spec)
    asked = NetworkRequest(
        spec.options,
        frozenset(subnet.version for subnet in spec.subnets),
        spec.internal,
        message.masquerade if message.HasField("masquerade") else None,
    )
    for listing in drivers:
        if listing.plugin and listing.name == spec.driver:
            info = listing.plugin.implementation.info
            faults.extend(network_violations("network.", asked, info))
    faults.refuse()
    return spec


def network_change(request: network_pb2.UpdateNetworkRequest) -> tuple[str, NetworkChange]:
    """Unpack which network is to change, and what of it. Raises InvalidArgument."""
    faults = Faults()
    _require(faults, "network", request.network)
    change = NetworkChange(
        labels=_map_change(faults, "labels", request.labels, request.remove_labels),
        options=_map_change(faults, "options", request.options, request.remove_options),
    )
    faults.refuse()
    return request.network, change


def endpoint_change(
    request: network_pb2.UpdateEndpointRequest,
) -> tuple[EndpointSelector, EndpointChange]:
    """Unpack which endpoint is to change, and what of it. Raises InvalidArgument."""
    faults = Faults()
    selected = _selector(faults, request)
    labels = _map_change(faults, "labels", request.labels, request.remove_labels)
    if request.replace_labels:
        labels = replace(labels, replace=True)
        if labels.remove:
            faults.add("remove_labels", "goes without replace_labels, which removes all others")
    change = EndpointChange(labels, unpack_ports_change(faults, request))
    faults.refuse()
    return selected, change


def _map_change(
    faults: Faults, field: str, given: Mapping[str, str], removed: Sequence[str]
) -> MapChange:
    change = MapChange(faults.texts(field, given), frozenset(removed))
    if len(removed) > MAX_LABELS:
        faults.add(f"remove_{field}", f"has {len(removed)} entries; there are {MAX_LABELS} at most")
    for number, key in enumerate(removed):
        if key in change.put:
            faults.add(f"remove_{field}[{number}]", f"{quoted(key)} is to be set as well")
    return change


def endpoint(request: network_pb2.ConnectRequest) -> tuple[EndpointSpec, SandboxSpec | None]:
    """Unpack an endpoint that is asked for, and its sandbox. Raises InvalidArgument."""
    faults = Faults()
    _require(faults, "network", request.network)
    addresses = [
        faults.parse(f"addresses[{number}]", value, fields.address_spec)
        for number, value in enumerate(request.addresses)
    ]
    if len(addresses) > fields.MAX_ADDRESSES:
        faults.add("addresses", f"has {len(addresses)} entries, and {fields.MAX_ADDRESSES} fit")
    asked = tuple(each for each in addresses if each)
    if len(set(asked)) < len(asked):
        faults.add("addresses", "names an address twice")
    spec = EndpointSpec(
        container_id=faults.parse("container_id", request.container_id, fields.some_text) or "",
        interface=faults.parse("interface", request.interface, fields.device_name) or "",
        addresses=asked,
        mac_address=faults.parse("mac_address", request.mac_address, fields.mac_address) or "",
        address_owner=faults.parse("address_owner", request.address_owner, fields.owner) or "",
        labels=faults.texts("labels", request.labels),
        options=faults.texts("options", request.options),
        ports=unpack_ports(faults, request.ports),
        gateway_priority=request.gateway_priority,
    )
    if abs(spec.gateway_priority) > MAX_GATEWAY_PRIORITY:
        span = f"-{MAX_GATEWAY_PRIORITY} to {MAX_GATEWAY_PRIORITY}"
        faults.add("gateway_priority", f"{spec.gateway_priority} is not from {span}")
    sandbox = _sandbox(faults, request)
    faults.refuse()
    return spec, sandbox


def selector(request: SelectorMessage, *, container_alone: bool = False) -> EndpointSelector:
    """Unpack what selects an endpoint; with ``container_alone`` a container is enough."""
    faults = Faults()
    selected = _selector(faults, request, container_alone=container_alone)
    faults.refuse()
    return selected


def _selector(
    faults: Faults, request: SelectorMessage, *, container_alone: bool = False
) -> EndpointSelector:
    if not request.endpoint:
        if not request.container_id:
            faults.add("endpoint", "name the endpoint, or its network and container_id")
        elif not request.network and not container_alone:
            faults.add("network", "is required beside container_id")
    elif request.network or request.container_id or request.interface:
        faults.add("endpoint", "goes without network, container_id and interface")
    return EndpointSelector(
        request.endpoint, request.network, request.container_id, request.interface
    )


def network_selector(value: str) -> str:
    """Unpack what selects a network: an id, a name or a beginning of an id."""
    faults = Faults()
    _require(faults, "network", value)
    faults.refuse()
    return value


def backup_path(value: str) -> Path:
    """Unpack the file that a backup is to be."""
    faults = Faults()
    path = faults.parse("path", value, fields.file_path)
    faults.refuse()
    assert path is not None  # noqa: S101 - or it was refused
    return path


def labels(faults: Faults, given: Mapping[str, str]) -> Mapping[str, str]:
    """Unpack labels to select by."""
    return faults.texts("labels", given)


def _require(faults: Faults, field: str, value: str) -> None:
    if not value:
        faults.add(field, "is required")


def _subnets(faults: Faults, messages: Sequence[ipam_pb2.Subnet]) -> tuple[SubnetSpec, ...]:
    if len(messages) > fields.MAX_SUBNETS:
        faults.add("network.subnets", f"has {len(messages)} entries, and {fields.MAX_SUBNETS} fit")
        return ()  # to compare each with each would take long
    found = [
        _subnet(faults, f"network.subnets[{number}]", message)
        for number, message in enumerate(messages)
    ]
    subnets = tuple(subnet for subnet in found if subnet)
    named = [subnet.cidr for subnet in subnets if subnet.cidr]
    for one, other in combinations(named, 2):
        if one.overlaps(other):
            faults.add("network.subnets", f"{one} and {other} share addresses")
    return subnets


def _subnet(faults: Faults, field: str, message: ipam_pb2.Subnet) -> SubnetSpec | None:
    spec = faults.parse(f"{field}.cidr", message.cidr, fields.network_cidr)
    rules = ipam.rules(faults, field, message, spec)
    gateway = None
    if message.gateway:
        gateway = faults.parse(f"{field}.gateway", message.gateway, fields.address)
    if spec is None:
        return None
    if spec.cidr and spec.cidr.num_addresses == 1:
        faults.add(f"{field}.cidr", f"{spec.cidr} has no address left beside the gateway")
    if gateway is not None:
        if spec.gateway not in (None, gateway):
            faults.add(f"{field}.gateway", f"is not the one that cidr names, {spec.gateway}")
        if spec.cidr is None:
            faults.add(f"{field}.gateway", "goes with a subnet that is named")
        elif gateway not in spec.cidr:
            faults.add(f"{field}.gateway", f"{gateway} is not in {spec.cidr}")
    spec = replace(spec, gateway=gateway or spec.gateway, rules=rules)
    if spec.gateway and any(spec.gateway in span for span in rules.reserved):
        faults.add(f"{field}.reserved", f"has the gateway {spec.gateway} in it")
    return spec


def _check_mtu(faults: Faults, spec: NetworkSpec) -> None:
    if not spec.mtu:
        return
    has_ipv6 = any(subnet.version == 6 for subnet in spec.subnets)  # noqa: PLR2004
    least = MIN_MTU_IPV6 if has_ipv6 else fields.MIN_MTU
    if not least <= spec.mtu <= fields.MAX_MTU:
        faults.add("network.mtu", f"{spec.mtu} is not from {least} to {fields.MAX_MTU}")


def _sandbox(faults: Faults, request: network_pb2.ConnectRequest) -> SandboxSpec | None:
    given = [name for name in ("netns_path", "netns_name", "pid") if getattr(request, name)]
    for name in given[1:]:
        faults.add(name, f"the sandbox is named by {given[0]} already; give one of them")
    if request.netns_path:
        return SandboxSpec(faults.parse("netns_path", request.netns_path, fields.netns_path) or "")
    if request.netns_name:
        name = faults.parse("netns_name", request.netns_name, fields.netns_name) or ""
        return SandboxSpec(f"/run/netns/{name}")
    if request.pid < 0:
        faults.add("pid", "is not the number of a process")
    return SandboxSpec(f"/proc/{request.pid}/ns/net", request.pid) if request.pid else None

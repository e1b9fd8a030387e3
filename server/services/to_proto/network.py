"""Networks, endpoints and drivers into answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from mynet.drivers.api import Condition, PortMapping, PortProtocol
from mynet.drivers.api import Driver as DriverPlugin
from mynet.server.model.endpoints import Endpoint, EndpointState
from mynet.server.model.networks import NetworkReport, NetworkState
from mynet.server.model.subnets import Rules
from mynet.server.plugins.catalog import CatalogEntry
from mynet.server.reconcile.findings import Finding
from mynet.v1 import ipam_pb2, network_pb2

_NETWORK_STATES = {
    NetworkState.CREATING: network_pb2.NETWORK_STATE_CREATING,
    NetworkState.READY: network_pb2.NETWORK_STATE_READY,
    NetworkState.DELETING: network_pb2.NETWORK_STATE_DELETING,
}
_ENDPOINT_STATES = {
    EndpointState.CONNECTING: network_pb2.ENDPOINT_STATE_CONNECTING,
    EndpointState.READY: network_pb2.ENDPOINT_STATE_READY,
    EndpointState.DISCONNECTING: network_pb2.ENDPOINT_STATE_DISCONNECTING,
}
_PROTOCOLS = {
    PortProtocol.TCP: network_pb2.PROTOCOL_TCP,
    PortProtocol.UDP: network_pb2.PROTOCOL_UDP,
    PortProtocol.SCTP: network_pb2.PROTOCOL_SCTP,
}


def network(report: NetworkReport, conditions: Sequence[Condition]) -> network_pb2.Network:
    """Pack a network."""
    found = report.network
    return network_pb2.Network(
        id=found.id,
        name=found.name,
        driver=found.spec.driver,
        ipam=found.spec.ipam,
        subnets=[
            ipam_pb2.Subnet(
                cidr=str(subnet.cidr),
                gateway=text(subnet.gateway),
                backend=found.spec.ipam,
                network=found.name,
                **rules(subnet.spec.rules),
            )
            for subnet in found.subnets
        ],
        internal=found.spec.internal,
        mtu=found.mtu,
        masquerade=found.spec.masquerade,
        interface=found.interface,
        options=found.spec.options,
        labels=found.spec.labels,
        state=_NETWORK_STATES[found.state],
        endpoint_count=report.endpoint_count,
        create_time=time(found.create_time),
        revision=found.revision,
        conditions=map(condition, conditions),
    )


def endpoint(found: Endpoint) -> network_pb2.Endpoint:
    """Pack an endpoint."""
    return network_pb2.Endpoint(
        id=found.id,
        network=found.network,
        network_id=found.network_id,
        container_id=found.spec.container_id,
        netns_path=found.place.sandbox.path if found.place.sandbox else "",
        pid=found.place.pid,
        interface=found.interface,
        host_interface=found.host_interface,
        addresses=[str(address) for address in found.addresses],
        gateways=[str(gateway) for gateway in found.gateways],
        mac_address=found.mac_address,
        mtu=found.mtu,
        labels=found.spec.labels,
        options=found.spec.options,
        state=network_pb2.ENDPOINT_STATE_FAILED if found.failure else _ENDPOINT_STATES[found.state],
        create_time=time(found.create_time),
        revision=found.revision,
        ports=map(port, found.ports),
        gateway_priority=found.spec.gateway_priority,
        conditions=map(condition, found.conditions),
    )


def condition(found: Condition) -> network_pb2.Condition:
    """Pack what is in something's way."""
    return network_pb2.Condition(
        problem=found.problem, remedy=found.remedy, commands=found.commands
    )


def port(found: PortMapping) -> network_pb2.PortMapping:
    """Pack published ports."""
    return network_pb2.PortMapping(
        protocol=_PROTOCOLS[found.protocol],
        host_ip=text(found.host_ip),
        host_port=found.host_port,
        container_port=found.container_port,
        count=found.count,
    )


def finding(found: Finding) -> network_pb2.Finding:
    """Pack what an examination found."""
    return network_pb2.Finding(
        object=found.subject,
        problem=found.problem,
        remedy=found.remedy,
        repaired=found.repaired,
        commands=found.commands,
    )


def driver(listing: CatalogEntry[DriverPlugin]) -> network_pb2.Driver:
    """Pack a driver, usable or refused."""
    packed = network_pb2.Driver(
        name=listing.name,
        distribution=listing.distribution,
        version=listing.version,
        state=network_pb2.DRIVER_STATE_FAILED,
        error=listing.error,
    )
    if listing.plugin:
        info = listing.plugin.implementation.info
        packed.state = network_pb2.DRIVER_STATE_LOADED
        packed.api_version = info.api_version
        packed.capabilities.extend(sorted(info.capabilities))
        for option in info.options:
            packed.options.add(name=option.name, description=option.description)
        for option in info.endpoint_options:
            packed.endpoint_options.add(name=option.name, description=option.description)
    return packed


def rules(found: Rules) -> dict[str, Any]:
    """Pack the rules of a subnet that it has of its own, as fields of it."""
    times = {"cooldown": found.cooldown, "retention": found.retention}
    return {
        "range": text(found.range),
        "reserved": [str(span) for span in found.reserved],
        **{name: duration(each) for name, each in times.items() if each is not None},
    }


def duration(seconds: float) -> Duration:
    """Pack seconds."""
    packed = Duration()
    packed.FromNanoseconds(round(seconds * 1e9))
    return packed


def text(value: object | None) -> str:
    """Write a value; one that is not there is empty."""
    return "" if value is None else str(value)


def time(moment: datetime) -> Timestamp:
    """Pack a moment."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp

"""Networks, endpoints, findings and drivers into messages."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, BinaryIO

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from mynet.drivers.api import Condition, PortMapping, Probe
from mynet.drivers.api import Driver as DriverPlugin
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import NetworkReport
from mynet.server.model.subnets import Rules
from mynet.server.plugins.catalog import CatalogEntry, P
from mynet.server.reconcile.findings import Finding
from mynet.server.state.backup import Backup
from mynet.v1 import ipam_pb2, network_pb2

_PART = 256 << 10  # bytes


def network(report: NetworkReport, conditions: Sequence[Condition]) -> network_pb2.Network:
    """Return the message of a network."""
    record = report.network
    return network_pb2.Network(
        id=record.id,
        name=record.name,
        driver=record.spec.driver,
        ipam=record.spec.ipam,
        subnets=[
            ipam_pb2.Subnet(
                cidr=str(subnet.cidr),
                gateway=text(subnet.gateway),
                backend=record.spec.ipam,
                network=record.name,
                **rules(subnet.spec.rules),
            )
            for subnet in record.subnets
        ],
        internal=record.spec.internal,
        mtu=record.mtu,
        masquerade=record.spec.masquerade,
        interface=record.interface,
        options=record.spec.options,
        labels=record.spec.labels,
        state=network_pb2.NetworkState.Value(f"NETWORK_STATE_{record.state.name}"),
        endpoint_count=report.endpoint_count,
        create_time=time(record.create_time),
        revision=record.revision,
        conditions=map(condition, conditions),
    )


def endpoint(record: Endpoint) -> network_pb2.Endpoint:
    """Return the message of an endpoint."""
    state = "FAILED" if record.failure else record.state.name
    return network_pb2.Endpoint(
        id=record.id,
        network=record.network,
        network_id=record.network_id,
        container_id=record.spec.container_id,
        netns_path=record.place.sandbox.path if record.place.sandbox else "",
        pid=record.place.pid,
        interface=record.interface,
        host_interface=record.host_interface,
        addresses=[str(address) for address in record.addresses],
        gateways=[str(gateway) for gateway in record.gateways],
        mac_address=record.mac_address,
        mtu=record.mtu,
        labels=record.spec.labels,
        options=record.spec.options,
        state=network_pb2.EndpointState.Value(f"ENDPOINT_STATE_{state}"),
        create_time=time(record.create_time),
        revision=record.revision,
        ports=map(port, record.ports),
        gateway_priority=record.spec.gateway_priority,
        conditions=map(condition, record.conditions),
    )


def condition(value: Condition) -> network_pb2.Condition:
    """Return the message of a condition."""
    return network_pb2.Condition(**asdict(value))


def port(value: PortMapping) -> network_pb2.PortMapping:
    """Return the message of published ports."""
    return network_pb2.PortMapping(
        protocol=network_pb2.Protocol.Value(f"PROTOCOL_{value.protocol.name}"),
        host_ip=text(value.host_ip),
        host_port=value.host_port,
        container_port=value.container_port,
        count=value.count,
    )


def backup_part(made: Backup, data: bytes = b"") -> network_pb2.BackupResponse:
    """Return the message of a backup, or of a part of one."""
    return network_pb2.BackupResponse(size_bytes=made.size_bytes, revision=made.revision, data=data)


def backup_parts(made: Backup, file: BinaryIO) -> Iterator[network_pb2.BackupResponse]:
    """Yield the messages of a backup, and close its file."""
    with file:
        while data := file.read(_PART):
            yield backup_part(made, data)


def finding(value: Finding) -> network_pb2.Finding:
    """Return the message of a finding."""
    return network_pb2.Finding(
        object=value.subject,
        problem=value.problem,
        remedy=value.remedy,
        repaired=value.repaired,
        commands=value.commands,
    )


def probe(value: Probe) -> network_pb2.Probe:
    """Return the message of a probe."""
    return network_pb2.Probe(
        source=value.source,
        target=value.target,
        state=network_pb2.ProbeState.Value(f"PROBE_STATE_{value.state.name}"),
        reason=value.reason,
    )


def driver(listing: CatalogEntry[DriverPlugin]) -> network_pb2.Driver:
    """Return the message of a driver, loaded or refused."""
    state = "LOADED" if listing.plugin else "FAILED"
    packed = network_pb2.Driver(
        state=network_pb2.DriverState.Value(f"DRIVER_STATE_{state}"), **plugin_fields(listing)
    )
    if listing.plugin:
        info = listing.plugin.implementation.info
        for option in info.options:
            packed.options.add(name=option.name, description=option.description)
        for option in info.endpoint_options:
            packed.endpoint_options.add(name=option.name, description=option.description)
    return packed


def plugin_fields(listing: CatalogEntry[P]) -> dict[str, Any]:
    """Return the fields that the messages of both kinds of plugin have."""
    info = listing.plugin and listing.plugin.implementation.info
    return {
        "name": listing.name,
        "distribution": listing.distribution,
        "version": listing.version,
        "error": listing.error,
        "api_version": info.api_version if info else 0,
        "capabilities": sorted(info.capabilities) if info else (),
    }


def rules(value: Rules) -> dict[str, Any]:
    """Return the rules that a subnet was created with, as fields of its message."""
    times = {"cooldown": value.cooldown, "retention": value.retention}
    return {
        "range": text(value.range),
        "reserved": [str(span) for span in value.reserved],
        **{name: duration(seconds) for name, seconds in times.items() if seconds is not None},
    }


def duration(seconds: float) -> Duration:
    """Return the message of a time span in seconds."""
    packed = Duration()
    packed.FromNanoseconds(round(seconds * 1e9))
    return packed


def text(value: object | None) -> str:
    """Return a value as text, or "" for None."""
    return "" if value is None else str(value)


def time(moment: datetime) -> Timestamp:
    """Return the message of a point in time."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp

"""Subnets, allocations and backends into messages."""

from dataclasses import asdict

from mynet.ipam.api import Allocation, Usage
from mynet.ipam.api import Backend as BackendPlugin
from mynet.server.model.subnets import SubnetDump, SubnetMap, SubnetReport
from mynet.server.plugins.catalog import CatalogEntry
from mynet.server.services.to_proto.network import duration, plugin_fields, text, time
from mynet.v1 import ipam_pb2

_LARGEST = 2**64 - 1


def allocation(allocated: Allocation) -> ipam_pb2.Allocation:
    """Return the message of an allocation."""
    return ipam_pb2.Allocation(
        subnet=str(allocated.subnet),
        address=str(allocated.address),
        owner=allocated.owner,
        instance=allocated.instance,
        create_time=time(allocated.create_time),
        revision=allocated.revision,
        labels=allocated.labels,
        sticky_key=allocated.sticky_key,
    )


def subnet(report: SubnetReport) -> ipam_pb2.Subnet:
    """Return the message of a subnet, with its usage and the rules that apply to it."""
    return ipam_pb2.Subnet(
        cidr=str(report.subnet.cidr),
        gateway=text(report.gateway),
        backend=report.subnet.backend,
        network=report.subnet.network,
        usage=_usage(report.usage),
        create_time=time(report.subnet.create_time),
        revision=report.subnet.revision,
        range=text(report.rules.range),
        reserved=map(str, report.rules.reserved),
        cooldown=duration(report.rules.cooldown),
        retention=duration(report.rules.retention),
    )


def subnet_map(parts_of: SubnetMap) -> ipam_pb2.GetSubnetMapResponse:
    """Return the message of a map of a subnet."""
    return ipam_pb2.GetSubnetMapResponse(
        subnet=subnet(parts_of.report),
        part_prefix_length=parts_of.prefixlen,
        parts=[
            ipam_pb2.SubnetPart(
                cidr=str(part.cidr),
                allocated=min(part.allocated, _LARGEST),
                cooling=min(part.cooling, _LARGEST),
            )
            for part in parts_of.parts
        ],
    )


def imported(dump: SubnetDump) -> ipam_pb2.ImportedSubnet:
    """Return the message of an imported subnet."""
    return ipam_pb2.ImportedSubnet(subnet=str(dump.cidr), allocations=len(dump.held))


def export_part(text: str) -> ipam_pb2.ExportSubnetsResponse:
    """Return the message of a part of a document."""
    return ipam_pb2.ExportSubnetsResponse(document=text)


def backend(listing: CatalogEntry[BackendPlugin]) -> ipam_pb2.Backend:
    """Return the message of an IPAM backend, loaded or refused."""
    state = "LOADED" if listing.plugin else "FAILED"
    return ipam_pb2.Backend(
        state=ipam_pb2.BackendState.Value(f"BACKEND_STATE_{state}"), **plugin_fields(listing)
    )


def _usage(usage: Usage) -> ipam_pb2.SubnetUsage:
    counts = {"free": usage.free, **asdict(usage)}
    return ipam_pb2.SubnetUsage(**{state: min(n, _LARGEST) for state, n in counts.items()})

"""The address book's types into answers."""

from mynet.ipam.api import Allocation, Usage
from mynet.ipam.api import Backend as BackendPlugin
from mynet.server.model.subnets import SubnetDump, SubnetMap, SubnetReport
from mynet.server.plugins.catalog import CatalogEntry
from mynet.server.services.to_proto.network import duration, text, time
from mynet.v1 import ipam_pb2

_LARGEST = 2**64 - 1


def allocation(found: Allocation) -> ipam_pb2.Allocation:
    """Pack an allocation."""
    return ipam_pb2.Allocation(
        subnet=str(found.subnet),
        address=str(found.address),
        owner=found.owner,
        instance=found.instance,
        create_time=time(found.create_time),
        revision=found.revision,
        labels=found.labels,
        sticky_key=found.sticky_key,
    )


def subnet(report: SubnetReport) -> ipam_pb2.Subnet:
    """Pack a subnet with its usage and the rules that hold in it."""
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


def subnet_map(found: SubnetMap) -> ipam_pb2.GetSubnetMapResponse:
    """Pack a map."""
    return ipam_pb2.GetSubnetMapResponse(
        subnet=subnet(found.report),
        part_prefix_length=found.prefixlen,
        parts=[
            ipam_pb2.SubnetPart(
                cidr=str(part.cidr),
                allocated=min(part.allocated, _LARGEST),
                cooling=min(part.cooling, _LARGEST),
            )
            for part in found.parts
        ],
    )


def imported(dump: SubnetDump) -> ipam_pb2.ImportedSubnet:
    """Pack what was brought in."""
    return ipam_pb2.ImportedSubnet(subnet=str(dump.cidr), allocations=len(dump.held))


def backend(listing: CatalogEntry[BackendPlugin]) -> ipam_pb2.Backend:
    """Pack an IPAM backend, usable or refused."""
    packed = ipam_pb2.Backend(
        name=listing.name,
        distribution=listing.distribution,
        version=listing.version,
        state=ipam_pb2.BACKEND_STATE_FAILED,
        error=listing.error,
    )
    if listing.plugin:
        info = listing.plugin.implementation.info
        packed.state = ipam_pb2.BACKEND_STATE_LOADED
        packed.api_version = info.api_version
        packed.capabilities.extend(sorted(info.capabilities))
    return packed


def _usage(usage: Usage) -> ipam_pb2.SubnetUsage:
    return ipam_pb2.SubnetUsage(
        capacity=min(usage.capacity, _LARGEST),
        allocated=min(usage.allocated, _LARGEST),
        free=min(usage.free, _LARGEST),
        reserved=min(usage.reserved, _LARGEST),
        cooling=min(usage.cooling, _LARGEST),
    )

"""The core's types into answers."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from mynet.drivers.api import Driver as DriverPlugin
from mynet.ipam.api import Allocation, Usage
from mynet.ipam.api import Backend as BackendPlugin
from mynet.server.model import (
    Endpoint,
    EndpointState,
    NetworkReport,
    NetworkState,
    SubnetReport,
)
from mynet.server.plugins import Listing
from mynet.v1 import ipam_pb2, network_pb2

_LARGEST = 2**64 - 1

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


def network(report: NetworkReport) -> network_pb2.Network:
    """Pack a network."""
    found = report.network
    return network_pb2.Network(
        id=found.id,
        name=found.name,
        driver=found.wish.driver,
        ipam=found.wish.ipam,
        subnets=[
            ipam_pb2.Subnet(
                cidr=str(subnet.cidr),
                gateway=_text(subnet.gateway),
                backend=found.wish.ipam,
                network=found.name,
            )
            for subnet in found.subnets
        ],
        internal=found.wish.internal,
        mtu=found.mtu,
        masquerade=found.wish.masquerade,
        interface=found.interface,
        options=found.wish.options,
        labels=found.wish.labels,
        state=_NETWORK_STATES[found.state],
        endpoint_count=report.endpoint_count,
        create_time=_time(found.create_time),
        revision=found.revision,
    )


def endpoint(found: Endpoint) -> network_pb2.Endpoint:
    """Pack an endpoint."""
    return network_pb2.Endpoint(
        id=found.id,
        network=found.network,
        network_id=found.network_id,
        container_id=found.wish.container_id,
        netns_path=found.place.sandbox.path if found.place.sandbox else "",
        pid=found.place.pid,
        interface=found.interface,
        host_interface=found.host_interface,
        addresses=[str(address) for address in found.addresses],
        gateways=[str(gateway) for gateway in found.gateways],
        mac_address=found.mac_address,
        mtu=found.mtu,
        labels=found.wish.labels,
        options=found.wish.options,
        state=_ENDPOINT_STATES[found.state],
        create_time=_time(found.create_time),
        revision=found.revision,
    )


def allocation(found: Allocation) -> ipam_pb2.Allocation:
    """Pack an allocation."""
    return ipam_pb2.Allocation(
        subnet=str(found.subnet),
        address=str(found.address),
        owner=found.owner,
        instance=found.instance,
        create_time=_time(found.create_time),
        revision=found.revision,
    )


def subnet(report: SubnetReport) -> ipam_pb2.Subnet:
    """Pack a subnet with its usage."""
    return ipam_pb2.Subnet(
        cidr=str(report.subnet.cidr),
        gateway=_text(report.gateway),
        backend=report.subnet.backend,
        network=report.subnet.network,
        usage=_usage(report.usage),
        create_time=_time(report.subnet.create_time),
        revision=report.subnet.revision,
    )


def driver(listing: Listing[DriverPlugin]) -> network_pb2.Driver:
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


def backend(listing: Listing[BackendPlugin]) -> ipam_pb2.Backend:
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
    )


def _text(value: object | None) -> str:
    return "" if value is None else str(value)


def _time(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp

"""Requests as tests make them, with the fields that most tests do not care about filled in."""

from typing import Any

from mynet.v1 import ipam_pb2, network_pb2

LONG = "ü" * 2**19  # 1 MiB


def create(name: str = "web", *cidrs: str, **fields: Any) -> network_pb2.CreateNetworkRequest:
    """Ask for a network, on 10.1.0.0/24 unless told otherwise."""
    allow_existing = fields.pop("allow_existing", False)
    subnets = [ipam_pb2.Subnet(cidr=cidr) for cidr in cidrs or ("10.1.0.0/24",)]
    return network_pb2.CreateNetworkRequest(
        network=network_pb2.Network(name=name, **{"subnets": subnets, **fields}),
        allow_existing=allow_existing,
    )


def connect(container: str = "c1", **fields: Any) -> network_pb2.ConnectRequest:
    """Ask for an endpoint on network web, unless told otherwise."""
    return network_pb2.ConnectRequest(container_id=container, **{"network": "web", **fields})


def change(network: str = "web", **fields: Any) -> network_pb2.UpdateNetworkRequest:
    """Ask for a change of network web, unless told otherwise."""
    return network_pb2.UpdateNetworkRequest(network=network, **fields)


def change_endpoint(container: str = "c1", **fields: Any) -> network_pb2.UpdateEndpointRequest:
    """Ask for a change of an endpoint on network web, unless told otherwise."""
    return network_pb2.UpdateEndpointRequest(container_id=container, **{"network": "web", **fields})


def allocate(subnet: str = "10.9.0.0/24", **fields: Any) -> ipam_pb2.AllocateAddressRequest:
    """Ask for an address."""
    return ipam_pb2.AllocateAddressRequest(subnet=subnet, **fields)


def create_subnet(
    cidr: str = "10.9.0.0/24", *, backend: str = "", **fields: Any
) -> ipam_pb2.CreateSubnetRequest:
    """Ask for a subnet in the book."""
    subnet = ipam_pb2.Subnet(cidr=cidr, **fields)
    return ipam_pb2.CreateSubnetRequest(subnet=subnet, backend=backend)


def shown(value: object) -> str:
    """Name a test's case by what it is given, however long that is."""
    return ascii(value)[:40]

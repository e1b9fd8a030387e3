"""Requests as tests make them, with the fields that most tests do not care about filled in."""

from typing import Any

from mynet.v1 import ipam_pb2, network_pb2

LONG = "ü" * 2**19  # 1 MiB


def create(name: str = "web", *cidrs: str, **fields: Any) -> network_pb2.CreateNetworkRequest:
    """Return the request of a network, on 10.1.0.0/24 by default."""
    allow_existing = fields.pop("allow_existing", False)
    subnets = [ipam_pb2.Subnet(cidr=cidr) for cidr in cidrs or ("10.1.0.0/24",)]
    return network_pb2.CreateNetworkRequest(
        network=network_pb2.Network(name=name, **{"subnets": subnets, **fields}),
        allow_existing=allow_existing,
    )


def connect(container: str = "c1", **fields: Any) -> network_pb2.ConnectRequest:
    """Return the request of an endpoint, on network web by default."""
    return network_pb2.ConnectRequest(container_id=container, **{"network": "web", **fields})


def change(network: str = "web", **fields: Any) -> network_pb2.UpdateNetworkRequest:
    """Return the request of a change of a network, web by default."""
    return network_pb2.UpdateNetworkRequest(network=network, **fields)


def change_endpoint(container: str = "c1", **fields: Any) -> network_pb2.UpdateEndpointRequest:
    """Return the request of a change of an endpoint, on network web by default."""
    return network_pb2.UpdateEndpointRequest(container_id=container, **{"network": "web", **fields})


def allocate(subnet: str = "10.9.0.0/24", **fields: Any) -> ipam_pb2.AllocateAddressRequest:
    """Return the request of an address."""
    return ipam_pb2.AllocateAddressRequest(subnet=subnet, **fields)


def create_subnet(
    cidr: str = "10.9.0.0/24", *, backend: str = "", **fields: Any
) -> ipam_pb2.CreateSubnetRequest:
    """Return the request of a subnet."""
    subnet = ipam_pb2.Subnet(cidr=cidr, **fields)
    return ipam_pb2.CreateSubnetRequest(subnet=subnet, backend=backend)


def shown(value: object) -> str:
    """Return the id of a test's case: its value, cut to 40 characters."""
    return ascii(value)[:40]

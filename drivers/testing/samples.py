"""Sample calls, networks, endpoints and ports."""

import time
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_interface

from mynet.drivers.api import Endpoint, Network, PortMapping, PortProtocol, Sandbox, Subnet

_DEADLINE = 60  # seconds that a call may take
_LONGEST_NAME = 15  # bytes: IFNAMSIZ without the zero byte


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call whose caller waits for a minute."""

    request_id: str = "conformance"
    deadline: float = field(default_factory=lambda: time.monotonic() + _DEADLINE)
    principal: str = "conformance"

    def alive(self) -> bool:
        """Return True: the caller still waits."""
        return True


def sample_network(number: int = 1, *, prefix: str = "br-") -> Network:
    """Return a network with an IPv4 and an IPv6 subnet, a different one for each number to 250."""
    ipv4 = IPv4Network(f"198.18.{number}.0/24")  # for tests of networks, RFC 2544
    ipv6 = IPv6Network(f"fd6d:796e:6574:{number:x}::/64")
    return Network(
        id=f"{number:032x}",
        name=f"conformance-{number}",
        interface=f"{prefix}check{number}"[-_LONGEST_NAME:],
        subnets=(Subnet(ipv4, ipv4[1]), Subnet(ipv6, ipv6[1])),
        mtu=1400,
    )


def sample_ports() -> tuple[PortMapping, ...]:
    """Return ports to publish: a TCP port, a UDP port and a range of TCP ports."""
    return (
        PortMapping(80, host_port=48080),
        PortMapping(53, PortProtocol.UDP, 48053),
        PortMapping(48100, host_port=48100, count=10),
    )


def sample_endpoint(
    network: Network, number: int = 1, *, prefix: str = "veth", sandbox: Sandbox | None = None
) -> Endpoint:
    """Return an endpoint of the network, a different one for each number up to 250."""
    cidrs = [subnet.cidr for subnet in network.subnets]
    return Endpoint(
        id=f"{network.name}-{number}",
        network=network,
        interface=f"check{number}" if sandbox else f"cif-check{number}",
        host_interface=f"{prefix}chk{number}"[-_LONGEST_NAME:],
        mac_address=f"02:00:5e:00:53:{number:02x}",  # for documentation, RFC 7042, made local
        addresses=tuple(ip_interface((cidr[number + 1], cidr.prefixlen)) for cidr in cidrs),
        gateways=tuple(subnet.gateway for subnet in network.subnets if subnet.gateway)
        if sandbox
        else (),
        route_metric=number,
        sandbox=sandbox,
    )

"""Addresses and subnets that are refused before a backend is asked, or for a better reason."""

from mynet.drivers.errors import CapabilityUnsupported
from mynet.ipam import errors
from mynet.ipam.api import IPAddress, IPNetwork
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.model.networks import POINT_TO_POINT, Network, Subnet
from mynet.server.model.special_purpose import why_special, why_unusable


def no_ipv6(whose: str, what: str) -> CapabilityUnsupported:
    """Return the error for an IPv6 address or subnet on a host without IPv6."""
    return CapabilityUnsupported(
        f"{whose} has the IPv6 {what}, and the kernel of this host has no IPv6 (it was booted with"
        " ipv6.disable=1, or lacks the module ipv6): use IPv4 alone, or turn IPv6 on and restart"
        " mynetd",
        resource=f"{what}",
    )


def blame_gateway(network: Network, subnet: Subnet, error: errors.SubnetExhausted) -> None:
    """Raise SubnetExhausted with a better reason where the gateway has one of two addresses."""
    if subnet.leased_gateway and subnet.cidr.num_addresses <= POINT_TO_POINT:
        raise errors.SubnetExhausted(
            f"the gateway of network {network.name} has one of the {subnet.cidr.num_addresses}"
            f" addresses of {subnet.cidr}, and an endpoint has the other; use a larger subnet, name"
            " a gateway outside it, or make the network internal",
            resource=error.resource,
            retry_after=error.retry_after,
        ) from error


def subnet_of(network: Network, address: IPAddress) -> Subnet:
    """Return the subnet of a network with an address. Raises AddressOutOfRange."""
    for subnet in network.subnets:
        if address in subnet.cidr:
            return subnet
    known = ", ".join(str(subnet.cidr) for subnet in network.subnets)
    raise errors.AddressOutOfRange(
        f"{address} is not in a subnet of network {network.name} ({known}); ask for one that is",
        resource=f"address {address}",
    )


def require_ordinary(cidr: IPNetwork) -> None:
    """Raise InvalidArgument for a subnet that an allocation must not add by itself."""
    if reason := why_unusable(cidr) or why_special(cidr):
        sentence = f"there is no subnet {cidr}, and an allocation does not add it: {reason}"
        if why_special(cidr):
            sentence += "; create it with CreateSubnet and allow_special_purpose first"
        raise InvalidArgument([Violation("subnet", sentence)])

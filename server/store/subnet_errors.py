"""The errors for subnets that are in the way of another, or missing."""

from mynet.ipam.api import IPNetwork
from mynet.server.errors import SubnetNotFound, SubnetOverlap
from mynet.server.model import subnets as model


def overlap(cidr: IPNetwork, other: model.RegisteredSubnet) -> SubnetOverlap:
    """Return the error for a subnet that shares addresses with a registered one."""
    user = user_of(other)
    return SubnetOverlap(
        f"{cidr} shares addresses with {other.cidr} of {user}; choose another subnet, or free that"
        " one first",
        resource=f"subnet {other.cidr}",
        holder=user,
        metadata={"subnet": str(other.cidr), "network": other.network},
    )


def subnet_not_found(cidr: IPNetwork) -> SubnetNotFound:
    """Return the error for a subnet that does not exist."""
    return SubnetNotFound(
        f"there is no subnet {cidr}; ListSubnets (mynetctl ipam subnet ls) shows all subnets",
        resource=f"subnet {cidr}",
    )


def user_of(subnet: model.RegisteredSubnet) -> str:
    """Return what uses a subnet, for messages: its network, or the backend of its addresses."""
    return f"network {subnet.network}" if subnet.network else f"backend {subnet.backend}"

"""The IP versions of a network, and their names."""

from collections.abc import Set as AbstractSet

from mynet.drivers.api import Network


def versions_of(network: Network) -> frozenset[int]:
    """Return the IP versions of a network's subnets."""
    return frozenset(subnet.cidr.version for subnet in network.subnets)


def words_of(versions: AbstractSet[int]) -> str:
    """Return the names of IP versions, such as "IPv4 and IPv6"."""
    return " and ".join(f"IPv{version}" for version in sorted(versions))

"""Options of a network that say by which address of the host its packets leave.

::

    host_ipv4           (by the routes)     the source address of IPv4 packets that leave the host
    host_ipv6           (by the routes)     the source address of IPv6 packets that leave the host
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_address
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress, Option, changeable

HOST_ADDRESSES: Final = {IPV4: "host_ipv4", IPV6: "host_ipv6"}


def host_addresses(given: Mapping[str, str]) -> Mapping[int, IPAddress]:
    """Return the addresses in options that have passed their checks, by IP version."""
    return {
        version: ip_address(given[key]) for version, key in HOST_ADDRESSES.items() if key in given
    }


def _check(version: int) -> Callable[[str], str | None]:
    def fault(value: str) -> str | None:
        try:
            address = ip_address(value)
        except ValueError:
            return f"{value[:64]!r} is not an address; write an IPv{version} address of this host"
        if address.version != version or "%" in value:
            return f"{value} is not an IPv{version} address"
        for is_special, kind in (
            (address.is_unspecified, "unspecified"),
            (address.is_loopback, "loopback"),
            (address.is_link_local, "link-local"),
            (address.is_multicast, "multicast"),
        ):
            if is_special:
                return f"{value} is a {kind} address, and packets from there do not leave the host"
        return None

    return fault


HOST_ADDRESS_OPTIONS: Final = tuple(
    Option(
        key,
        f"an IPv{version} address of this host: the source of the network's packets that leave it",
        _check(version),
        changeable,
    )
    for version, key in HOST_ADDRESSES.items()
)


def without_masquerading(
    given: Mapping[str, str], masqueraded: Collection[int]
) -> Iterator[tuple[str, str]]:
    """Yield the options of IP versions whose packets are not masqueraded, with a sentence each."""
    for version, key in HOST_ADDRESSES.items():
        if key in given and version not in masqueraded:
            violation = (
                f"IPv{version} packets of this network do not get an address of the host; leave it"
                " out, or let the network masquerade"
            )
            yield key, violation

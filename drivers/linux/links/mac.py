"""MAC and link-local addresses that are derived from what a link is for."""

import hashlib
from collections.abc import Sequence
from ipaddress import IPv6Interface

from mynet.drivers.api import IPInterface


def mac_from(seed: str) -> str:
    """Return the MAC address of a seed, unicast and locally administered."""
    octets = b"\x02" + hashlib.sha256(seed.encode()).digest()[:5]
    return octets.hex(":")


def link_local(mac: str) -> IPv6Interface:
    """Return the IPv6 link-local address of a MAC address (modified EUI-64, RFC 4291)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Interface((b"\xfe\x80" + bytes(6) + identifier, 64))


def has_ipv6(addresses: Sequence[IPInterface]) -> bool:
    """Return whether any of the addresses is one of IPv6."""
    return any(isinstance(address, IPv6Interface) for address in addresses)


def with_link_local(addresses: Sequence[IPInterface], mac: str) -> tuple[IPInterface, ...]:
    """Return the addresses, with the link-local one if any of them is an IPv6 address.

    Neighbour discovery needs the link-local address. A link without IPv6 addresses gets none, so
    that a server on ``::`` stays unreachable over an IPv4 network.
    """
    if has_ipv6(addresses):
        return (*addresses, link_local(mac))
    return tuple(addresses)

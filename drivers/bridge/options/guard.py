"""Options that limit what an endpoint may send, for a network and for a single endpoint.

::

    spoof_check         true      the sandbox sends from its own MAC address and addresses only
    allowed_addresses             further addresses that it may send from: 10.9.0.0/24,fd09::/64
    conntrack_limit     4096      how many entries of the host's connection tracking it may have

An option of the endpoint wins over the same option of its network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Final

from mynet.drivers.api import Endpoint, IPNetwork, Option, changeable
from mynet.drivers.bridge.options.values import true_or_false, whole_number

SPOOF_CHECK, ALLOWED, CONNTRACK_LIMIT = "spoof_check", "allowed_addresses", "conntrack_limit"

_DEFAULT_LIMIT: Final = 4096  # entries
_LIMITS: Final = range(2**24 + 1)  # entries; more than any kernel's table has by default
_MOST_ALLOWED: Final = 64  # CIDRs

# No host accepts these as the source of a packet (RFC 6890), except as the kernel's own.
_NO_SOURCE: Final = {
    ip_network("0.0.0.0/8"): "unspecified",
    ip_network("127.0.0.0/8"): "loopback",
    ip_network("224.0.0.0/4"): "multicast",
    ip_network("255.255.255.255/32"): "broadcast",
    ip_network("::/128"): "unspecified",
    ip_network("::1/128"): "loopback",
    ip_network("::ffff:0:0/96"): "IPv4-mapped",
    ip_network("ff00::/8"): "multicast",
}


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """The options of an endpoint and its network, parsed."""

    # Whether the endpoint sends from its own addresses only.
    spoof_check: bool = True
    # Further addresses that it may send from. None overlaps another.
    allowed: tuple[IPNetwork, ...] = ()
    # How many connections the host tracks for it at most, or 0 for any number.
    conntrack_limit: int = _DEFAULT_LIMIT

    @classmethod
    def of(cls, endpoint: Endpoint) -> "GuardOptions":
        """Parse the options of an endpoint and its network, which have passed their checks."""
        given = {**endpoint.network.options, **endpoint.options}
        return cls(
            given.get(SPOOF_CHECK) != "false",
            tuple(_collapsed(given.get(ALLOWED, ""))),
            int(given.get(CONNTRACK_LIMIT, _DEFAULT_LIMIT)),
        )


def _allowed_fault(value: str) -> str | None:
    words = _split(value)
    if len(words) > _MOST_ALLOWED:
        return f"has {len(words)} CIDRs; up to {_MOST_ALLOWED} are accepted"
    return "; ".join(fault for word in words if (fault := _cidr_fault(word))) or None


def _cidr_fault(word: str) -> str | None:
    address, _, length = word.partition("/")
    try:
        cidr = ip_network(word, strict=False)
        has_host_bits = "/" in word and ip_address(address) != cidr.network_address
    except ValueError:
        cidr, has_host_bits = None, False
    if cidr is None or "%" in word or not (length or "0").isdecimal():
        return f"{word[:64]!r} is not an address or a CIDR, such as 10.9.0.7 or fd09::/64"
    if has_host_bits:
        return f"{word} has bits set after its prefix; write {cidr}"
    for special, kind in _NO_SOURCE.items():
        if _is_within(cidr, special):
            return f"{cidr} is {kind}, and no packet comes from there"
    return None


def _is_within(cidr: IPNetwork, other: IPNetwork) -> bool:
    """Return whether all addresses of one network are in another."""
    return cidr.version == other.version and (
        cidr.network_address in other and cidr.prefixlen >= other.prefixlen
    )


def _split(value: str) -> list[str]:
    return [word.strip() for word in value.split(",")] if value.strip() else []


def _collapsed(value: str) -> Iterator[IPNetwork]:
    cidrs = [ip_network(word) for word in _split(value)]
    yield from collapse_addresses(cidr for cidr in cidrs if isinstance(cidr, IPv4Network))
    yield from collapse_addresses(cidr for cidr in cidrs if isinstance(cidr, IPv6Network))


GUARD_OPTIONS = (
    Option(
        SPOOF_CHECK,
        "true (the default) or false: whether a sandbox sends from its own MAC address and"
        " addresses only",
        true_or_false,
        changeable,
    ),
    Option(
        ALLOWED,
        "addresses and CIDRs, separated by commas: what a sandbox may send from besides its own"
        " addresses",
        _allowed_fault,
        changeable,
    ),
    Option(
        CONNTRACK_LIMIT,
        f"{_LIMITS[0]} to {_LIMITS[-1]} (default {_DEFAULT_LIMIT}): how many entries of the host's"
        " connection tracking a sandbox may have; 0 is no limit",
        whole_number(_LIMITS, "; 0 is no limit"),
        changeable,
    ),
)

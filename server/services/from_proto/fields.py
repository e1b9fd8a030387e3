"""Parsers of fields: each returns a value of a real type, or raises ValueError."""

import re
from ipaddress import IPv6Address, ip_address, ip_interface, ip_network

from mynet.drivers.api import IPV4, IPInterface
from mynet.ipam.api import IPAddress, IPNetwork, Span
from mynet.server.errors import quoted
from mynet.server.model.endpoints import ENDPOINT_OWNER, AddressSpec, is_own
from mynet.server.model.networks import NETWORK_OWNER
from mynet.server.model.special_purpose import why_no_gateway
from mynet.server.model.subnets import SubnetSize, SubnetSpec

MAX_TEXT = 255
MAX_SUBNETS = 64
MAX_ADDRESSES = 64
MAX_VALUE = 4096
MAX_BATCH = 4096
MIN_MTU, MAX_MTU = 68, 65535  # RFC 791, linux/if_ether.h

_THIS_NETWORK = ip_network("0.0.0.0/8")  # a block, and no pool has room for a network of its size
_LEADING_ZEROS = re.compile(r"(^|\.)0[0-9]")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")


def network_name(value: str) -> str:
    """Parse a network's name."""
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is not a network name: a letter or digit, then up to 62 letters,"
            " digits, '_', '.' and '-'"
        )
    return value


def file_name(value: str) -> str:
    """Parse the name of a file in a folder of the daemon's, or ""."""
    if len(value) > MAX_TEXT or not value.isprintable() or "/" in value or value.startswith("."):
        raise ValueError(
            f"{quoted(value)} is not the name of a file, such as mynet.backup: it has no / and"
            " does not begin with a dot"
        )
    return value


def text(value: str) -> str:
    """Parse a text of up to 255 printable characters."""
    if len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(
            f"{quoted(value)} is not up to {MAX_TEXT} printable characters; shorten"
            " it, and leave control characters out"
        )
    return value


def some_text(value: str) -> str:
    """Parse a text that is not empty."""
    if not value:
        raise ValueError("is required")
    return text(value)


def owner(value: str) -> str:
    """Parse an owner other than the daemon's networks and endpoints."""
    if is_own(value):
        raise ValueError(
            f"owners beginning with {ENDPOINT_OWNER!r} or {NETWORK_OWNER!r} belong to the daemon;"
            " choose another name"
        )
    return text(value)


def network_cidr(value: str) -> SubnetSpec:
    """Parse a network's subnet. Host bits name its gateway. Like: ip addr add CIDR.

    The unspecified address with a prefix length means any subnet of that size.
    """
    interface = _cidr(value)
    if _is_size(interface) and interface.network != _THIS_NETWORK:
        return size_spec(interface)
    is_gateway = interface.ip != interface.network.network_address
    return SubnetSpec(interface.network, interface.ip if is_gateway else None)


def subnet_cidr(value: str) -> IPNetwork:
    """Parse a subnet; host bits are ignored."""
    return _cidr(value).network


def new_cidr(value: str) -> SubnetSpec:
    """Parse a subnet to create: a CIDR, a size alone, or "" for any subnet."""
    if not value:
        return SubnetSpec(None, size=SubnetSize(IPV4))
    interface = _cidr(value)
    return size_spec(interface) if _is_size(interface) else SubnetSpec(interface.network)


def _is_size(interface: IPInterface) -> bool:
    """Return whether a CIDR is a size alone, such as 0.0.0.0/26."""
    return interface.ip.is_unspecified and interface.network.prefixlen > 0


def size_spec(interface: IPInterface) -> SubnetSpec:
    """Return the spec for any subnet of the size of an unspecified one."""
    return SubnetSpec(None, size=SubnetSize(interface.version, interface.network.prefixlen))


def span(value: str) -> Span:
    """Parse a span of addresses: an address, a subnet, or FIRST-LAST."""
    first, dash, last = value.partition("-")
    if dash:
        parsed = Span(address(first.strip()), address(last.strip()))
    elif "/" in value:
        cidr = _cidr(value).network
        parsed = Span(cidr[0], cidr[-1])
    else:
        parsed = Span(address(value), address(value))
    if parsed.first.version != parsed.last.version or int(parsed.first) > int(parsed.last):
        raise ValueError(
            f"{quoted(value)} does not go from a lower to a higher address; write"
            " FIRST-LAST, such as 10.1.0.10-10.1.0.99"
        )
    return parsed


def address(value: str) -> IPAddress:
    """Parse an IP address without a scope."""
    try:
        parsed = ip_address(value)
    except ValueError:
        parsed = None
    if parsed is None or _has_scope(parsed):
        raise ValueError(
            f"{quoted(value)} is not an IP address, such as 10.1.0.7 or fd00:1::7{_hint(value)}"
        )
    return parsed


def gateway(value: str) -> IPAddress:
    """Parse an address that a host can have on a link."""
    parsed = address(value)
    if reason := why_no_gateway(parsed):
        raise ValueError(f"{parsed} cannot be a gateway: {reason}; name an address that a host has")
    return parsed


def address_spec(value: str) -> AddressSpec:
    """Parse an address with or without a prefix length."""
    bare, slash, length = value.partition("/")
    parsed = address(bare)
    if not slash:
        return AddressSpec(parsed)
    if not length.isascii() or not length.isdecimal() or int(length[:4]) > parsed.max_prefixlen:
        raise ValueError(
            f"{quoted(value)} has no prefix length from 0 to {parsed.max_prefixlen}; write"
            " one, or the address alone"
        )
    return AddressSpec(parsed, int(length))


def netns_name(value: str) -> str:
    """Parse a name under /run/netns, where `ip netns` creates them."""
    if "/" in value or value in (".", "..") or not value.isprintable() or len(value) > MAX_TEXT:
        raise ValueError(f"{quoted(value)} is no name under /run/netns; a path goes to netns_path")
    return value


def netns_path(value: str) -> str:
    """Parse an absolute path. Whether it is a namespace is known when it is opened."""
    if not value.startswith("/") or "\0" in value or len(value) > MAX_VALUE:
        raise ValueError(f"{quoted(value)} is not an absolute path, such as /run/netns/web")
    return value


def _cidr(value: str) -> IPInterface:
    try:
        interface = ip_interface(value)
    except ValueError:
        interface = None
    if interface is None or "/" not in value or _has_scope(interface):
        raise ValueError(
            f"{quoted(value)} is not a subnet, such as 10.1.0.0/24 or fd00:1::/64{_hint(value)}"
        )
    return interface


def _hint(value: str) -> str:
    """Return what to change in a text that is nearly an address, or ""."""
    bare, _, length = value.partition("/")
    if "%" in bare:
        return "; leave out the zone, from % on, which names a link of one host"
    if _LEADING_ZEROS.search(bare):
        return "; leave out leading zeros, which some programs read as octal"
    if bare != bare.strip() or bare.startswith("["):
        return "; leave out spaces and brackets"
    if not length and _NAME.fullmatch(bare) and not bare.isdecimal():
        return "; names are not resolved"
    return ""


def _has_scope(parsed: IPAddress | IPInterface) -> bool:
    """Return whether an address has a scope, such as fe80::1%eth0."""
    return isinstance(parsed, IPv6Address) and parsed.scope_id is not None

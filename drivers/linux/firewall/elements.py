"""Elements of the firewall's sets and maps, as text for nft(8) and as bytes for the kernel.

A key, and the data that a map leads it to, is one part or a concatenation of parts. A part that
stands for many values, a subnet or a range of ports, makes the key an interval.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from mynet.drivers.api import IPAddress, IPNetwork, PortProtocol
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.netlink.nftables import Key

IFNAME_BYTES: Final = 16

_PLAIN = re.compile(r"[A-Za-z0-9_.:@+=~^#$!&*,;-]+(?<!\*)")
_NUMBERS: Final = {PortProtocol.TCP: 6, PortProtocol.UDP: 17, PortProtocol.SCTP: 132}
_PORT_BYTES: Final = 2
_REGISTER: Final = 4  # bytes that each part of a concatenation is padded to

# In this order: a device, an address, a subnet, a protocol, a port, a range of ports.
Part = str | IPAddress | IPNetwork | PortProtocol | int | range
Value = Part | tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a set or a map."""

    # The name of the set or map.
    set: str
    # The key.
    value: Value
    # What the key leads to, in a map.
    data: Value | None = None


def text(element: Element) -> str:
    """Return an element as text for nft(8)."""
    key = _words(element.value)
    return key if element.data is None else f"{key} : {_words(element.data)}"


def keys(value: Value, data: Value | None = None) -> tuple[Key, ...]:
    """Return the keys that the kernel has for an element."""
    parts = _parts(value)
    leads_to = b"" if data is None else _joined([_first(part) for part in _parts(data)])
    if len(parts) == 1 and isinstance(parts[0], range | IPv4Network | IPv6Network):
        return _interval(parts[0], leads_to)
    first = _joined([_first(part) for part in parts])
    last = _joined([_last(part) for part in parts])
    is_interval = any(isinstance(part, range | IPv4Network | IPv6Network) for part in parts)
    return (Key(first, leads_to, last if is_interval else b""),)


def plain(name: str) -> str:
    """Return a name that nft(8) reads as itself between quotes.

    Raises CapabilityUnsupported for any other: nft cannot escape a quote, and takes a star at the
    end for any ending.
    """
    if not _PLAIN.fullmatch(name):
        raise CapabilityUnsupported(
            f"{name!r} cannot be written in a firewall ruleset: use letters, digits and any of"
            " _.:@+=~^#$!&*,;-, but no * at the end",
            resource=f"interface {name}",
        )
    return name


def _parts(value: Value) -> tuple[Part, ...]:
    return value if isinstance(value, tuple) else (value,)


def _words(value: Value) -> str:
    return " . ".join(_word(part) for part in _parts(value))


def _word(part: Part) -> str:
    match part:
        case str():
            return f'"{plain(part)}"'
        case PortProtocol():
            return part.value
        case range():
            return f"{part[0]}-{part[-1]}"
        case _:
            return str(part)


def _interval(part: range | IPNetwork, data: bytes) -> tuple[Key, ...]:
    start, last = _first(part), _last(part)
    past = int.from_bytes(last) + 1
    if past >> (8 * len(last)):
        return (Key(start, data),)  # an interval up to the last value has no end
    return (Key(start, data), Key(past.to_bytes(len(last)), ends_interval=True))


def _joined(parts: Sequence[bytes]) -> bytes:
    """Concatenate parts, each padded to whole registers. A single part is not padded."""
    if len(parts) == 1:
        return parts[0]
    return b"".join(part + bytes(-len(part) % _REGISTER) for part in parts)


def _first(part: Part) -> bytes:
    """Return the part as bytes, or the first value of an interval."""
    match part:
        case str():
            return part.encode().ljust(IFNAME_BYTES, b"\0")
        case PortProtocol():
            return bytes([_NUMBERS[part]])
        case IPv4Address() | IPv6Address():
            return part.packed
        case IPv4Network() | IPv6Network():
            return part.network_address.packed
        case range():
            return part[0].to_bytes(_PORT_BYTES)
        case int():
            return part.to_bytes(_PORT_BYTES)


def _last(part: Part) -> bytes:
    """Return the part as bytes, or the last value of an interval."""
    match part:
        case range():
            return part[-1].to_bytes(_PORT_BYTES)
        case IPv4Network() | IPv6Network():
            return part.broadcast_address.packed
        case _:
            return _first(part)

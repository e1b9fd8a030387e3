"""Elements of the firewall's sets and maps, as text for nft(8) and as bytes for the kernel.

A key, and the data that a map leads it to, is one part or a concatenation of parts. A part that
stands for many values, such as a subnet or a range of ports, makes the key an interval.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal

from mynet.drivers.api import IPAddress, IPNetwork, PortProtocol
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.netlink.netfilter.nftables import Key
from mynet.drivers.linux.netlink.netfilter.set_limits import Limit

IFNAME_BYTES: Final = 16

_PLAIN = re.compile(r"[A-Za-z0-9_.:@+=~^#$!&*,;-]+(?<!\*)")
_NUMBERS: Final = {PortProtocol.TCP: 6, PortProtocol.UDP: 17, PortProtocol.SCTP: 132}
_PORT_BYTES: Final = 2
_INDEX_BYTES: Final = 4
_REGISTER: Final = 4  # bytes that each part of a concatenation is padded to

Family = Literal["inet", "bridge"]


@dataclass(frozen=True, slots=True)
class LinkIndex:
    """The index of a link, which the kernel has as a number in its own byte order."""

    number: int

    @property
    def packed(self) -> bytes:
        """The index as the kernel has it."""
        return self.number.to_bytes(_INDEX_BYTES, sys.byteorder)

    def __str__(self) -> str:
        """Return the index as text for nft(8)."""
        return str(self.number)


@dataclass(frozen=True, slots=True)
class Priority:
    """The index of a link as the priority of a packet, which nft(8) writes as a class of tc(8)."""

    number: int

    @property
    def packed(self) -> bytes:
        """The priority as the kernel has it."""
        return self.number.to_bytes(_INDEX_BYTES, sys.byteorder)

    def __str__(self) -> str:
        """Return the priority as text for nft(8)."""
        return f"{self.number >> 16:x}:{self.number & 0xFFFF:x}"


@dataclass(frozen=True, slots=True)
class Mac:
    """A MAC address: six hexadecimal bytes, joined by colons."""

    text: str

    @property
    def packed(self) -> bytes:
        """The MAC address as it is in a frame."""
        return bytes.fromhex(self.text.replace(":", ""))

    def __str__(self) -> str:
        """Return the MAC address as text for nft(8)."""
        return self.text


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits of a packet that nft(8) has no name for, such as ``@th,64,128``."""

    packed: bytes

    def __str__(self) -> str:
        """Return the bits as text for nft(8)."""
        return f"0x{self.packed.hex()}"


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive values, from the first to the last."""

    first: IPAddress | Bits
    last: IPAddress | Bits

    def __str__(self) -> str:
        """Return the values as text for nft(8)."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


# The name of a device, an address, a protocol, a port, and the above.
Single = str | IPAddress | PortProtocol | int | LinkIndex | Priority | Mac | Bits
# What stands for many values: a subnet, a range of ports, and the above.
Interval = IPNetwork | range | Span
Part = Single | Interval
Value = Part | tuple[Part, ...]

_INTERVALS: Final = (range, IPv4Network, IPv6Network, Span)


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a set or a map."""

    # The name of the set or map.
    set: str
    # The key.
    value: Value
    # What the key leads to, in a map.
    data: Value | None = None
    # The family of the table.
    family: Family = "inet"
    # Above which the element matches, in a set that counts connections or measures their rate.
    limit: Limit | None = None


def text(element: Element) -> str:
    """Return an element as text for nft(8)."""
    key = _words(element.value)
    if element.limit:
        return f"{key} {element.limit}"
    return key if element.data is None else f"{key} : {_words(element.data)}"


def keys(element: Element) -> tuple[Key, ...]:
    """Return the keys that the kernel has for an element."""
    bounds = [_bounds(part) for part in _parts(element.value)]
    is_interval = any(isinstance(part, _INTERVALS) for part in _parts(element.value))
    data = () if element.data is None else map(_bounds, _parts(element.data))
    leads_to = _joined([_packed(first) for first, _ in data])
    if not is_interval:
        return (Key(_joined([_packed(part) for part, _ in bounds]), leads_to, limit=element.limit),)
    first = [_packed_big_endian(first) for first, _ in bounds]
    last = [_packed_big_endian(last) for _, last in bounds]
    if len(bounds) == 1:
        return _interval(first[0], last[0], leads_to)
    return (Key(_joined(first), leads_to, _joined(last)),)


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


def _interval(start: bytes, last: bytes, data: bytes) -> tuple[Key, ...]:
    past = int.from_bytes(last) + 1
    if past >> (8 * len(last)):
        return (Key(start, data),)  # an interval up to the last value has no end
    return (Key(start, data), Key(past.to_bytes(len(last)), ends_interval=True))


def _joined(parts: Sequence[bytes]) -> bytes:
    """Concatenate parts, each padded to whole registers. A single part is not padded."""
    if len(parts) == 1:
        return parts[0]
    return b"".join(part + bytes(-len(part) % _REGISTER) for part in parts)


def _bounds(part: Part) -> tuple[Single, Single]:
    """Return the first and the last value that a part stands for."""
    match part:
        case range():
            return part[0], part[-1]
        case IPv4Network() | IPv6Network():
            return part.network_address, part.broadcast_address
        case Span():
            return part.first, part.last
        case _:
            return part, part


def _packed(part: Single) -> bytes:
    match part:
        case str():
            return part.encode().ljust(IFNAME_BYTES, b"\0")
        case PortProtocol():
            return bytes([_NUMBERS[part]])
        case int():
            return part.to_bytes(_PORT_BYTES)
        case _:
            return part.packed


def _packed_big_endian(part: Single) -> bytes:
    """Return a part of an interval, which nft(8) compares in network byte order as a whole."""
    return part.number.to_bytes(_INDEX_BYTES) if isinstance(part, LinkIndex) else _packed(part)

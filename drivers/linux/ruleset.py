"""The firewall as data: ``ruleset.nft`` beside this, and what each network adds to its sets.

An element is written twice: as text where the table is loaded whole, and as keys where one network
comes or goes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from mynet.drivers.api import IPNetwork
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.verbs import Segment

TABLE: Final = "mynet"
IFNAME_BYTES: Final = 16

_RULES = Path(__file__).with_name("ruleset.nft")
_PLAIN = re.compile(r"[A-Za-z0-9_.:@+=~^#$!&*,;-]+(?<!\*)")

Value = str | tuple[str, str] | IPNetwork


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a set: a device, a pair of devices, or a subnet."""

    set: str
    value: Value


def elements(segment: Segment) -> Iterator[Element]:
    """Tell what a network puts into the sets."""
    yield Element("br_all", segment.bridge)
    if segment.icc:
        yield Element("br_icc", (segment.bridge, segment.bridge))
    if segment.internal:
        yield Element("br_internal", segment.bridge)
    for version in segment.routed:
        yield Element(f"br_routed{version}", segment.bridge)
    for subnet in segment.masquerade:
        yield Element(f"masq{subnet.version}", subnet)


def ruleset(instance: str, segments: Iterable[Segment]) -> str:
    """Write the transaction that replaces the table whole. Like: ``nft -f FILE``.

    It is added before it is deleted for the first time, when there is nothing to delete.
    """
    sets: dict[str, list[str]] = {}
    for segment in segments:
        for element in elements(segment):
            sets.setdefault(element.set, []).append(_text(element.value))
    head = (
        f"add table inet {TABLE}\n"
        f"delete table inet {TABLE}\n"
        f'table inet {TABLE} {{ comment "managed by mynet, instance {plain(instance)}"; }}\n'
    )
    filled = (
        f"add element inet {TABLE} {name} {{ {', '.join(texts)} }}\n"
        for name, texts in sorted(sets.items())
    )
    return head + _RULES.read_text() + "".join(filled)


def _text(value: Value) -> str:
    match value:
        case str():
            return f'"{plain(value)}"'
        case (incoming, outgoing):
            return f'"{plain(incoming)}" . "{plain(outgoing)}"'
        case _:
            return str(value)


def plain(name: str) -> str:
    """Refuse what would be more, or less, than a name between quotes.

    The language cannot escape a quote, and a star at the end stands for any ending.
    """
    if not _PLAIN.fullmatch(name):
        raise CapabilityUnsupported(
            f"{name!r} cannot be written in a firewall ruleset: use letters, digits and any of"
            " _.:@+=~^#$!&*,;-, but no * at the end",
            resource=f"interface {name}",
        )
    return name


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a set as the kernel holds it; an interval is its start and, past it, its end."""

    value: bytes
    ends_interval: bool = False


def keys(value: Value) -> tuple[Key, ...]:
    """Tell the keys that an element is in the kernel."""
    match value:
        case str():
            return (Key(_padded(value)),)
        case (incoming, outgoing):
            return (Key(_padded(incoming) + _padded(outgoing)),)
        case _:
            return _interval(value)


def _padded(name: str) -> bytes:
    return name.encode().ljust(IFNAME_BYTES, b"\0")


def _interval(subnet: IPv4Network | IPv6Network) -> tuple[Key, ...]:
    start = Key(subnet.network_address.packed)
    past = int(subnet.broadcast_address) + 1
    if past >> subnet.max_prefixlen:
        return (start,)  # it reaches the end of the address space, and so has none
    return (start, Key(past.to_bytes(subnet.max_prefixlen // 8), ends_interval=True))

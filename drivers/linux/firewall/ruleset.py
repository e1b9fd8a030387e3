"""The firewall as data: ``ruleset.nft`` beside this, and what networks and endpoints add to it."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from mynet.drivers.linux.firewall.elements import Element, plain, text
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import Forward, PortForwards

TABLE: Final = "mynet"

_RULES = Path(__file__).with_name("ruleset.nft")


def elements(segment: NetworkRules) -> Iterator[Element]:
    """Tell what a network puts into the sets."""
    yield Element("br_all", segment.bridge)
    yield Element("br_self", (segment.bridge, segment.bridge))
    if segment.icc:
        yield Element("br_icc", (segment.bridge, segment.bridge))
    if segment.internal:
        yield Element("br_internal", segment.bridge)
    for version in segment.routed:
        yield Element(f"br_routed{version}", segment.bridge)
    for subnet in segment.masquerade:
        yield Element(f"masq{subnet.version}", subnet)


def published(publication: PortForwards) -> Iterator[Element]:
    """Tell what an endpoint's ports put into the maps."""
    return chain.from_iterable(map(forwarded, publication.forwards))


def forwarded(forward: Forward) -> Iterator[Element]:
    """Tell what one of them puts there.

    A range that keeps its numbers is one element. Any other is one for each port: an element can
    lead an interval to one number only.
    """
    version = forward.target.version
    if forward.count > 1 and forward.host_port == forward.target_port:
        ports = range(forward.host_port, forward.host_port + forward.count)
        if forward.host is None:
            yield Element(f"pubr_{forward.protocol.value}{version}", ports, forward.target)
        else:
            yield Element(
                f"pubipr{version}", (forward.host, forward.protocol, ports), forward.target
            )
        return
    for number in range(forward.count):
        port, to = forward.host_port + number, (forward.target, forward.target_port + number)
        if forward.host is None:
            yield Element(f"pub{version}", (forward.protocol, port), to)
        else:
            yield Element(f"pubip{version}", (forward.host, forward.protocol, port), to)


def ruleset(
    instance: str, segments: Iterable[NetworkRules], publications: Iterable[PortForwards] = ()
) -> str:
    """Write the transaction that replaces the table whole. Like: ``nft -f FILE``.

    It is added before it is deleted for the first time, when there is nothing to delete.
    """
    sets: dict[str, list[str]] = {}
    for element in chain(
        chain.from_iterable(map(elements, segments)),
        chain.from_iterable(map(published, publications)),
    ):
        sets.setdefault(element.set, []).append(text(element))
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

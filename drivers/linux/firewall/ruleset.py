"""The firewall as text: ``ruleset.nft``, and the elements of networks and published ports."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from mynet.drivers.linux.firewall.elements import Element, plain, text
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import Forward, PortForwards

TABLE: Final = "mynet"

_RULES = Path(__file__).with_name("ruleset.nft")


def elements(rules: NetworkRules) -> Iterator[Element]:
    """Yield the elements of a network."""
    yield Element("br_all", rules.bridge)
    yield Element("br_self", (rules.bridge, rules.bridge))
    if rules.icc:
        yield Element("br_icc", (rules.bridge, rules.bridge))
    if rules.internal:
        yield Element("br_internal", rules.bridge)
    for version in rules.routed:
        yield Element(f"br_routed{version}", rules.bridge)
    for subnet in rules.subnets:
        yield Element(f"subnets{subnet.version}", subnet)
    for subnet in rules.masquerade:
        yield Element(f"masq{subnet.version}", subnet)


def published(forwards: PortForwards) -> Iterator[Element]:
    """Return the elements of an endpoint's published ports."""
    return chain.from_iterable(map(forwarded, forwards.ports))


def forwarded(forward: Forward) -> Iterator[Element]:
    """Yield the elements of one published port or range.

    A range with the same numbers on both sides is one element. Any other range has one element for
    each port, because an interval can lead to a single number only.
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
    instance: str, rules: Iterable[NetworkRules], forwards: Iterable[PortForwards] = ()
) -> str:
    """Return the text of the transaction that replaces the table, for ``nft -f FILE``.

    It adds the table before it deletes the table, because there may be none to delete.
    """
    sets: dict[str, list[str]] = {}
    for element in chain(
        chain.from_iterable(map(elements, rules)),
        chain.from_iterable(map(published, forwards)),
    ):
        sets.setdefault(element.set, []).append(text(element))
    head = (
        f"add table inet {TABLE}\n"
        f"delete table inet {TABLE}\n"
        f'table inet {TABLE} {{ comment "managed by mynet, instance {plain(instance)}"; }}\n'
    )
    filling = (
        f"add element inet {TABLE} {name} {{ {', '.join(texts)} }}\n"
        for name, texts in sorted(sets.items())
    )
    return head + _RULES.read_text() + "".join(filling)

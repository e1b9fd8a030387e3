"""The firewall as text: ``ruleset.nft``, and the elements of networks and published ports."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from mynet.drivers.linux.firewall.elements import Element, plain, text
from mynet.drivers.linux.firewall.port_elements import published
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import PortForwards

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
    for address in rules.host_addresses:
        yield Element(f"host{address.version}", rules.bridge, address)
    for source in rules.route_sources:
        leaving = (rules.bridge, source.device)
        yield Element(f"src{source.address.version}", leaving, source.address)


def ruleset(
    instance: str, rules: Iterable[NetworkRules], forwards: Iterable[PortForwards] = ()
) -> str:
    """Return the text of the transaction that replaces the table, for ``nft -f FILE``."""
    return filled(instance, all_elements(rules, forwards))


def all_elements(
    rules: Iterable[NetworkRules], forwards: Iterable[PortForwards]
) -> Iterator[Element]:
    """Return the elements of networks and of published ports."""
    of_networks = chain.from_iterable(map(elements, rules))
    return chain(of_networks, chain.from_iterable(map(published, forwards)))


def filled(instance: str, contents: Iterable[Element]) -> str:
    """Return the text of the transaction that replaces the table by one with these elements.

    It adds the table before it deletes the table, because there may be none to delete.
    """
    sets: dict[str, list[str]] = {}
    for element in contents:
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

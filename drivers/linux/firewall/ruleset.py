"""The firewall as text: the rules in ``ruleset.nft`` and ``guard.nft``, and all elements."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, permutations
from pathlib import Path
from typing import Final

from mynet.drivers.linux.firewall.elements.element import Element, plain, text
from mynet.drivers.linux.firewall.elements.guard import guard_elements, sandbox_elements
from mynet.drivers.linux.firewall.elements.ports import published, used_elements
from mynet.drivers.linux.netlink.netfilter.nftables import TableName
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules, Guard
from mynet.drivers.linux.values.ports import UsedPort

# The rules of packets that the host forwards or receives, and those of frames from endpoints.
INET, BRIDGE = TableName("inet", "mynet"), TableName("bridge", "mynet")
TABLES: Final = (INET, BRIDGE)
TABLE_NAMES: Final = f"tables {INET.family} {INET.name} and {BRIDGE.family} {BRIDGE.name}"

_RULES = {INET: "ruleset.nft", BRIDGE: "guard.nft"}
_SETS = re.compile(r"^  (set|map) (\w+)", re.MULTILINE)


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
    for version in rules.without_host:
        yield Element(f"br_hostless{version}", rules.bridge)
    for subnet in rules.subnets:
        yield Element(f"subnets{subnet.version}", subnet)
        yield Element(f"all_subnets{subnet.version}", subnet, family="bridge")
    for subnet in rules.masquerade:
        yield Element(f"masq{subnet.version}", subnet)
    for address in rules.host_addresses:
        yield Element(f"host{address.version}", rules.bridge, address)
    for source in rules.route_sources:
        leaving = (rules.bridge, source.device)
        yield Element(f"src{source.address.version}", leaving, source.address)

    yield from _replies(rules)


def _replies(rules: NetworkRules) -> Iterator[Element]:
    """Yield the elements by which replies leave by the uplink that their request came in by."""
    if rules.uplinks:
        yield Element("br_replies", rules.bridge)
    for uplink in rules.uplinks:
        for bit in uplink.bits:
            yield Element(f"came_by{bit}", (uplink.device, rules.bridge))


def endpoint_elements(rules: EndpointRules) -> Iterator[Element]:
    """Yield the elements of an endpoint, in both tables."""
    if rules.guard:
        yield from guard_elements(rules.guard)
    yield from published(rules.forwards)


def surplus(before: NetworkRules, after: NetworkRules) -> Iterator[Element]:
    """Yield the elements of a network that other rules for it do not have."""
    kept = set(elements(after))
    return (element for element in elements(before) if element not in kept)


def all_elements(
    rules: Iterable[NetworkRules],
    endpoints: Iterable[EndpointRules] = (),
    used: Iterable[UsedPort] = (),
) -> Iterator[Element]:
    """Return the elements of networks and endpoints, and of ports that the host's programs use."""
    by_sandbox: dict[int, list[Guard]] = {}
    known = list(endpoints)
    for guard in (endpoint.guard for endpoint in known if endpoint.guard):
        by_sandbox.setdefault(guard.sandbox, []).append(guard)
    by_sandbox.pop(0, None)
    return chain(
        chain.from_iterable(map(elements, rules)),
        chain.from_iterable(map(endpoint_elements, known)),
        *(
            sandbox_elements(guard, other)
            for guards in by_sandbox.values()
            for guard, other in permutations(guards, 2)
        ),
        used_elements(used),
    )


def replaced(instance: str, contents: Iterable[Element]) -> str:
    """Return the text of the transaction that replaces both tables by ones with these elements.

    It adds a table before it deletes it, because there may be none to delete.
    """
    comment = f'comment "managed by mynet, instance {plain(instance)}"'
    heads = "".join(f"add {table}\ndelete {table}\n{table} {{ {comment}; }}\n" for table in TABLES)
    return heads + "".join(map(_rules, TABLES)) + _filling(contents)


def refilled(contents: Iterable[Element]) -> str:
    """Return the text of the transaction that leaves the rules, and puts these elements into sets.

    A table that is replaced has no chains for a moment, and a packet of a standing flow may be
    dropped in it.
    """
    emptying = (
        f"flush {kind} {table.family} {table.name} {name}\n"
        for table in TABLES
        for kind, name in _SETS.findall(_rules(table))
    )
    return "".join(emptying) + _filling(contents)


def _rules(table: TableName) -> str:
    return Path(__file__).with_name(_RULES[table]).read_text()


def _filling(contents: Iterable[Element]) -> str:
    sets: dict[tuple[str, str], list[str]] = {}
    for element in dict.fromkeys(contents):
        sets.setdefault((element.family, element.set), []).append(text(element))
    return "".join(
        f"add element {family} {INET.name} {name} {{ {', '.join(texts)} }}\n"
        for (family, name), texts in sorted(sets.items())
    )

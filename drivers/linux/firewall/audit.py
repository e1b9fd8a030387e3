"""The ruleset audit: compares the firewall's table with the table that a start would load.

``mynetd fsck`` has not loaded the table, so it has no fingerprint to compare with. It loads the
same text into a temporary network namespace, and has nft(8) list both tables. Equal tables have
equal listings. The audit takes 30 ms with 10 networks and 0.9 s with 2,000.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mynet.drivers.linux import netns
from mynet.drivers.linux.firewall.elements import text
from mynet.drivers.linux.firewall.fingerprint import fingerprint
from mynet.drivers.linux.firewall.nft import TABLE_NAME, run_nft
from mynet.drivers.linux.firewall.port_elements import SOURCES
from mynet.drivers.linux.firewall.ruleset import all_elements, elements, filled
from mynet.drivers.linux.firewall.set_elements import missing_elements
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import PortForwards

_SETS = re.compile(r"\n\t(set|map) (\S+) \{\n(.*?)\n\t\}", re.DOTALL)
_ELEMENTS = re.compile(r"\n\t\telements = \{ (.*?) \}", re.DOTALL)
_BETWEEN = re.compile(r",\s+")


@dataclass(frozen=True, slots=True)
class Listing:
    """A table as nft(8) lists it."""

    # The listing without the elements of sets.
    rules: str
    # The elements by their keys, by set ("map pub4").
    elements: Mapping[str, Mapping[str, str]]


def differences(
    instance: str,
    rules: Sequence[NetworkRules],
    possible: Sequence[NetworkRules],
    forwards: Iterable[PortForwards],
) -> Iterator[str]:
    """Yield a sentence for each difference of the table.

    It must have the elements of ``rules``, and may have those of ``possible`` and ``forwards``, but
    no others. Whether a port is published, where it leads, and what leaves by it is not compared.
    """
    if not fingerprint():
        yield f"The firewall's {TABLE_NAME} is not there."
        return
    for network in rules:
        for element in missing_elements(elements(network)):
            yield f"The firewall lacks {text(element)} in the set {element.set}."
    allowed = [
        element
        for element in all_elements(possible, forwards)
        if not element.set.startswith(SOURCES)
    ]
    with netns.temporary():
        run_nft("load", ["-f", "-"], filled(instance, allowed))
        expected = _list()
    actual = _list()
    if actual.rules != expected.rules:
        yield "The firewall's rules are not those that this mynetd loads."
    for name, words in actual.elements.items():
        if name.startswith((f"map {SOURCES}", f"set {SOURCES}")):
            continue
        for key in words.keys() - expected.elements.get(name, {}).keys():
            yield f"The firewall has {words[key]} in the {name}, which nothing on record asks for."


def _list() -> Listing:
    """Like: nft --stateless list table inet mynet."""
    listing = run_nft("list", ["--stateless", "list", *TABLE_NAME.split()])
    return Listing(
        _ELEMENTS.sub("", listing),
        {f"{kind} {name}": _elements(body) for kind, name, body in _SETS.findall(listing)},
    )


def _elements(body: str) -> Mapping[str, str]:
    """Return the elements of a set by their keys. In a map a colon ends the key."""
    match = _ELEMENTS.search(f"\n{body}")
    listed = _BETWEEN.split(match[1]) if match else []
    return {words.partition(" : ")[0]: words for words in listed}

"""The ruleset audit: compares the firewall's tables with the tables that a start would load.

``mynetd fsck`` has not loaded the tables, so it has no fingerprint to compare with. It loads the
same text into a temporary network namespace, and has nft(8) list the tables in both. Equal tables
have equal listings. The audit takes 30 ms with 10 networks and 0.9 s with 2,000.
"""

import re
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mynet.drivers.linux import netns
from mynet.drivers.linux.firewall.elements.element import text
from mynet.drivers.linux.firewall.elements.guard import BRIDGE_SETS, GUARD_SETS
from mynet.drivers.linux.firewall.elements.ports import PROGRAMS, SOURCES
from mynet.drivers.linux.firewall.ruleset import all_elements, elements, replaced
from mynet.drivers.linux.firewall.tables.listing import list_tables
from mynet.drivers.linux.firewall.tables.nft import run_nft
from mynet.drivers.linux.firewall.tables.tables import Tables
from mynet.drivers.linux.values.endpoint_rules import Attachment
from mynet.drivers.linux.values.expected_tables import ExpectedTables

_SETS = re.compile(r"\n\t(set|map) (\S+) \{\n(.*?)\n\t\}", re.DOTALL)
_ELEMENTS = re.compile(r"\n\t\telements = \{ (.*?) \}", re.DOTALL)
_BETWEEN = re.compile(r",\s+")
_BY_INDEX = re.compile(r"\t(typeof [io]if|type iface_index)\b")
_LINK = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Listing:
    """The tables as nft(8) lists them."""

    # The listings without the elements of sets.
    rules: str
    # The elements by their keys, by set ("map pub4").
    elements: Mapping[str, Mapping[str, str]]


def differences(recorded: ExpectedTables) -> Iterator[str]:
    """Yield a sentence for each difference of the tables.

    What an endpoint lacks is not compared, nor where a published port leads and what leaves by it,
    nor which ports programs of the host use.
    """
    tables = Tables()
    try:
        gone = [f"The firewall's {table} is not there." for table in tables.missing_tables()]
        missing = [
            f"The firewall lacks {text(element)} in the set {element.set}."
            for network in recorded.networks
            for element in tables.missing(elements(network))
        ]
    finally:
        tables.close()
    yield from gone or missing
    if gone:
        return
    allowed = [
        element
        for element in all_elements(recorded.possible, recorded.endpoints)
        if not element.set.startswith(SOURCES)
    ]
    with netns.temporary():
        run_nft("load", ["-f", "-"], replaced(recorded.instance, allowed))
        expected = _list()
    actual = _list()
    if actual.rules != expected.rules:
        yield "The firewall's rules are not those that this mynetd loads."
    surplus = [
        (name, words[key])
        for name, words in actual.elements.items()
        if not _set_of(name).startswith(SOURCES) and _set_of(name) not in PROGRAMS
        for key in words.keys() - expected.elements.get(name, {}).keys()
    ]
    yield from describe_surplus(surplus, recorded.unfinished, recorded.detached)


def describe_surplus(
    surplus: Iterable[tuple[str, str]],
    unfinished: Collection[Attachment],
    detached: Collection[str],
) -> Iterator[str]:
    """Yield a sentence for each element that nothing on record asks for, and for each port.

    An element is the name of its set ("map pub4") and its words. An element of the guard begins
    with the index of a port, and one of ``BRIDGE_SETS`` with that of a bridge. Those of
    ``unfinished`` are left out, and those of the addresses ``detached``, whose port is gone, and
    of the bridge that they were on.
    """
    surplus = list(surplus)
    ports = {str(place.port) for place in unfinished}
    bridges = {str(place.bridge) for place in unfinished}
    of_ports: dict[str, list[str]] = {}

    known = frozenset(detached)

    def is_detached(words: str) -> bool:
        return not known.isdisjoint(words.split())

    # A limit of connections has the index of the bridge and that of the port.
    detached_ports = {
        _first(words)
        for name, words in surplus
        if _set_of(name) in GUARD_SETS and is_detached(words)
    }
    bridges |= {
        _first(words)
        for name, words in surplus
        if _is_of_bridge(name) and (is_detached(words) or _port_of_limit(words) in detached_ports)
    }
    for name, words in surplus:
        index = _first(words)
        if _set_of(name) in GUARD_SETS:
            of_ports.setdefault(index, []).append(words)
        elif not _is_of_bridge(name) or index not in bridges:
            yield f"The firewall has {words} in the {name}, which nothing on record asks for."
    for index, of_port in of_ports.items():
        if index not in ports and not any(map(is_detached, of_port)):
            yield (
                f"The firewall has {len(of_port)} elements for the link with index {index} in the"
                " table bridge mynet, which nothing on record asks for."
            )


def _is_of_bridge(name: str) -> bool:
    return _set_of(name) in BRIDGE_SETS


def _set_of(name: str) -> str:
    """Return "pub4" of "map pub4"."""
    return name.rpartition(" ")[2]


def _first(words: str) -> str:
    return words.partition(" : ")[0].partition(" . ")[0]


def _port_of_limit(words: str) -> str:
    """Return "31" of "1 . 0:1f ct count over 4096": nft(8) writes a priority in hexadecimal."""
    part = words.partition(" . ")[2].partition(" ")[0]
    major, is_priority, minor = part.partition(":")
    try:
        return str(int(major, 16) << 16 | int(minor, 16)) if is_priority else ""
    except ValueError:  # an address of IPv6
        return ""


def _list() -> Listing:
    listing = list_tables()
    return Listing(
        _ELEMENTS.sub("", listing),
        {f"{kind} {name}": _elements(body) for kind, name, body in _SETS.findall(listing)},
    )


def _elements(body: str) -> Mapping[str, str]:
    """Return the elements of a set by their keys. In a map a colon ends the key."""
    match = _ELEMENTS.search(f"\n{body}")
    listed = _BETWEEN.split(match[1]) if match else []
    if _BY_INDEX.search(body):
        listed = [_LINK.sub(_index, words, count=1) for words in listed]
    return {words.partition(" : ")[0]: words for words in listed}


def _index(name: re.Match[str]) -> str:
    """Return the index of a link, which nft(8) lists by its name if there is a link."""
    try:
        return str(socket.if_nametoindex(name[1]))
    except OSError:  # it was deleted or renamed in the meantime
        return name[0]

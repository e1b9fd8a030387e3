"""The firewall's table against what a start would load, for who has not loaded it.

The daemon remembers how the kernel described the table when it was loaded; nobody else can. So the
same text is loaded into a network namespace of its own, which is gone afterwards, and nft(8) lists
both: what it writes of one table it writes of another that is the same.
"""

import ctypes
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mynet.drivers.linux import netns
from mynet.drivers.linux.firewall.elements import text
from mynet.drivers.linux.firewall.fingerprint import skeleton
from mynet.drivers.linux.firewall.nft import TABLE_NAME, run_nft
from mynet.drivers.linux.firewall.ruleset import elements, ruleset
from mynet.drivers.linux.firewall.set_elements import absent
from mynet.drivers.linux.kernel_errors import refused
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import PortForwards

_SETS = re.compile(r"\n\t(set|map) (\S+) \{\n(.*?)\n\t\}", re.DOTALL)
_ELEMENTS = re.compile(r"\n\t\telements = \{ (.*?) \}", re.DOTALL)
_BETWEEN = re.compile(r",\s+")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Listing:
    """A table as nft(8) lists it: its rules, and elements by a set ("map pub4") and their keys."""

    rules: str
    elements: Mapping[str, Mapping[str, str]]


def differences(
    instance: str,
    segments: Sequence[NetworkRules],
    possible: Sequence[NetworkRules],
    publications: Iterable[PortForwards],
) -> Iterator[str]:
    """Yield how the table is not what it should be, a sentence each.

    It has to have what ``segments`` say, and may have what ``possible`` ones and ``publications``
    say. Where a port leads, and whether it does, is not looked at.
    """
    if not skeleton():
        yield f"The firewall's {TABLE_NAME} is not there."
        return
    for segment in segments:
        for each in absent(elements(segment)):
            yield f"The firewall lacks {text(each)} in the set {each.set}."
    with _elsewhere():
        run_nft("load", ["-f", "-"], ruleset(instance, possible, publications))
        wanted = _listed()
    found = _listed()
    if found.rules != wanted.rules:
        yield "The firewall's rules are not those that this mynetd loads."
    for name, there in found.elements.items():
        for key in there.keys() - wanted.elements.get(name, {}).keys():
            yield f"The firewall has {there[key]} in the {name}, which nothing on record asks for."


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Run the block in a new network namespace, in this thread alone. Like: ``unshare --net``."""
    with Path("/proc/thread-self/ns/net").open() as here, netns.inside(here.fileno()):
        if _libc.unshare(netns.CLONE_NEWNET) != 0:
            raise refused(
                ctypes.get_errno(),
                "make a network namespace",
                TABLE_NAME,
                capability="CAP_SYS_ADMIN",
            )
        yield


def _listed() -> Listing:
    """Like: nft --stateless list table inet mynet."""
    whole = run_nft("list", ["--stateless", "list", *TABLE_NAME.split()])
    return Listing(
        _ELEMENTS.sub("", whole),
        {f"{kind} {name}": _elements(body) for kind, name, body in _SETS.findall(whole)},
    )


def _elements(body: str) -> Mapping[str, str]:
    """Read the elements of a set, by their keys: what a map's lead to is behind a colon."""
    found = _ELEMENTS.search(f"\n{body}")
    each = _BETWEEN.split(found[1]) if found else []
    return {words.partition(" : ")[0]: words for words in each}

"""Drawing a subnet: an address a character where it is small, else how full each part of it is.

What is drawn follows from the answer to GetSubnetMap alone: parts that are addresses, parts that
are few enough to draw all of them, or such as the answer has, of more than anybody can look at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import groupby
from typing import Any

import click

Network = IPv4Network | IPv6Network
Span = tuple[int, int]  # from the one to the other address, as distances from the subnet's first

_PER_LINE = 64
_LONGEST_LABEL = 15  # with this, a space and 64 signs, a line fits a terminal of 80 columns
_MOST_SINGLE = 1 << 10  # addresses: so many are drawn one by one,
_MOST_DENSE = 1 << 32  # and so many as parts that are all drawn
_PARTS = 8  # bits: 256 of them
_MOST_BARS = 64
_BAR = 32

_ALLOCATED, _COOLING, _RESERVED, _NEVER, _FREE = "#", "~", "x", "-", "."
_LEVELS = "▁▂▃▄▅▆▇█"  # how much of a part is allocated, in eighths; anything at all is one
_PLAIN_LEVELS = "1234567#"  # the same, where the terminal has no such signs
_COLOURS = {_COOLING: "cyan", _RESERVED: "yellow", _NEVER: "bright_black", _FREE: None}
_WORDS = {
    _ALLOCATED: "allocated",
    _COOLING: "cooling",
    _RESERVED: "reserved",
    _NEVER: "never handed out",
    _FREE: "free",
}


def part_prefix_length(cidr: str) -> int:
    """Return the size of parts that is best drawn; 0 leaves it to the daemon."""
    try:
        subnet = ip_network(cidr, strict=False)
    except ValueError:
        return 0  # the daemon says what is wrong with it
    if subnet.num_addresses <= _MOST_SINGLE:
        return subnet.max_prefixlen
    return subnet.prefixlen + _PARTS if subnet.num_addresses <= _MOST_DENSE else 0


def draw(answer: Mapping[str, Any], *, unicode: bool) -> Iterator[str]:
    """Draw the answer to GetSubnetMap, line by line, in colours that click takes out again."""
    plan = Plan.of(answer)
    yield from _head(answer["subnet"])
    yield ""
    if plan.size == 1:
        signs = [_address(plan, number) for number in range(plan.length)]
        yield from _rows(plan, signs)
        yield from _legend(signs)
    elif plan.length <= _MOST_SINGLE:
        levels = _LEVELS if unicode else _PLAIN_LEVELS
        signs = [_level(plan, number, levels) for number in range(plan.length)]
        yield from _rows(plan, signs)
        yield from _legend(set(signs) - set(levels))
        yield f"each character is a /{plan.prefixlen}, and {levels} is how much of it is allocated"
    else:
        yield from _bars(plan)


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to draw: a subnet's parts of ``size`` addresses, by their numbers."""

    subnet: Network
    size: int
    usable: Span
    reserved: tuple[Span, ...]
    allocated: Mapping[int, int]
    cooling: Mapping[int, int]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Plan":
        """Read the answer to GetSubnetMap."""
        subnet = ip_network(answer["subnet"]["cidr"])
        size = 1 << (subnet.max_prefixlen - int(answer["part_prefix_length"]))
        first, usable = int(subnet.network_address), _usable(subnet)
        spans = (_span(text, first) for text in answer["subnet"]["reserved"])
        parts = {
            (int(ip_network(part["cidr"]).network_address) - first) // size: part
            for part in answer["parts"]
        }
        return cls(
            subnet,
            size,
            usable,
            tuple(_united(spans, usable)),
            {number: int(part["allocated"]) for number, part in parts.items()},
            {number: int(part["cooling"]) for number, part in parts.items()},
        )

    @property
    def length(self) -> int:
        """How many parts there are."""
        return self.subnet.num_addresses // self.size

    @property
    def prefixlen(self) -> int:
        """How large a part is."""
        return self.subnet.max_prefixlen - (self.size.bit_length() - 1)

    def label(self, number: int) -> str:
        """Return the first address of a part."""
        return str(self.subnet[number * self.size])

    def room(self, number: int) -> int:
        """Count a part's addresses that can be a host's."""
        return self._shared(number, self.usable)

    def kept(self, number: int) -> int:
        """Count those of them that are reserved."""
        return sum(self._shared(number, span) for span in self.reserved)

    def _shared(self, number: int, span: Span) -> int:
        start, end = number * self.size, (number + 1) * self.size - 1
        return max(0, min(span[1], end) - max(span[0], start) + 1)

    def coarser(self) -> "Plan":
        """Return the same with parts of twice the size."""
        allocated: dict[int, int] = {}
        cooling: dict[int, int] = {}
        for before, after in ((self.allocated, allocated), (self.cooling, cooling)):
            for number, count in before.items():
                after[number // 2] = after.get(number // 2, 0) + count
        return replace(self, size=self.size * 2, allocated=allocated, cooling=cooling)


def _head(subnet: Mapping[str, Any]) -> Iterator[str]:
    named = [f"{word} {subnet[word]}" for word in ("network", "range") if subnet[word]]
    yield "   ".join([click.style(subnet["cidr"], bold=True), *named])
    counts = ("allocated", "reserved", "cooling", "free")
    yield "   ".join(f"{subnet['usage'][name]} {name}" for name in counts)


def _address(plan: Plan, number: int) -> str:
    if plan.allocated.get(number):
        return _ALLOCATED
    if not plan.room(number):
        return _NEVER
    if plan.kept(number):
        return _RESERVED
    return _COOLING if plan.cooling.get(number) else _FREE


def _level(plan: Plan, number: int, levels: str) -> str:
    room = plan.room(number) - plan.kept(number)
    allocated = plan.allocated.get(number, 0)
    if allocated >= max(room, 1):  # more than that where some were reserved only later
        return levels[-1]
    if allocated:
        return levels[max(0, allocated * len(levels) // room - 1)]
    if not room:
        return _RESERVED
    return _COOLING if plan.cooling.get(number) else _FREE


def _rows(plan: Plan, signs: list[str]) -> Iterator[str]:
    """Draw a sign for each part."""
    per_line = _PER_LINE if len(plan.label(plan.length - 1)) <= _LONGEST_LABEL else _PER_LINE // 2
    labels = [plan.label(start) for start in range(0, len(signs), per_line)]
    width = max(map(len, labels))
    for row, label in enumerate(labels):
        line = signs[row * per_line : (row + 1) * per_line]
        yield f"{label.rjust(width)} {_painted(line)}"


def _bars(plan: Plan) -> Iterator[str]:
    """Draw a bar for each part in which anything is: most of an IPv6 subnet is empty."""
    while len(plan.allocated) > _MOST_BARS:
        plan = plan.coarser()
    if not plan.allocated:
        yield "nobody has an address of it, and none cools down"
        return
    labels = {number: plan.label(number) for number in sorted(plan.allocated)}
    width = max(map(len, labels.values()))
    digits = max(len(str(count)) for count in plan.allocated.values())
    drawn: set[str] = set()
    for number, label in labels.items():
        bar = _bar(plan, number)
        drawn |= set(bar)
        count = str(plan.allocated[number]).rjust(digits)
        yield f"{label.rjust(width)} {_painted(bar)} {count}"
    yield from _legend(drawn)
    yield (
        f"each line is a /{plan.prefixlen}, and the number is how many of its addresses are"
        " allocated"
    )


def _bar(plan: Plan, number: int) -> list[str]:
    """Divide a bar, so that whatever is there at all has a sign of it."""
    counts = {
        _ALLOCATED: plan.allocated[number],
        _COOLING: plan.cooling[number],
        _RESERVED: plan.kept(number),
    }
    signs = {sign: max(count * _BAR // plan.size, count > 0) for sign, count in counts.items()}
    while sum(signs.values()) > _BAR:
        signs[max(signs, key=lambda sign: signs[sign])] -= 1
    signs[_FREE] = _BAR - sum(signs.values())
    return [sign for sign, length in signs.items() for _ in range(length)]


def _legend(signs: Iterable[str]) -> Iterator[str]:
    """Say what those signs mean that are there."""
    there = set(signs)
    words = [f"{_painted([sign])} {word}" for sign, word in _WORDS.items() if sign in there]
    yield ""
    if words:
        yield "  ".join(words)


def _painted(signs: Iterable[str]) -> str:
    """Join signs, each in its colour; all that say how much is allocated have the same."""
    runs = groupby(signs, key=lambda sign: _COLOURS.get(sign, "green"))
    return "".join(
        click.style("".join(run), fg=colour) if colour else "".join(run) for colour, run in runs
    )


def _span(text: str, base: int) -> Span:
    """Read addresses as the API writes them: one alone, a subnet, or first-last."""
    first, dash, last = text.partition("-")
    if dash:
        return int(ip_address(first)) - base, int(ip_address(last)) - base
    cidr = ip_network(text)
    return int(cidr[0]) - base, int(cidr[-1]) - base


def _united(spans: Iterable[Span], usable: Span) -> Iterator[Span]:
    """Cut spans to what is usable, and so that none has an address that another has."""
    behind, end = usable
    for first, last in sorted(spans):
        cut = max(first, behind), min(last, end)
        if cut[0] <= cut[1]:
            yield cut
            behind = cut[1] + 1


def _usable(subnet: Network) -> Span:
    """Return what of a subnet can be a host's address: see docs/ipam.md."""
    last = subnet.num_addresses - 1
    if last <= 1:
        return 0, last
    return (1, last - 1) if subnet.version == 4 else (1, last)  # noqa: PLR2004 - the IP version

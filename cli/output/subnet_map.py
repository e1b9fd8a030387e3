"""Drawing how full a subnet is, from the answer to GetSubnetMap.

Of a small subnet, each character is an address. Of a larger one, each character is a part, such as
a /24. Of the largest, only parts with allocations are drawn, each as a bar on a line of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import groupby
from typing import Any

import click

Network = IPv4Network | IPv6Network
Span = tuple[int, int]  # first and last address, as distances from the subnet's first address

_PER_LINE = 64
_LONGEST_LABEL = 15  # with a space and 64 characters it fills a terminal of 80 columns
_MOST_SINGLE = 1 << 10  # the most addresses that are drawn one by one
_MOST_DENSE = 1 << 32  # the most addresses that are drawn as parts of the same size
_PARTS_BITS = 8  # 256 parts
_MOST_BARS = 64
_BAR = 32

_ALLOCATED, _COOLING, _RESERVED, _NEVER, _FREE = "#", "~", "x", "-", "."
_LEVELS = "▁▂▃▄▅▆▇█"  # eighths of a part that are allocated, at least one
_PLAIN_LEVELS = "1234567#"  # the same in ASCII
_COLOURS = {_COOLING: "cyan", _RESERVED: "yellow", _NEVER: "bright_black", _FREE: None}
_WORDS = {
    _ALLOCATED: "allocated",
    _COOLING: "cooling",
    _RESERVED: "reserved",
    _NEVER: "never handed out",
    _FREE: "free",
}


def part_prefix_length(cidr: str) -> int:
    """Return the prefix length of parts to ask for. With 0 the daemon chooses it."""
    try:
        subnet = ip_network(cidr, strict=False)
    except ValueError:
        return 0  # the daemon refuses it and says why
    if subnet.num_addresses <= _MOST_SINGLE:
        return subnet.max_prefixlen
    return subnet.prefixlen + _PARTS_BITS if subnet.num_addresses <= _MOST_DENSE else 0


def draw(answer: Mapping[str, Any], *, unicode: bool) -> Iterator[str]:
    """Yield the lines of a drawing of the answer to GetSubnetMap, with colours."""
    plan = Plan.of(answer)
    yield from _head(answer["subnet"])
    yield ""
    if plan.length > _MOST_SINGLE:
        yield from _bars(plan)
        return
    levels = _ALLOCATED if plan.size == 1 else _LEVELS if unicode else _PLAIN_LEVELS
    chars = [_level(plan, number, levels) for number in range(plan.length)]
    yield from _rows(plan, chars)
    if plan.size == 1:
        yield from _legend(chars)
    else:
        yield from _legend(set(chars) - set(levels))
        yield f"each character is a /{plan.prefixlen}, and {levels} is how much of it is allocated"


@dataclass(frozen=True, slots=True)
class Plan:
    """A subnet divided into parts of ``size`` addresses, which are numbered from 0."""

    subnet: Network
    size: int
    usable: Span
    reserved: tuple[Span, ...]
    allocated: Mapping[int, int]
    cooling: Mapping[int, int]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Plan":
        """Parse the answer to GetSubnetMap."""
        subnet = ip_network(answer["subnet"]["cidr"])
        size = 1 << (subnet.max_prefixlen - int(answer["part_prefix_length"]))
        first, usable = int(subnet.network_address), _usable(subnet)
        spans = [_span(text, first) for text in answer["subnet"]["reserved"]]
        if bounds := answer["subnet"]["range"]:  # what is outside is not chosen
            low, high = _span(bounds, first)
            spans += [(0, low - 1), (high + 1, subnet.num_addresses - 1)]
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
        """The number of parts."""
        return self.subnet.num_addresses // self.size

    @property
    def prefixlen(self) -> int:
        """The prefix length of a part."""
        return self.subnet.max_prefixlen - (self.size.bit_length() - 1)

    def label(self, number: int) -> str:
        """Return the first address of a part."""
        return str(self.subnet[number * self.size])

    def usable_in(self, number: int) -> int:
        """Return how many addresses of a part can be allocated, reserved ones included."""
        return self._shared(number, self.usable)

    def reserved_in(self, number: int) -> int:
        """Return how many of them are reserved."""
        return sum(self._shared(number, span) for span in self.reserved)

    def _shared(self, number: int, span: Span) -> int:
        start, end = number * self.size, (number + 1) * self.size - 1
        return max(0, min(span[1], end) - max(span[0], start) + 1)

    def coarser(self) -> "Plan":
        """Return the plan with parts of twice the size."""
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


def _level(plan: Plan, number: int, levels: str) -> str:
    """Return the character of a part: its level if any address is allocated, or its state."""
    usable = plan.usable_in(number)
    room = usable - plan.reserved_in(number)
    allocated = plan.allocated.get(number, 0)
    if allocated >= max(room, 1):  # more if some were reserved after they were allocated
        return levels[-1]
    if allocated:
        return levels[max(0, allocated * len(levels) // room - 1)]
    if not room:
        return _RESERVED if usable else _NEVER
    return _COOLING if plan.cooling.get(number) else _FREE


def _rows(plan: Plan, chars: list[str]) -> Iterator[str]:
    """Yield lines with a character for each part."""
    per_line = _PER_LINE if len(plan.label(plan.length - 1)) <= _LONGEST_LABEL else _PER_LINE // 2
    labels = [plan.label(start) for start in range(0, len(chars), per_line)]
    width = max(map(len, labels))
    for row, label in enumerate(labels):
        line = chars[row * per_line : (row + 1) * per_line]
        yield f"{label.rjust(width)} {_painted(line)}"


def _bars(plan: Plan) -> Iterator[str]:
    """Yield a bar for each part with allocations. Most of an IPv6 subnet is empty."""
    while len(plan.allocated) > _MOST_BARS:
        plan = plan.coarser()
    if not plan.allocated:
        yield "no address is allocated or cooling down"
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
    """Return the characters of a bar, at least one for each state of its addresses."""
    counts = {
        _ALLOCATED: plan.allocated[number],
        _COOLING: plan.cooling[number],
        _RESERVED: plan.reserved_in(number),
    }
    chars = {char: max(count * _BAR // plan.size, count > 0) for char, count in counts.items()}
    while sum(chars.values()) > _BAR:
        chars[max(chars, key=lambda char: chars[char])] -= 1
    chars[_FREE] = _BAR - sum(chars.values())
    return [char for char, length in chars.items() for _ in range(length)]


def _legend(chars: Iterable[str]) -> Iterator[str]:
    """Yield the meaning of the characters that were drawn."""
    drawn = set(chars)
    words = [f"{_painted([char])} {word}" for char, word in _WORDS.items() if char in drawn]
    yield ""
    if words:
        yield "  ".join(words)


def _painted(chars: Iterable[str]) -> str:
    """Return characters joined, with their colours. All levels have the same colour."""
    runs = groupby(chars, key=lambda char: _COLOURS.get(char, "green"))
    return "".join(
        click.style("".join(run), fg=colour) if colour else "".join(run) for colour, run in runs
    )


def _span(text: str, base: int) -> Span:
    """Parse an address, a subnet, or FIRST-LAST."""
    first, dash, last = text.partition("-")
    if dash:
        return int(ip_address(first)) - base, int(ip_address(last)) - base
    cidr = ip_network(text)
    return int(cidr[0]) - base, int(cidr[-1]) - base


def _united(spans: Iterable[Span], usable: Span) -> Iterator[Span]:
    """Yield spans without overlaps, cut to the usable addresses."""
    behind, end = usable
    for first, last in sorted(spans):
        cut = max(first, behind), min(last, end)
        if cut[0] <= cut[1]:
            yield cut
            behind = cut[1] + 1


def _usable(subnet: Network) -> Span:
    """Return the addresses of a subnet that can be allocated. See docs/ipam.md."""
    last = subnet.num_addresses - 1
    if last <= 1:
        return 0, last
    return (1, last - 1) if isinstance(subnet, IPv4Network) else (1, last)

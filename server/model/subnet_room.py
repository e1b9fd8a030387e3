"""Which addresses of a subnet are left to choose from: those of its range that are not reserved."""

from collections.abc import Sequence
from dataclasses import replace

from mynet.ipam.api import IPAddress, IPNetwork, Span, Subnet, usable
from mynet.server.model.subnets import Rules


def chosen_from(subnet: Subnet) -> Subnet:
    """Return the subnet with a reservation of all that is outside its range.

    A backend counts such addresses as free, since a caller may have one by naming it. No other
    caller gets one.
    """
    if subnet.range is None:
        return subnet
    return replace(subnet, range=None, reserved=(*subnet.reserved, *_outside(subnet)))


def _outside(subnet: Subnet) -> Sequence[Span]:
    """Return the spans of a subnet below and above its range."""
    cidr, bounds = subnet.cidr, subnet.range
    spans: list[Span] = []
    if bounds and int(bounds.first) > int(cidr[0]):
        spans.append(Span(cidr[0], bounds.first - 1))
    if bounds and int(bounds.last) < int(cidr[-1]):
        spans.append(Span(bounds.last + 1, cidr[-1]))
    return spans


def has_room(cidr: IPNetwork, rules: Rules, taken: IPAddress | None = None) -> bool:
    """Return whether an address is left to choose, apart from one that is taken."""
    whole, bounds = _numbers(usable(cidr)), _numbers(rules.range or usable(cidr))
    position, end = max(bounds[0], whole[0]), min(bounds[1], whole[1])
    spans = [_numbers(span) for span in rules.reserved]
    if taken and taken in cidr:
        spans.append((int(taken), int(taken)))
    for first, last in sorted(spans):
        if first <= position:
            position = max(position, last + 1)
    return position <= end


def _numbers(span: Span) -> tuple[int, int]:
    return int(span.first), int(span.last)

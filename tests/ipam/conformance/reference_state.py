"""The state of the reference backend, and the number of addresses that rules reserve."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mynet.ipam.api import Allocation, IPAddress, IPNetwork, Span, Subnet
from mynet.ipam.bitmap.clock import BootTime


def bounds(subnet: IPNetwork) -> tuple[int, int]:
    """Return the first and the last address that is handed out, as numbers."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if last - first < 2:
        return first, last
    return first + 1, last - 1 if subnet.version == 4 else last


class SubnetTable:
    """The state of one subnet."""

    def __init__(self, subnet: IPNetwork) -> None:
        self.subnet = subnet
        self.first, self.last = bounds(subnet)
        self.cursor = self.first
        self.held: dict[IPAddress, Allocation] = {}  # in the order that they were given
        self.released: dict[IPAddress, BootTime] = {}  # in the order that they were released
        self.remembered: dict[str, tuple[IPAddress, BootTime]] = {}  # by sticky key

    def address(self, number: int) -> IPAddress:
        return type(self.subnet[0])(number)


@dataclass
class State:
    """The state of a backend."""

    tables: dict[IPNetwork, SubnetTable] = field(default_factory=dict)
    revision: int = 0

    def in_order(self) -> Iterator[SubnetTable]:
        places = sorted(self.tables, key=lambda cidr: (cidr.version, int(cidr[0])))
        return (self.tables[cidr] for cidr in places)


def reserving(subnet: Subnet, address: IPAddress) -> Span | None:
    """Return a span by which the rules reserve an address."""
    return next((span for span in subnet.reserved if address in span), None)


def numbers_reserved(subnet: Subnet) -> int:
    """Return the number of usable addresses that the rules reserve, each counted once."""
    first, last = bounds(subnet.cidr)
    count = 0
    for span in sorted(subnet.reserved, key=lambda span: int(span.first)):
        begin, end = max(int(span.first), first), min(int(span.last), last)
        count += max(end - begin + 1, 0)
        first = max(first, end + 1)
    return count

"""The addresses of a subnet that can be handed out, as positions counted from its first address."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from mynet.ipam.api import IPAddress, IPNetwork, Span, Subnet, usable
from mynet.ipam.bitmap.bits import SparseBits
from mynet.ipam.errors import AddressOutOfRange, AddressReserved

Interval = tuple[int, int]  # the first and the last position, both included


@dataclass(frozen=True, slots=True)
class UsableRange:
    """A subnet and its rules, in positions. Position 0 is the subnet's own address."""

    subnet: IPNetwork
    # The first and last position that can ever be handed out.
    first: int
    last: int
    # The first and last position that is chosen from.
    low: int
    high: int
    # Positions that the rules reserve. The intervals are ordered and do not touch.
    reserved: Sequence[Interval]

    @classmethod
    @lru_cache(maxsize=4096)  # the rules come with every request, and seldom change
    def of(cls, subnet: Subnet) -> "UsableRange":
        """Return the range of a subnet with rules."""
        whole = usable(subnet.cidr)
        first, last = _clipped(subnet.cidr, whole, whole)
        low, high = _clipped(subnet.cidr, subnet.range or whole, whole)
        spans = (_clipped(subnet.cidr, span, whole) for span in subnet.reserved)
        return cls(subnet.cidr, first, last, low, high, tuple(_merged(spans)))

    @property
    def capacity(self) -> int:
        """The number of addresses that can ever be handed out."""
        return self.last - self.first + 1

    @property
    def reserved_count(self) -> int:
        """The number of those that the rules reserve."""
        return sum(last - first + 1 for first, last in self.reserved)

    def address(self, position: int) -> IPAddress:
        """Return the address at a position."""
        return self.subnet.network_address + position

    def packed(self, position: int) -> bytes:
        """Return the packed address at a position."""
        return (int(self.subnet.network_address) + position).to_bytes(16, "big")

    def position_of(self, address: bytes) -> int:
        """Return the position of a packed address, which must be in the subnet."""
        return int.from_bytes(address, "big") - int(self.subnet.network_address)

    def next_free(self, bits: SparseBits, start: int) -> int:
        """Return the first position from ``start`` on that is neither set nor reserved.

        It may be behind ``high``, or behind the subnet's end. The bits are searched once for each
        reserved interval that is passed, whatever its size.
        """
        position = bits.next_clear(start)
        while (past := self._past_reserved(position)) != position:
            position = bits.next_clear(past)
        return position

    def require(self, address: IPAddress) -> None:
        """Raise AddressOutOfRange if the address is not in the subnet."""
        if address not in self.subnet:
            raise AddressOutOfRange(
                f"{address} is not in {self.subnet}; ask for an address from"
                f" {self.address(self.first)} to {self.address(self.last)}",
                resource=f"address {address}",
            )

    def position(self, address: IPAddress) -> int:
        """Return the position of an address that can be allocated.

        Raises AddressOutOfRange, and AddressReserved for any reason.
        """
        position = self.require_usable(address)
        if self.is_reserved(position):
            raise AddressReserved(
                f"{address} is reserved in {self.subnet} and is not handed out; ask for another, or"
                " change what the subnet reserves",
                resource=f"address {address}",
            )
        return position

    def require_usable(self, address: IPAddress) -> int:
        """Return the position of an address, whether the rules reserve it or not.

        Raises AddressOutOfRange, and AddressReserved for a network, broadcast or anycast address.
        """
        self.require(address)
        position = int(address) - int(self.subnet.network_address)
        if not self.first <= position <= self.last:
            raise AddressReserved(
                f"{address} is the {self._role(position)} address of {self.subnet} and is never"
                f" handed out; ask for one from {self.address(self.first)} to"
                f" {self.address(self.last)}",
                resource=f"address {address}",
            )
        return position

    def is_reserved(self, position: int) -> bool:
        """Return whether the rules reserve a position."""
        return self._past_reserved(position) != position

    def _past_reserved(self, position: int) -> int:
        """Return the position behind the reserved interval that one is in, or the same position."""
        index = bisect_right(self.reserved, position, key=_first) - 1
        if index >= 0 and position <= self.reserved[index][1]:
            return self.reserved[index][1] + 1
        return position

    def _role(self, position: int) -> str:
        if isinstance(self.subnet, IPv6Network):
            return "subnet-router anycast"
        return "broadcast" if position else "network"


def packed(address: IPAddress) -> bytes:
    """Return 16 bytes that sort as the address does; an IPv4 address is in the last four."""
    return int(address).to_bytes(16, "big")


def unpacked(subnet: IPNetwork, data: bytes) -> IPAddress:
    """Return the address of :func:`packed` bytes. Raises ValueError for another length."""
    return IPv4Address(data[-4:]) if isinstance(subnet, IPv4Network) else IPv6Address(data)


def _clipped(cidr: IPNetwork, span: Span, bounds: Span) -> Interval:
    """Return the positions of the part of a span that is within the bounds."""
    start = int(cidr.network_address)
    first, last = max(span.first, bounds.first), min(span.last, bounds.last)
    return int(first) - start, int(last) - start


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the intervals in order, joined where they touch, without empty ones."""
    merged: list[Interval] = []
    for first, last in sorted(interval for interval in intervals if interval[0] <= interval[1]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _first(interval: Interval) -> int:
    return interval[0]

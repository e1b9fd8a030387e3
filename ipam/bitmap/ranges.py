"""Which addresses of a subnet can be handed out, as numbers counted from its first address."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from mynet.ipam.api import IPAddress, IPNetwork, Span, Subnet, usable
from mynet.ipam.bitmap.bits import SparseBits
from mynet.ipam.errors import AddressOutOfRange, AddressReserved

Interval = tuple[int, int]  # the positions from the one to the other, both included


@dataclass(frozen=True, slots=True)
class Pool:
    """The positions of a subnet from ``first`` to ``last``; 0 is the subnet's own address.

    ``low`` and ``high`` bound those that are chosen; ``reserved`` are left out, in order and apart.
    """

    subnet: IPNetwork
    first: int
    last: int
    low: int
    high: int
    reserved: Sequence[Interval]

    @classmethod
    @lru_cache(maxsize=4096)  # the rules of a subnet are told with every request, and seldom change
    def of(cls, subnet: Subnet) -> "Pool":
        """Leave out network and broadcast address, or the subnet-router anycast address."""
        whole = usable(subnet.cidr)
        first, last = _clipped(subnet.cidr, whole, whole)
        low, high = _clipped(subnet.cidr, subnet.range or whole, whole)
        spans = (_clipped(subnet.cidr, span, whole) for span in subnet.reserved)
        return cls(subnet.cidr, first, last, low, high, tuple(_merged(spans)))

    @property
    def capacity(self) -> int:
        """How many addresses can ever be handed out."""
        return self.last - self.first + 1

    @property
    def reserved_count(self) -> int:
        """How many of those the rules reserve."""
        return sum(last - first + 1 for first, last in self.reserved)

    def address(self, position: int) -> IPAddress:
        """Return the address at a position."""
        return self.subnet.network_address + position

    def packed(self, position: int) -> bytes:
        """Return the address at a position, as :func:`packed` does."""
        return (int(self.subnet.network_address) + position).to_bytes(16, "big")

    def place(self, address: bytes) -> int:
        """Return the position of a packed address that is in the subnet for certain."""
        return int.from_bytes(address, "big") - int(self.subnet.network_address)

    def next_free(self, bits: SparseBits, start: int) -> int:
        """Return the first position from ``start`` on that is neither set nor reserved.

        It may lie behind ``high``, or behind the subnet's end. At most one look at the bits for
        each span that is reserved.
        """
        position = bits.next_clear(start)
        while (past := self._past_reserved(position)) != position:
            position = bits.next_clear(past)
        return position

    def require(self, address: IPAddress) -> None:
        """Raise AddressOutOfRange for an address of another subnet."""
        if address not in self.subnet:
            raise AddressOutOfRange(
                f"{address} is not in {self.subnet}; ask for an address from"
                f" {self.address(self.first)} to {self.address(self.last)}",
                resource=f"address {address}",
            )

    def position(self, address: IPAddress) -> int:
        """Return the position of an address that may be asked for.

        Raises AddressOutOfRange and AddressReserved.
        """
        position = self.position_of_any(address)
        if self.is_reserved(position):
            raise AddressReserved(
                f"{address} is reserved in {self.subnet} and is not handed out; ask for another, or"
                " change what the subnet reserves",
                resource=f"address {address}",
            )
        return position

    def position_of_any(self, address: IPAddress) -> int:
        """Return the position of an address, though it be reserved by the rules.

        Raises AddressOutOfRange, and AddressReserved for what is nobody's by its nature.
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
        """Say whether the rules reserve a position."""
        return self._past_reserved(position) != position

    def _past_reserved(self, position: int) -> int:
        """Return the position behind the reserved span that one is in, or the same position."""
        index = bisect_right(self.reserved, position, key=_first) - 1
        if index >= 0 and position <= self.reserved[index][1]:
            return self.reserved[index][1] + 1
        return position

    def _role(self, position: int) -> str:
        if self.subnet.version == 6:  # noqa: PLR2004 - the IP version
            return "subnet-router anycast"
        return "broadcast" if position else "network"


def packed(address: IPAddress) -> bytes:
    """Return 16 bytes that sort as the address does; IPv4 stands in the last four."""
    return int(address).to_bytes(16, "big")


def unpacked(version: int, data: bytes) -> IPAddress:
    """Return the address of :func:`packed` bytes."""
    return IPv4Address(data[-4:]) if version == 4 else IPv6Address(data)  # noqa: PLR2004


def _clipped(cidr: IPNetwork, span: Span, bounds: Span) -> Interval:
    """Return the positions of a span, as far as they are within the bounds."""
    start = int(cidr.network_address)
    first, last = max(span.first, bounds.first), min(span.last, bounds.last)
    return int(first) - start, int(last) - start


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Put intervals into order, and those that touch together; empty ones vanish."""
    merged: list[Interval] = []
    for first, last in sorted(interval for interval in intervals if interval[0] <= interval[1]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _first(interval: Interval) -> int:
    return interval[0]

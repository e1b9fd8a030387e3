"""Replies that leave by the uplink that their request came in by, as values."""

from dataclasses import dataclass
from typing import Final

from mynet.drivers.api import IPAddress, IPNetwork

# The highest bits of a packet's and of a connection's mark have the number of an uplink.
MARK_SHIFT: Final = 28
MARK_MASK: Final = 0xF0000000
MOST_UPLINKS: Final = MARK_MASK >> MARK_SHIFT


@dataclass(frozen=True, slots=True)
class Uplink:
    """A device that a default route leads over, and its number in marks, from 1 on."""

    device: str
    number: int

    @property
    def bits(self) -> tuple[int, ...]:
        """The powers of two that the number consists of."""
        return tuple(bit for bit in (1, 2, 4, 8) if self.number & bit)


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """A policy rule: packets from a bridge with an uplink's number go by that uplink's table."""

    version: int
    bridge: str
    number: int


@dataclass(frozen=True, slots=True)
class UplinkRoute:
    """A route over one device: everything or a subnet, over a router or on the link itself."""

    version: int
    table: int
    destination: IPNetwork
    gateway: IPAddress | None
    # The index of the device.
    device: int

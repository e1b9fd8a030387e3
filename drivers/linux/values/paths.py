"""The way of packets through this host, as values."""

from collections.abc import Sequence
from dataclasses import dataclass

from mynet.drivers.api import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class Path:
    """The way between the world outside and an address of a network."""

    # The name of the network's bridge.
    bridge: str
    subnet: IPNetwork
    # An address in the subnet: an endpoint's, or one that an endpoint may have.
    address: IPAddress
    # Whether the host forwards packets between the network and the world outside.
    is_forwarded: bool = True


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What another program has changed so that packets do not take a path."""

    path: Path
    # A sentence.
    problem: str
    # A line for root's shell that removes the obstacle.
    command: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing policy rule."""

    # A rule with a lower preference comes before others.
    preference: int
    # The routing table, 0 if the rule names none.
    table: int
    # What the rule does: FR_ACT_*.
    action: int
    # What a lookup by addresses and devices does not match: "fwmark", "uidrange", "ports".
    selectors: Sequence[str] = ()
    # The number of the program that added it: RTPROT_*.
    protocol: int = 0

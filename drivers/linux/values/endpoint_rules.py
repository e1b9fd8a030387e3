"""The firewall's rules for an endpoint, as values: what it may send, and its published ports."""

from collections.abc import Sequence
from dataclasses import dataclass

from mynet.drivers.api import IPAddress, IPNetwork
from mynet.drivers.linux.values.ports import Forward


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where an endpoint is attached, by indexes: a link keeps its index when it is renamed."""

    # The index of the outer end, which is a port of the bridge.
    port: int
    # The index of the bridge.
    bridge: int


def admit_nothing(_attachment: Attachment) -> None:
    """Add no rules, so that the endpoint stays closed where the firewall is loaded."""


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Consecutive addresses of one IP version."""

    first: IPAddress
    last: IPAddress


@dataclass(frozen=True, slots=True)
class Guard:
    """What an endpoint may send."""

    # Where its frames arrive.
    attachment: Attachment
    # Its MAC address.
    mac: str
    # Its own addresses, with the IPv6 link-local one if it has any IPv6 address.
    addresses: Sequence[IPAddress] = ()
    # Further addresses that it may send from. No range overlaps another.
    allowed: Sequence[AddressRange] = ()
    # Whether it may send from these addresses only.
    spoof_check: bool = True
    # The subnets of its network, from which it may send without spoof_check.
    subnets: Sequence[IPNetwork] = ()
    # The most connections that the kernel tracks for it, or 0 for any number.
    conntrack_limit: int = 0
    # The cookie of its sandbox, or 0 without one. Each endpoint of a sandbox may send IP packets
    # from the addresses of the others.
    sandbox: int = 0


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """The firewall's rules for an endpoint."""

    # The id of the endpoint.
    endpoint_id: str
    # Its published ports.
    forwards: Sequence[Forward] = ()
    # What it may send. While it is not attached there is nothing to guard.
    guard: Guard | None = None
    # Its addresses, whose flows end with it.
    addresses: Sequence[IPAddress] = ()

    @property
    def opens_loopback(self) -> bool:
        """Whether clients reach any of the ports through 127.0.0.1."""
        return any(forward.opens_loopback for forward in self.forwards)

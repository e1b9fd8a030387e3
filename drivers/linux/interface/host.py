"""The host's own routes and settings."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from mynet.drivers.api import IPAddress, IPNetwork
from mynet.drivers.linux.values.desired import RouteSource
from mynet.drivers.linux.values.paths import Obstacle, Path
from mynet.drivers.linux.values.replies import Uplink


class Host(Protocol):
    """The host's own routes and settings."""

    def ip_versions(self) -> frozenset[int]:
        """Return the IP versions that the kernel has: always IPv4, and IPv6 unless it is off."""

    def is_own(self, address: IPAddress) -> bool:
        """Return whether the host has an address now."""

    def route_sources(self) -> Sequence[RouteSource]:
        """Return the source addresses of default routes, where masquerading would take others."""

    def uplink_mtu(self) -> int:
        """Return the MTU in bytes of the default route's device, 1500 if there is none."""

    def occupied_subnets(self) -> Sequence[IPNetwork]:
        """Return the subnets of the host's addresses and routes in all tables, without defaults."""

    def forwarded_versions(self) -> frozenset[int]:
        """Return the IP versions that the host forwards."""

    def enable_forwarding(self, versions: Collection[int]) -> None:
        """Turn on forwarding of these IP versions; it is never turned off again."""

    def accept_router_advertisements(self) -> None:
        """Make uplinks that need router advertisements accept them although the host forwards."""

    def uplinks(self) -> Sequence[Uplink]:
        """Return the devices of default routes in any table, with their numbers in marks.

        An uplink keeps the number that replies are led by, also when the daemon starts again.
        """

    def lead_replies(self, bridge: str) -> None:
        """Lead packets from a bridge that have an uplink's number back to that uplink."""

    def release_replies(self, bridges: Collection[str]) -> None:
        """Route packets from bridges as others; those that are not led are success.

        With the last bridge that is led, the uplinks' tables are removed too.
        """

    def reply_bridges(self) -> frozenset[str]:
        """Return the names of bridges whose packets are led back to uplinks."""

    def reply_differences(self, bridges: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return what is not as :meth:`lead_replies` makes it, in sentences by bridge."""

    def filtered_uplinks(self) -> Sequence[str]:
        """Return the uplinks where strict rp_filter drops IPv4 packets from far away."""

    def next_hops(self) -> Mapping[int, IPAddress]:
        """Return the next hop of the host's default route by IP version, if it has one."""

    def obstacles(self, paths: Sequence[Path]) -> Sequence[Obstacle]:
        """Return what other programs have put in the way of packets, one a path at most.

        The cost is one or two lookups a path, however many routes the host has.
        """

    def unchecked_rules(self) -> Sequence[str]:
        """Return the policy rules that :meth:`obstacles` does not exercise, for people."""

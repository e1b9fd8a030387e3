"""The host of the kernel in memory, as :class:`~mynet.drivers.linux.interface.host.Host`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mynet.drivers.api import IPAddress, IPNetwork
from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.fake.firewall import FakeFirewall
from mynet.drivers.linux.fake.link_table import LinkTable
from mynet.drivers.linux.fake.sandboxes import HOST
from mynet.drivers.linux.interface.host import Host
from mynet.drivers.linux.values.desired import RouteSource
from mynet.drivers.linux.values.paths import Obstacle, Path
from mynet.drivers.linux.values.replies import Uplink


class FakeHost(Subject, protocol=Host):
    """Its only routes are those of its addresses."""

    def __init__(
        self,
        control: Control,
        table: LinkTable,
        firewall: FakeFirewall,
        *,
        uplink_mtu: int,
        versions: frozenset[int],
    ) -> None:
        super().__init__(control)
        self._table = table
        self._firewall = firewall
        self._uplink_mtu = uplink_mtu
        self._versions = versions
        # Addresses that it has besides those of its links.
        self.addresses: set[IPAddress] = set()
        # What its default routes ask for.
        self.sources: list[RouteSource] = []
        # The uplinks, and those with strict rp_filter that another uplink's route is better than.
        self.default_uplinks: list[Uplink] = []
        self.strict_uplinks: list[str] = []
        # The bridges whose replies are led back to uplinks.
        self.led: set[str] = set()
        # The IP versions that it forwards.
        self.forwarding: set[int] = set()
        # Problem and command of what another program has put in the way, by bridge.
        self.in_the_way: dict[str, tuple[str, str]] = {}

    def ip_versions(self) -> frozenset[int]:
        """Return the IP versions that the kernel was created with."""
        return self._versions

    def is_own(self, address: IPAddress) -> bool:
        """Return whether one of its links has the address, or a test gave it to the host."""
        entries = self._table.inside(HOST)
        own = {address.ip for entry in entries for address in entry.addresses}
        return address in own | self.addresses

    def route_sources(self) -> Sequence[RouteSource]:
        """Return what a test set."""
        return list(self.sources)

    def uplink_mtu(self) -> int:
        """Return the MTU in bytes that the kernel was created with."""
        return self._uplink_mtu

    def occupied_subnets(self) -> Sequence[IPNetwork]:
        """Return the subnets of the host's addresses."""
        entries = self._table.inside(HOST)
        return [address.network for entry in entries for address in entry.addresses]

    def forwarded_versions(self) -> frozenset[int]:
        """Return the IP versions that the host forwards."""
        return frozenset(self.forwarding)

    def enable_forwarding(self, versions: Collection[int]) -> None:
        """Turn on forwarding of these IP versions."""
        self.forwarding |= set(versions)

    def accept_router_advertisements(self) -> None:
        """Make all uplinks accept router advertisements."""
        firewall = self._firewall
        firewall.surroundings = replace(firewall.surroundings, ra_ignored=())

    def uplinks(self) -> Sequence[Uplink]:
        """Return what a test set."""
        return list(self.default_uplinks)

    def lead_replies(self, bridge: str) -> None:
        """Remember the bridge."""
        self.led.add(bridge)

    def release_replies(self, bridges: Collection[str]) -> None:
        """Forget the bridges."""
        self.led -= set(bridges)

    def reply_bridges(self) -> frozenset[str]:
        """Return the bridges that are remembered."""
        return frozenset(self.led)

    def reply_differences(self, bridges: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return a sentence for each bridge that is not remembered."""
        return {
            bridge: [f"The host lacks the policy rule that leads replies from {bridge}."]
            for bridge in bridges
            if bridge not in self.led
        }

    def filtered_uplinks(self) -> Sequence[str]:
        """Return what a test set."""
        return list(self.strict_uplinks)

    def next_hops(self) -> Mapping[int, IPAddress]:
        """Return nothing: it has no default route."""
        return {}

    def obstacles(self, paths: Sequence[Path]) -> Sequence[Obstacle]:
        """Return the obstacles that a test has put in the way."""
        return [
            Obstacle(path, *self.in_the_way[path.bridge])
            for path in paths
            if path.bridge in self.in_the_way
        ]

    def unchecked_rules(self) -> Sequence[str]:
        """Return nothing: it has no policy rules."""
        return ()

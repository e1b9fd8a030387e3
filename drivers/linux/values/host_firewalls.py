"""What else on this host decides about our packets, as values; ``survey`` finds them."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mynet.drivers.api import IPAddress, IPNetwork

FORWARD: Final = 2  # the hook of packets that the host forwards, NF_INET_FORWARD
UFW_CHAINS: Final = {"ufw-user-forward": 4, "ufw6-user-forward": 6}  # with their IP versions
FIREWALLD: Final = "firewalld"  # its table

_VERSIONS: Final = {"ip": {4}, "ip6": {6}, "inet": {4, 6}, "bridge": {4, 6}}  # of families


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of somebody's: ``family`` and ``table`` are words of ``nft list chains``.

    ``hook`` is :data:`FORWARD` or another, None for a chain that packets come to only by a jump;
    ``drops`` says whether the policy at the hook is to drop. ``uses`` counts its rules and the
    jumps that lead there. ``legacy`` is one of iptables-legacy.
    """

    family: str
    table: str
    name: str
    hook: int | None = None
    drops: bool = False
    uses: int = 0
    legacy: bool = False

    @property
    def versions(self) -> frozenset[int]:
        """The IP versions of the packets that pass it."""
        return frozenset(_VERSIONS.get(self.family, ()))


@dataclass(frozen=True)
class Surroundings:
    """The others on this host.

    ``chains`` are those of all tables but ours. Of the IP versions ``bridged``, frames that stay on
    a bridge pass the host's firewall too (br_netfilter). ``ufw_routes`` has what ufw was told to
    forward: IP version, "in" or "out", interface. ``trusted`` are the interfaces that firewalld was
    told to accept all packets of. ``ra_ignored`` are uplinks that have heard router
    advertisements, and hear no more of them. Published ports of ours lead to ``targets``.
    """

    chains: Sequence[Chain] = ()
    bridged: frozenset[int] = frozenset()
    ufw_routes: frozenset[tuple[int, str, str]] = frozenset()
    trusted: frozenset[str] = frozenset()
    ra_ignored: Sequence[str] = ()
    targets: frozenset[IPAddress] = frozenset()

    def table_of(self, chain: Chain) -> Mapping[str, Chain]:
        """Return the chains of the table that a chain is in, by their names."""
        return self._tables[chain.family, chain.table, chain.legacy]

    def leads_into(self, subnet: IPNetwork) -> bool:
        """Say whether a published port of ours leads to an address of a subnet."""
        targets = self._targets[subnet.version]
        place = bisect_left(targets, int(subnet[0]))
        return place < len(targets) and targets[place] <= int(subnet[-1])

    @cached_property
    def _targets(self) -> Mapping[int, Sequence[int]]:
        return {
            version: sorted(int(each) for each in self.targets if each.version == version)
            for version in (4, 6)
        }

    @cached_property
    def _tables(self) -> Mapping[tuple[str, str, bool], Mapping[str, Chain]]:
        tables: dict[tuple[str, str, bool], dict[str, Chain]] = {}
        for each in self.chains:
            tables.setdefault((each.family, each.table, each.legacy), {})[each.name] = each
        return tables

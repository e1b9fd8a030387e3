"""What else on this host decides about the daemon's packets, as values."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress, IPNetwork

FORWARD: Final = 2  # NF_INET_FORWARD, the hook of packets that the host forwards
UFW_CHAINS: Final = {"ufw-user-forward": IPV4, "ufw6-user-forward": IPV6}
FIREWALLD: Final = "firewalld"  # the name of its table

_BOTH: Final = frozenset({IPV4, IPV6})
_VERSIONS: Final = {  # by family
    "ip": frozenset({IPV4}),
    "ip6": frozenset({IPV6}),
    "inet": _BOTH,
    "bridge": _BOTH,
}


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of another program's firewall."""

    # As ``nft list chains`` writes family and table.
    family: str
    table: str
    name: str
    # :data:`FORWARD` or another hook, None for a chain that packets reach only by a jump.
    hook: int | None = None
    # Whether the policy at the hook is to drop packets.
    drops: bool = False
    # The number of rules in the chain and of jumps to it.
    uses: int = 0
    # Whether the chain is one of iptables-legacy.
    legacy: bool = False

    @property
    def versions(self) -> frozenset[int]:
        """The IP versions of the packets that pass the chain."""
        return _VERSIONS.get(self.family, frozenset())


@dataclass(frozen=True)
class Surroundings:
    """What else on this host decides about the daemon's packets."""

    # The chains of all tables except the daemon's own.
    chains: Sequence[Chain] = ()
    # The IP versions that the kernel has.
    versions: frozenset[int] = _BOTH
    # Whether the daemon may set sysctls.
    sets_sysctls: bool = True
    # The connections that the kernel tracks, and how many it can; 0 if it tracks none.
    connections: int = 0
    most_connections: int = 0
    # The IP versions of which frames inside a bridge pass the host's firewall (br_netfilter).
    bridged: frozenset[int] = frozenset()
    # What ufw was told to forward: IP version, "in" or "out", interface.
    ufw_routes: frozenset[tuple[int, str, str]] = frozenset()
    # The interfaces that firewalld was told to accept all packets of.
    trusted: frozenset[str] = frozenset()
    # The uplinks that received router advertisements and ignore them now.
    ra_ignored: Sequence[str] = ()
    # The addresses that published ports of the daemon lead to.
    targets: frozenset[IPAddress] = frozenset()

    def table_of(self, chain: Chain) -> Mapping[str, Chain]:
        """Return the chains in the table of a chain, by name."""
        return self._tables[chain.family, chain.table, chain.legacy]

    def leads_into(self, subnet: IPNetwork) -> bool:
        """Return whether a published port of the daemon leads to an address of a subnet."""
        targets = self._targets[subnet.version]
        place = bisect_left(targets, int(subnet[0]))
        return place < len(targets) and targets[place] <= int(subnet[-1])

    @cached_property
    def _targets(self) -> Mapping[int, Sequence[int]]:
        return {
            version: sorted(int(target) for target in self.targets if target.version == version)
            for version in (IPV4, IPV6)
        }

    @cached_property
    def _tables(self) -> Mapping[tuple[str, str, bool], Mapping[str, Chain]]:
        tables: dict[tuple[str, str, bool], dict[str, Chain]] = {}
        for chain in self.chains:
            tables.setdefault((chain.family, chain.table, chain.legacy), {})[chain.name] = chain
        return tables

"""What other programs of this host do to forwarded packets, read in one inspection."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.host.router_advertisements import ra_ignored
from mynet.drivers.linux.host.settings import ip_versions
from mynet.drivers.linux.host_firewalls import ufw_firewalld
from mynet.drivers.linux.host_firewalls.iptables_legacy import legacy_chains
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netfilter import nftables
from mynet.drivers.linux.netlink.netfilter.nftables import TableName
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.host_firewalls import FIREWALLD, UFW_CHAINS, Chain, Surroundings

_BRIDGED: Final = {
    IPV4: sysctl.NET / "bridge/bridge-nf-call-iptables",
    IPV6: sysctl.NET / "bridge/bridge-nf-call-ip6tables",
}
_FORWARDING: Final = sysctl.NET / "ipv4/ip_forward"
_TRACKED: Final = sysctl.NET / "netfilter/nf_conntrack_count"
_MOST_TRACKED: Final = sysctl.NET / "netfilter/nf_conntrack_max"


def inspect_surroundings(
    own_tables: Collection[TableName], targets: frozenset[IPAddress] = frozenset()
) -> Surroundings:
    """Return the chains and settings that affect forwarded packets. Changes nothing.

    The files of ufw and firewalld are read only if their chains exist. ``own_tables`` are left out
    of the chains, and ``targets`` are the addresses that published ports lead to.
    """
    others = [
        *(chain for chain in chains() if TableName(chain.family, chain.table) not in own_tables),
        *legacy_chains(),
    ]
    names = {chain.name for chain in others}
    return Surroundings(
        chains=others,
        versions=ip_versions(),
        sets_sysctls=os.access(_FORWARDING, os.W_OK, effective_ids=True),
        connections=_number(_TRACKED),
        most_connections=_number(_MOST_TRACKED),
        # None while br_netfilter is not loaded. Like: sysctl net.bridge.bridge-nf-call-iptables.
        bridged=frozenset(version for version, path in _BRIDGED.items() if sysctl.is_on(path)),
        ufw_routes=frozenset(
            (version, way, interface)
            for name, version in UFW_CHAINS.items()
            if name in names
            for way, interface in ufw_firewalld.ufw_routes(version)
        ),
        trusted=ufw_firewalld.accepted_by_firewalld()
        if any(chain.table == FIREWALLD for chain in others)
        else frozenset(),
        ra_ignored=ra_ignored(),
        targets=targets,
    )


def _number(setting: Path) -> int:
    """Return the value of a sysctl, 0 without it: connection tracking may not be loaded yet."""
    return int(sysctl.read(setting)) if setting.exists() else 0


def chains() -> list[Chain]:
    """Return the chains of nftables, of all tables. Like: ``nft list chains``.

    ``iptables`` writes into nftables on current hosts. Nothing else is read of the tables of other
    programs.
    """
    request = Request(nftables.get_all_chains(), "list the firewall's chains", "chains")
    with Netlink(NETLINK_NETFILTER) as nl:
        return [nftables.read_chain(reply) for reply in nl.dump(request)]

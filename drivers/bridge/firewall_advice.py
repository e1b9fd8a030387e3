"""The lines that have somebody else's firewall accept a network's packets, for people to run.

Whether a firewall accepts them is not seen in a list of its chains. So the lines make a chain with
a name of its own, ``mynet-`` and the bridge's, with rules and a jump there, which are counted: that
is seen. ufw and firewalld are told in their own words, which they keep in files.
"""

import re
from collections.abc import Mapping, Sequence
from shlex import join
from typing import Final

from mynet.drivers.api import Network
from mynet.drivers.bridge.options import GatewayMode, Options
from mynet.drivers.linux.values.host_firewalls import FIREWALLD, UFW_CHAINS, Chain, Surroundings

DOCKERS: Final = "DOCKER-USER"  # the chain that Docker leaves to people

_PROGRAMS: Final = {"ip": "iptables", "ip6": "ip6tables"}
_UNNAMED = re.compile(r"[^A-Za-z0-9_.-]")  # what nft(8) takes in no chain's name

Table = Mapping[str, Chain]  # the chains of one table, by their names


def is_firewalld(chain: Chain) -> bool:
    """Say whether it is where firewalld rejects, by its last rule: its policy is to accept."""
    return (chain.table, chain.name) == (FIREWALLD, "filter_FORWARD")


def is_ufw(table: Table) -> bool:
    """Say whether ufw has made its chains in a table."""
    return not table.keys().isdisjoint(UFW_CHAINS)


def lines(network: Network, chain: Chain, table: Table, around: Surroundings) -> Sequence[str]:
    """Write them for a chain of the hook ``forward``: none where it lets the network pass."""
    if is_firewalld(chain):
        return _firewalld(network.interface, around)
    if not chain.drops:
        return []
    if chain.family == "bridge":
        return [_nft(f"chain bridge {chain.table} {chain.name} {{ policy accept; }}")]
    if is_ufw(table):
        return _ufw(network.interface, table, around)
    marker = "mynet-" + _UNNAMED.sub("_", network.interface)
    is_iptables = chain.family in _PROGRAMS and chain.name == "FORWARD"
    written = (_iptables if is_iptables else _nftables)(network, chain, table, marker)
    _, *rules, _ = written
    return [] if marker in table and table[marker].uses > len(rules) else written


def _firewalld(bridge: str, around: Surroundings) -> Sequence[str]:
    if bridge in around.trusted:
        return []
    command = ("firewall-cmd", "--zone=trusted", f"--add-interface={bridge}")
    return [join((*command, "--permanent")), join(command)]


def _ufw(bridge: str, table: Table, around: Surroundings) -> Sequence[str]:
    versions = {version for name, version in UFW_CHAINS.items() if name in table}
    wanted = {(version, way, bridge) for version in versions for way in ("in", "out")}
    if wanted <= around.ufw_routes:
        return []
    return [join(("ufw", "route", "allow", way, "on", bridge)) for way in ("in", "out")]


def _iptables(network: Network, chain: Chain, table: Table, marker: str) -> Sequence[str]:
    run = _PROGRAMS[chain.family] + ("-legacy" if chain.legacy else "")
    bridge = network.interface
    matches: Sequence[tuple[str, ...]] = [
        ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"),
        ("-m", "conntrack", "--ctstate", "DNAT"),
    ]
    if _is_routed(network, chain):
        matches = [()]
    return [
        join((run, "-F" if marker in table else "-N", marker)),
        join((run, "-A", marker, "-i", bridge, "-j", "ACCEPT")),
        *(join((run, "-A", marker, "-o", bridge, *match, "-j", "ACCEPT")) for match in matches),
        join((run, "-I", DOCKERS if DOCKERS in table else chain.name, "-j", marker)),
    ]


def _nftables(network: Network, chain: Chain, table: Table, marker: str) -> Sequence[str]:
    where = f"{chain.family} {chain.table}"
    bridge = f'"{network.interface}"'
    matches = ["ct state related,established ", "ct status dnat "]
    if _is_routed(network, chain):
        matches = [""]
    return [
        _nft(f"{'flush' if marker in table else 'add'} chain {where} {marker}"),
        _nft(f"add rule {where} {marker} iifname {bridge} accept"),
        *(_nft(f"add rule {where} {marker} oifname {bridge} {match}accept") for match in matches),
        _nft(f"insert rule {where} {chain.name} jump {marker}"),
    ]


def _is_routed(network: Network, chain: Chain) -> bool:
    """Say whether anything may come in by this chain; our own table judges what does."""
    options = Options.parse(network.options)
    return any(options.mode(version) is GatewayMode.ROUTED for version in chain.versions)


def _nft(words: str) -> str:
    return join(("nft", words))

"""Command lines that make another program's firewall accept a network's packets.

A list of chains does not show whether a firewall accepts the packets. The lines therefore add a
chain named ``mynet-`` and the bridge's name, with rules and a jump to it. The list shows the chain
and counts its rules and jumps. ufw and firewalld get their own commands, and keep them in files.
"""

import re
from collections.abc import Mapping, Sequence
from shlex import join
from typing import Final

from mynet.drivers.api import Network
from mynet.drivers.bridge.options.networks import GatewayMode, Options
from mynet.drivers.linux.values.host_firewalls import FIREWALLD, UFW_CHAINS, Chain, Surroundings

DOCKERS: Final = "DOCKER-USER"  # the chain that Docker reserves for users

_PROGRAMS: Final = {"ip": "iptables", "ip6": "ip6tables"}
_INVALID = re.compile(r"[^A-Za-z0-9_.-]")  # what nft(8) refuses in the name of a chain

Table = Mapping[str, Chain]  # the chains of one table, by their names


def is_firewalld(chain: Chain) -> bool:
    """Return whether firewalld filters here. Its last rule rejects, while its policy accepts."""
    return (chain.table, chain.name) == (FIREWALLD, "filter_FORWARD")


def is_ufw(table: Table) -> bool:
    """Return whether a table has ufw's chains."""
    return not table.keys().isdisjoint(UFW_CHAINS)


def command_lines(
    network: Network, chain: Chain, table: Table, host: Surroundings
) -> Sequence[str]:
    """Return the lines for a chain of the hook ``forward``, or none if it accepts the network."""
    if is_firewalld(chain):
        return _firewalld(network.interface, host)
    if not chain.drops:
        return []
    if chain.family == "bridge":
        return [_nft(f"chain bridge {chain.table} {chain.name} {{ policy accept; }}")]
    if is_ufw(table):
        return _ufw(network.interface, table, host)
    marker = "mynet-" + _INVALID.sub("_", network.interface)
    is_iptables = chain.family in _PROGRAMS and chain.name == "FORWARD"
    commands = (_iptables if is_iptables else _nftables)(network, chain, table, marker)
    _, *rules, _ = commands
    return [] if marker in table and table[marker].uses > len(rules) else commands


def _firewalld(bridge: str, host: Surroundings) -> Sequence[str]:
    if bridge in host.trusted:
        return []
    command = ("firewall-cmd", "--zone=trusted", f"--add-interface={bridge}")
    return [join((*command, "--permanent")), join(command)]


def _ufw(bridge: str, table: Table, host: Surroundings) -> Sequence[str]:
    versions = {version for name, version in UFW_CHAINS.items() if name in table}
    needed = {(version, way, bridge) for version in versions for way in ("in", "out")}
    if needed <= host.ufw_routes:
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
    """Return whether the chain must accept every packet to the network; our table filters them."""
    options = Options.parse(network.options)
    return any(options.mode(version) is GatewayMode.ROUTED for version in chain.versions)


def _nft(command: str) -> str:
    return join(("nft", command))

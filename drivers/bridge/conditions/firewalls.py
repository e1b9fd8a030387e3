"""What the chains of other programs do to a network."""

from collections.abc import Iterator, Sequence

from mynet.drivers.api import Condition, Network
from mynet.drivers.bridge.conditions.firewall_advice import (
    DOCKERS,
    Table,
    command_lines,
    is_firewalld,
    is_ufw,
)
from mynet.drivers.bridge.conditions.versions import versions_of, words_of
from mynet.drivers.bridge.options.networks import Options
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain, Surroundings


def firewall_conditions(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield a condition for every chain that drops the network's packets by default.

    A packet must be accepted by every chain of the hook, so our own table cannot overrule it.
    """
    for chain in host.chains:
        if chain.hook != FORWARD:
            continue
        versions = chain.versions & versions_of(network)
        lost = _lost(network, chain, versions, host)
        table = host.table_of(chain)
        commands = command_lines(network, chain, table, host) if lost else ()
        if commands:
            yield Condition(
                f"{_owner(chain, table)} drops forwarded {words_of(versions)} packets that its"
                f" rules do not accept ({_named(chain)}): {'; '.join(lost)}.",
                "To make it accept the network's packets, run as root:",
                tuple(commands),
            )


def _lost(
    network: Network, chain: Chain, versions: frozenset[int], host: Surroundings
) -> Sequence[str]:
    """Return what does not work if a chain drops the network's packets of these IP versions."""
    on_bridges = chain.family == "bridge"
    lost = []
    if versions and not network.internal and not on_bridges:
        lost.append("endpoints reach nothing outside")
        if not is_firewalld(chain):  # firewalld accepts redirected packets
            lost.append("nothing outside reaches published ports")
    passing = versions if on_bridges else versions & host.bridged
    if passing and Options.parse(network.options).icc:
        lost.append("endpoints do not reach each other, as frames on bridges pass there too")
    return lost


def _owner(chain: Chain, table: Table) -> str:
    """Return the name of the program that made a chain, by the other chains of its table."""
    if is_firewalld(chain):
        return "firewalld"
    if is_ufw(table):
        return "ufw"
    return "Docker" if DOCKERS in table else "A firewall of this host"


def _named(chain: Chain) -> str:
    """Return the chain's name for people, with its policy if it drops."""
    kind = "iptables-legacy, " if chain.legacy else ""
    policy = ", policy drop" if chain.drops else ""
    return f"{kind}table {chain.family} {chain.table}, chain {chain.name}{policy}"

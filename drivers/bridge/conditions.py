"""What other programs of the host do to a network, by their chains and the host's settings."""

from collections.abc import Iterator, Sequence
from shlex import join

from mynet.drivers.api import IPV4, IPV6, Condition, Network
from mynet.drivers.bridge.firewall_advice import DOCKERS, Table, command_lines, is_firewalld, is_ufw
from mynet.drivers.bridge.host_conditions import host_conditions
from mynet.drivers.bridge.options import Options
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain, Surroundings


def conditions_of(network: Network, host: Surroundings) -> Sequence[Condition]:
    """Return the conditions of a network."""
    return [
        *host_conditions(network, host),
        *_dropping_firewalls(network, host),
        *_ignored_advertisements(network, host),
        *_unreachable_ports(network, host),
    ]


def _dropping_firewalls(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield a condition for every chain that drops the network's packets by default.

    A packet must be accepted by every chain of the hook, so our own table cannot overrule it.
    """
    for chain in host.chains:
        if chain.hook != FORWARD:
            continue
        versions = chain.versions & _versions(network)
        lost = _lost(network, chain, versions, host)
        table = host.table_of(chain)
        commands = command_lines(network, chain, table, host) if lost else ()
        if commands:
            yield Condition(
                f"{_owner(chain, table)} drops forwarded {_words(versions)} packets that its"
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


def _ignored_advertisements(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield a condition for every uplink that ignores router advertisements."""
    if network.internal or IPV6 not in _versions(network):
        return
    for uplink in host.ra_ignored:
        setting = f"net.ipv6.conf.{uplink.replace('.', '/')}.accept_ra"
        yield Condition(
            f"This host forwards IPv6 and therefore ignores router advertisements on {uplink}"
            f" ({setting} is 1). It gets no IPv6 default route from them, and endpoints reach"
            " nothing outside through it.",
            "To make it accept them while it forwards, run as root:",
            (join(("sysctl", "-w", f"{setting}=2")),),
        )


def _unreachable_ports(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield a condition if br_netfilter keeps isolated endpoints from published ports."""
    if Options.parse(network.options).icc:
        return
    cidrs = [subnet.cidr for subnet in network.subnets]
    versions = {cidr.version for cidr in cidrs if host.leads_into(cidr)} & host.bridged
    if versions:
        settings = {IPV4: "bridge-nf-call-iptables", IPV6: "bridge-nf-call-ip6tables"}
        yield Condition(
            "Frames between ports of a bridge pass this host's firewall (br_netfilter). The kernel"
            " then does not redirect packets of an isolated endpoint back to its bridge, so with"
            " icc=false endpoints cannot reach published ports of their own network over"
            f" {_words(frozenset(versions))}.",
            "If no other program needs br_netfilter (Kubernetes does, and Docker for its own"
            " icc=false), run as root:",
            tuple(
                join(("sysctl", "-w", f"net.bridge.{settings[version]}=0"))
                for version in sorted(versions)
            ),
        )


def _versions(network: Network) -> frozenset[int]:
    return frozenset(subnet.cidr.version for subnet in network.subnets)


def _words(versions: frozenset[int]) -> str:
    return " and ".join(f"IPv{version}" for version in sorted(versions))

"""What others on the host do to a network, judged by the chains and settings that are there."""

from collections.abc import Iterator, Sequence
from shlex import join

from mynet.drivers.api import Condition, Network
from mynet.drivers.bridge.firewall_advice import DOCKERS, Table, is_firewalld, is_ufw, lines
from mynet.drivers.bridge.options import Options
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain, Surroundings


def conditions_of(network: Network, around: Surroundings) -> Sequence[Condition]:
    """Tell what others do to a network."""
    return [
        *_walls(network, around),
        *_forgotten_routes(network, around),
        *_ports_out_of_reach(network, around),
    ]


def _walls(network: Network, around: Surroundings) -> Iterator[Condition]:
    """Tell of every firewall that drops the network's packets unless it is told not to.

    Such a firewall has the last word: what it drops, our table cannot let through.
    """
    for chain in around.chains:
        if chain.hook != FORWARD:
            continue
        versions = chain.versions & _versions(network)
        lost = _lost(network, chain, versions, around)
        table = around.table_of(chain)
        todo = lines(network, chain, table, around) if lost else ()
        if todo:
            yield Condition(
                f"{_owner(chain, table)} drops the forwarded packets of {_words(versions)} that its"
                f" rules do not accept ({_named(chain)}): {'; '.join(lost)}.",
                "Have it accept the network's packets, by running as root:",
                tuple(todo),
            )


def _lost(
    network: Network, chain: Chain, versions: frozenset[int], around: Surroundings
) -> Sequence[str]:
    """Tell what does not work where a chain drops the network's packets of these IP versions."""
    on_bridges = chain.family == "bridge"
    lost = []
    if versions and not network.internal and not on_bridges:
        lost.append("endpoints reach nothing outside")
        if not is_firewalld(chain):  # it accepts these by itself
            lost.append("nothing outside reaches published ports")
    passing = versions if on_bridges else versions & around.bridged
    if passing and Options.parse(network.options).icc:
        lost.append("endpoints do not reach each other, as frames on bridges pass there too")
    return lost


def _owner(chain: Chain, table: Table) -> str:
    """Name whose a chain is, as far as the others of its table tell."""
    if is_firewalld(chain):
        return "firewalld"
    if is_ufw(table):
        return "ufw"
    return "Docker" if DOCKERS in table else "A firewall of this host"


def _named(chain: Chain) -> str:
    """Say which chain it is, and what of it shows that it drops."""
    kind = "iptables-legacy, " if chain.legacy else ""
    policy = ", policy drop" if chain.drops else ""
    return f"{kind}table {chain.family} {chain.table}, chain {chain.name}{policy}"


def _forgotten_routes(network: Network, around: Surroundings) -> Iterator[Condition]:
    """Tell of uplinks that have lost their IPv6 default routes, or will."""
    if network.internal or 6 not in _versions(network):  # noqa: PLR2004 - IPv6
        return
    for uplink in around.deaf:
        setting = f"net.ipv6.conf.{uplink.replace('.', '/')}.accept_ra"
        yield Condition(
            f"This host forwards IPv6, and so hears no router advertisements on {uplink} any more"
            f" ({setting} is 1): it has no IPv6 default route from there, and endpoints reach"
            " nothing outside by it.",
            "Have it hear them although it forwards, by running as root:",
            (join(("sysctl", "-w", f"{setting}=2")),),
        )


def _ports_out_of_reach(network: Network, around: Surroundings) -> Iterator[Condition]:
    """Tell where br_netfilter has isolation go further than was asked."""
    if Options.parse(network.options).icc:
        return
    cidrs = [subnet.cidr for subnet in network.subnets]
    versions = {cidr.version for cidr in cidrs if around.leads_into(cidr)} & around.bridged
    if versions:
        settings = {4: "bridge-nf-call-iptables", 6: "bridge-nf-call-ip6tables"}
        yield Condition(
            "Frames that stay on a bridge pass the firewall of this host (br_netfilter): the kernel"
            " then leads no isolated endpoint back to its bridge, so with icc=false endpoints reach"
            f" no published ports of their own network by {_words(frozenset(versions))}.",
            "If nobody else here needs it (Kubernetes does, and Docker for its own icc=false), run"
            " as root:",
            tuple(
                join(("sysctl", "-w", f"net.bridge.{settings[version]}=0"))
                for version in sorted(versions)
            ),
        )


def _versions(network: Network) -> frozenset[int]:
    return frozenset(subnet.cidr.version for subnet in network.subnets)


def _words(versions: frozenset[int]) -> str:
    return " and ".join(f"IPv{version}" for version in sorted(versions))

"""What the host's kernel and its settings keep a network from: what it lacks or has used up."""

from collections.abc import Iterator
from shlex import join
from typing import Final

from mynet.drivers.api import IPV4, IPV6, Condition, Network
from mynet.drivers.bridge.conditions.versions import versions_of, words_of
from mynet.drivers.bridge.options.networks import Options
from mynet.drivers.linux.values.host_firewalls import Surroundings

_NEARLY_FULL: Final = 0.95  # of the connections that the kernel can track


def host_conditions(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield the conditions of a network that come from the host itself."""
    yield from _missing_ipv6(network, host)
    yield from _read_only_sysctls(host)
    yield from _full_connection_table(host)
    yield from _ignored_advertisements(network, host)
    yield from _unreachable_ports(network, host)


def _missing_ipv6(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield a condition if the network has IPv6 subnets, and the host's kernel no IPv6."""
    cidrs = [str(subnet.cidr) for subnet in network.subnets if subnet.cidr.version == IPV6]
    if cidrs and IPV6 not in host.versions:
        yield Condition(
            "The kernel of this host has no IPv6 (it was booted with ipv6.disable=1, or lacks the"
            f" module ipv6). {', '.join(cidrs)} is out of use, and endpoints have IPv4 alone.",
            "Boot the host with IPv6; or make the network anew with an IPv4 subnet alone.",
        )


def _read_only_sysctls(host: Surroundings) -> Iterator[Condition]:
    """Yield a condition if the daemon cannot set the sysctls of interfaces."""
    if not host.sets_sysctls:
        yield Condition(
            "mynetd may not write to /proc/sys. It can neither set nor repair what networks and"
            " endpoints need there.",
            "Let it write there (systemd: ProtectKernelTunables=no; in a container: privileged), or"
            " set in advance what docs/mynetd.md lists.",
        )


def _full_connection_table(host: Surroundings) -> Iterator[Condition]:
    """Yield a condition if the kernel hardly tracks any more connections."""
    used, most = host.connections, host.most_connections
    if most and used >= _NEARLY_FULL * most:
        yield Condition(
            f"The kernel tracks {used} connections of at most {most}. When the table is full, it"
            " drops the packets of new connections.",
            "Find what opens them (conntrack -L), and give the table more room. Run as root:",
            (join(("sysctl", "-w", f"net.netfilter.nf_conntrack_max={2 * most}")),),
        )


def _ignored_advertisements(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield a condition for every uplink that ignores router advertisements."""
    if network.internal or IPV6 not in versions_of(network):
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
            f" {words_of(versions)}.",
            "If no other program needs br_netfilter (Kubernetes does, and Docker for its own"
            " icc=false), run as root:",
            tuple(
                join(("sysctl", "-w", f"net.bridge.{settings[version]}=0"))
                for version in sorted(versions)
            ),
        )

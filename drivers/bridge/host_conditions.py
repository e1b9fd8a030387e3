"""What the host lacks, or has used up, for a network to work: IPv6, sysctls, connections."""

from collections.abc import Iterator
from shlex import join
from typing import Final

from mynet.drivers.api import IPV6, Condition, Network
from mynet.drivers.linux.values.host_firewalls import Surroundings

_NEARLY_FULL: Final = 0.95  # of the connections that the kernel can track


def host_conditions(network: Network, host: Surroundings) -> Iterator[Condition]:
    """Yield the conditions of a network that come from the host itself."""
    yield from _missing_ipv6(network, host)
    yield from _read_only_sysctls(host)
    yield from _full_connection_table(host)


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

"""Replies that leave by the uplink that their request came in by: what is needed besides rules."""

from collections.abc import Iterator, Mapping, Sequence
from shlex import join

from mynet.drivers.api import IPV4, Condition, Network
from mynet.drivers.bridge.options.replies import REPLY_BY_INGRESS, replies_by_ingress
from mynet.drivers.linux.interface.host import Host
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.values.replies import Uplink


def wants_uplinks(network: Network) -> bool:
    """Return whether replies of the network leave by the uplinks that their requests came by."""
    return replies_by_ingress(network.options) and not network.internal


def uplinks_for(host: Host, networks: Sequence[Network]) -> Sequence[Uplink]:
    """Return the host's uplinks, which are only looked for if one of the networks needs them."""
    return host.uplinks() if any(map(wants_uplinks, networks)) else ()


def lead_replies(kernel: Kernel, network: Network) -> None:
    """Lead the network's replies to its uplinks, or no longer.

    This comes before the change of the firewall, whose rules for the network say until then that
    something may be left to release.
    """
    known = kernel.firewall.known(network.interface)
    if wants_uplinks(network):
        kernel.host.lead_replies(network.interface)
    elif known and known.uplinks:
        kernel.host.release_replies({network.interface})


def release_others(host: Host, networks: Sequence[Network]) -> None:
    """Release what leads replies of other networks than these, such as deleted ones."""
    host.release_replies(_others(host, networks))


def reply_differences(host: Host, networks: Sequence[Network]) -> Mapping[str, Sequence[str]]:
    """Return what is missing to lead replies of networks, in sentences by bridge."""
    bridges = [network.interface for network in networks if wants_uplinks(network)]
    return host.reply_differences(bridges) if bridges else {}


def leftover_reply_rules(host: Host, networks: Sequence[Network]) -> Iterator[str]:
    """Yield a sentence for each bridge whose replies are led although no network wants it."""
    for bridge in sorted(_others(host, networks)):
        yield f"Policy rules still lead replies from {bridge} to uplinks."


def _others(host: Host, networks: Sequence[Network]) -> frozenset[str]:
    """Return the bridges whose replies are led although none of the networks wants it."""
    wanted = {network.interface for network in networks if wants_uplinks(network)}
    return host.reply_bridges() - wanted


def filtered_requests(networks: Sequence[Network], host: Host) -> Mapping[str, Sequence[Condition]]:
    """Return a condition, by network, for each uplink whose requests strict rp_filter drops."""
    affected = [
        network
        for network in networks
        if wants_uplinks(network) and any(subnet.cidr.version == IPV4 for subnet in network.subnets)
    ]
    uplinks = host.filtered_uplinks() if affected else ()
    conditions = [
        Condition(
            f"This host drops IPv4 requests to published ports that come in by {uplink}, because"
            f" its routes to their senders lead elsewhere ({_setting(uplink)} is strict). With"
            f" {REPLY_BY_INGRESS}, replies would leave by {uplink}.",
            "To accept packets from senders that any route leads to, run as root:",
            (join(("sysctl", "-w", f"{_setting(uplink)}=2")),),
        )
        for uplink in uplinks
    ]
    return {network.id: conditions for network in affected}


def _setting(uplink: str) -> str:
    return f"net.ipv4.conf.{uplink.replace('.', '/')}.rp_filter"

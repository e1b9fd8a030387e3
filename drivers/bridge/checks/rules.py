"""Differences between the firewall and what networks and endpoints need of it, a sentence each."""

from collections.abc import Iterator

from mynet.drivers.api import IPV4, IPV6, Network
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules

_SETTINGS = {IPV4: "net.ipv4.ip_forward", IPV6: "net.ipv6.conf.all.forwarding"}


def rule_differences(kernel: Kernel, rules: NetworkRules, forwarded: frozenset[int]) -> list[str]:
    """Return what a network needs of the firewall, and of the host's forwarding, and lacks."""
    differences = []
    if not kernel.firewall.is_intact():
        differences.append("The firewall's rules are not as they were loaded.")
    differences += [f"The firewall lacks {element}." for element in kernel.firewall.missing(rules)]
    differences += [
        f"The firewall still has {element}." for element in kernel.firewall.outdated(rules)
    ]
    differences += [
        f"The host does not forward IPv{version} ({_SETTINGS[version]} is 0)."
        for version in sorted(forwarded - kernel.host.forwarded_versions())
    ]
    return differences


def endpoint_rule_differences(
    kernel: Kernel, network: Network, rules: EndpointRules
) -> Iterator[str]:
    """Yield what an endpoint needs of the firewall, and of its bridge for the firewall's sake."""
    for element in kernel.firewall.missing_guard(rules):
        yield f"The firewall lacks {element}."
    for forward in kernel.firewall.missing_forwards(rules):
        yield f"The firewall does not lead {forward}."
    if rules.opens_loopback and not kernel.links.is_loopback_open(network.interface):
        yield f"{network.interface} drops packets from 127.0.0.1 (route_localnet is 0)."

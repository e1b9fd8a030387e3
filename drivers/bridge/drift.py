"""Differences between the kernel and all networks, found with one inspection for all of them."""

from collections.abc import Iterator, Sequence

from mynet.drivers.api import IPV4, IPV6, ExpectedState, Network
from mynet.drivers.bridge import specs
from mynet.drivers.bridge.check import bridge_differences, outer_differences
from mynet.drivers.linux.interface import Kernel
from mynet.drivers.linux.values.desired import NetworkRules

_SETTINGS = {IPV4: "net.ipv4.ip_forward", IPV6: "net.ipv6.conf.all.forwarding"}


def drifted(kernel: Kernel, spec: specs.Specs, networks: Sequence[Network]) -> Sequence[str]:
    """Return the ids of networks and endpoints that differ from what they should be.

    It asks the kernel three questions for all of them, and does not look into sandboxes. If a
    bridge's name belongs to another device, mynet must not filter that device's packets, so its
    rules are not compared.
    """
    seen, forwarded = kernel.links.survey(), kernel.host.forwarded_versions()
    bridges = [(network, spec.bridge(network)) for network in networks]
    ours = [network for network, bridge in bridges if not seen.is_taken(bridge.identity)]
    unserved = kernel.firewall.drifted(
        [specs.rules_of(network) for network in ours],
        [forwards for network in ours for forwards in specs.port_forwards_of(network)],
    )

    def ids() -> Iterator[str]:
        for network, bridge in bridges:
            if (
                any(bridge_differences(bridge, seen.bridge(bridge)))
                or bridge.name in unserved
                or not spec.forwarded_versions(network) <= forwarded
            ):
                yield network.id
            for endpoint in network.endpoints:
                veth = spec.veth(endpoint)
                if endpoint.id in unserved or any(outer_differences(veth, seen.outer(veth))):
                    yield endpoint.id

    return list(ids())


def rule_differences(kernel: Kernel, rules: NetworkRules, forwarded: frozenset[int]) -> list[str]:
    """Return what a network needs of the firewall, and of the host's forwarding, and lacks."""
    differences = []
    if not kernel.firewall.is_intact():
        differences.append("The firewall's rules are not as they were loaded.")
    differences += [f"The firewall lacks {element}." for element in kernel.firewall.missing(rules)]
    differences += [
        f"The host does not forward IPv{version} ({_SETTINGS[version]} is 0)."
        for version in sorted(forwarded - kernel.host.forwarded_versions())
    ]
    return differences


def table_differences(kernel: Kernel, spec: specs.Specs, expected: ExpectedState) -> Sequence[str]:
    """Return the differences between the firewall's table and all records."""
    recorded = {network.id: network for network in (*expected.unfinished, *expected.networks)}
    return kernel.firewall.unexpected(
        spec.instance,
        [
            specs.rules_of(network)
            for network in expected.networks
            if not kernel.links.is_taken(spec.bridge(network))
        ],
        [specs.rules_of(network) for network in recorded.values()],
        [
            specs.possible_forwards_of(endpoint)
            for network in (*expected.networks, *expected.unfinished)
            for endpoint in network.endpoints
        ],
    )

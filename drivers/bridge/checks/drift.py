"""Differences between the kernel and all networks, found with one inspection for all of them."""

from collections.abc import Iterator, Sequence

from mynet.drivers.api import IPV4, IPV6, ExpectedState, Network
from mynet.drivers.bridge import specs
from mynet.drivers.bridge.checks.links import bridge_differences, outer_differences
from mynet.drivers.bridge.endpoint_rules import (
    possible_rules_of,
    rules_of_endpoints,
    surveyed_attachment,
)
from mynet.drivers.bridge.replies import leftovers, misled, uplinks_for
from mynet.drivers.linux.interface import Kernel
from mynet.drivers.linux.values.desired import Bridge, NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules

_SETTINGS = {IPV4: "net.ipv4.ip_forward", IPV6: "net.ipv6.conf.all.forwarding"}


def drifted(kernel: Kernel, spec: specs.Specs, networks: Sequence[Network]) -> Sequence[str]:
    """Return the ids of networks and endpoints that differ from what they should be.

    It asks the kernel three questions for all of them, and does not look into sandboxes. A bridge
    that differs is looked at again, because the kernel adds routes after an address. If a
    bridge's name belongs to another device, mynet must not filter that device's packets, so its
    rules are not compared.
    """
    seen, forwarded = kernel.links.survey(), kernel.host.forwarded_versions()
    sources = kernel.host.route_sources()
    uplinks = uplinks_for(kernel.host, networks)
    bridges = [(network, spec.bridge(network)) for network in networks]
    ours = [network for network, bridge in bridges if not seen.is_taken(bridge.identity)]
    unserved = kernel.firewall.drifted(
        [specs.rules_of(network, sources, uplinks) for network in ours],
        [rules for network in ours for rules in rules_of_endpoints(spec, network, seen)],
    )

    misled_bridges = misled(kernel.host, ours)

    def differs(bridge: Bridge) -> bool:
        return any(bridge_differences(bridge, seen.bridge(bridge))) and any(
            bridge_differences(bridge, kernel.links.inspect_bridge(bridge))
        )

    def ids() -> Iterator[str]:
        for network, bridge in bridges:
            if (
                differs(bridge)
                or bridge.name in unserved
                or bridge.name in misled_bridges
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


def table_differences(kernel: Kernel, spec: specs.Specs, expected: ExpectedState) -> Sequence[str]:
    """Return the differences between all records and the tables of the firewall, and replies.

    What an unfinished endpoint may send is not on record yet.
    """
    sources = kernel.host.route_sources()
    uplinks = uplinks_for(kernel.host, [*expected.unfinished, *expected.networks])
    recorded = {network.id: network for network in (*expected.unfinished, *expected.networks)}
    seen = kernel.links.survey()
    unfinished = [endpoint for network in expected.unfinished for endpoint in network.endpoints]
    finished = [endpoint for network in expected.networks for endpoint in network.endpoints]
    places = {
        endpoint.id: surveyed_attachment(spec, endpoint, seen)
        for endpoint in (*finished, *unfinished)
    }
    of_tables = kernel.firewall.unexpected(
        spec.instance,
        [
            specs.rules_of(network, sources, uplinks)
            for network in expected.networks
            if not kernel.links.is_taken(spec.bridge(network))
        ],
        [specs.rules_of(network, sources, uplinks) for network in recorded.values()],
        [
            possible_rules_of(spec, endpoint, places[endpoint.id])
            for endpoint in (*finished, *unfinished)
        ],
        [place for endpoint in unfinished if (place := places[endpoint.id])],
        [
            address
            for endpoint in (*finished, *unfinished)
            if endpoint.mac_address and places[endpoint.id] is None
            for address in (endpoint.mac_address, *(str(each.ip) for each in endpoint.addresses))
        ],
    )
    return [*of_tables, *leftovers(kernel.host, list(recorded.values()))]

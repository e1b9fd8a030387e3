"""Differences between the kernel and all networks, found with one inspection for all of them."""

from collections.abc import Iterator, Sequence

from mynet.drivers.api import ExpectedState, Network
from mynet.drivers.bridge.checks.links import bridge_differences, outer_differences
from mynet.drivers.bridge.endpoint_rules import (
    possible_rules_of,
    rules_of_endpoints,
    surveyed_attachment,
)
from mynet.drivers.bridge.network_rules import rules_of_networks
from mynet.drivers.bridge.replies import leftover_reply_rules, reply_differences
from mynet.drivers.bridge.specs import Specs
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.values.desired import Bridge
from mynet.drivers.linux.values.expected_tables import ExpectedTables


def drifted(kernel: Kernel, spec: Specs, networks: Sequence[Network]) -> Sequence[str]:
    """Return the ids of networks and endpoints that differ from what they should be.

    It asks the kernel a few questions for all of them, and does not look into sandboxes. A bridge
    that differs is looked at again, because the kernel adds routes after an address. If a
    bridge's name belongs to another device, mynet must not filter that device's packets, so its
    rules are not compared.
    """
    kernel.firewall.keep_for_host(kernel.ports.used())
    seen, forwarded = kernel.links.survey(), kernel.host.forwarded_versions()
    bridges = [(network, spec.bridge(network)) for network in networks]
    ours = [network for network, bridge in bridges if not seen.is_taken(bridge.identity)]
    wrong_rules = kernel.firewall.drifted(
        rules_of_networks(ours, kernel.host),
        [rules for network in ours for rules in rules_of_endpoints(spec, network, seen)],
    )

    wrong_replies = reply_differences(kernel.host, ours)

    def differs(bridge: Bridge) -> bool:
        return any(bridge_differences(bridge, seen.bridge(bridge))) and any(
            bridge_differences(bridge, kernel.links.inspect_bridge(bridge))
        )

    def ids() -> Iterator[str]:
        for network, bridge in bridges:
            if (
                differs(bridge)
                or bridge.name in wrong_rules
                or bridge.name in wrong_replies
                or not spec.forwarded_versions(network) <= forwarded
            ):
                yield network.id
            for endpoint in network.endpoints:
                veth = spec.veth(endpoint)
                if endpoint.id in wrong_rules or any(outer_differences(veth, seen.outer(veth))):
                    yield endpoint.id

    return list(ids())


def table_differences(kernel: Kernel, spec: Specs, expected: ExpectedState) -> Sequence[str]:
    """Return the differences between all records and the tables of the firewall, and replies.

    What an unfinished endpoint may send is not on record yet.
    """
    recorded = {network.id: network for network in (*expected.unfinished, *expected.networks)}
    rules = dict(
        zip(recorded, rules_of_networks(list(recorded.values()), kernel.host), strict=True)
    )
    seen = kernel.links.survey()
    unfinished = [endpoint for network in expected.unfinished for endpoint in network.endpoints]
    finished = [endpoint for network in expected.networks for endpoint in network.endpoints]
    places = {
        endpoint.id: surveyed_attachment(spec, endpoint, seen)
        for endpoint in (*finished, *unfinished)
    }
    tables = ExpectedTables(
        instance=spec.instance,
        networks=[
            rules[network.id]
            for network in expected.networks
            if not seen.is_taken(spec.bridge(network).identity)
        ],
        possible=list(rules.values()),
        endpoints=[
            possible_rules_of(spec, endpoint, places[endpoint.id])
            for endpoint in (*finished, *unfinished)
        ],
        unfinished=[place for endpoint in unfinished if (place := places[endpoint.id])],
        detached=[
            address
            for endpoint in (*finished, *unfinished)
            if endpoint.mac_address and places[endpoint.id] is None
            for address in (endpoint.mac_address, *(str(each.ip) for each in endpoint.addresses))
        ],
    )
    replies = leftover_reply_rules(kernel.host, list(recorded.values()))
    return [*kernel.firewall.unexpected(tables), *replies]

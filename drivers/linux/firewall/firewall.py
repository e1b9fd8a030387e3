"""The firewall: which networks and endpoints the tables should have, and keeping them so."""

import logging
from collections.abc import Container, Iterable, Sequence
from itertools import chain

from mynet.drivers.linux.firewall.comparisons import Comparisons
from mynet.drivers.linux.firewall.elements.element import Element, plain
from mynet.drivers.linux.firewall.elements.guard import guard_elements
from mynet.drivers.linux.firewall.elements.ports import by_forward, used_elements
from mynet.drivers.linux.firewall.endpoints import Endpoints
from mynet.drivers.linux.firewall.flows import conntrack
from mynet.drivers.linux.firewall.flows.gone_flows import GoneFlows
from mynet.drivers.linux.firewall.ruleset import (
    TABLE_NAMES,
    all_elements,
    elements,
)
from mynet.drivers.linux.group_commit import GroupCommit
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.ports import UsedPort

logger = logging.getLogger(__name__)


class Firewall(Comparisons):
    """Keeps the tables at the networks and the endpoints that it was given.

    Tables that another program has changed are loaded again with all of them.
    """

    def __init__(self) -> None:
        super().__init__()
        # The netlink ports by which the kernel names us when it notifies other programs.
        self.own_netlink_ports: Container[int] = self._tables.own_netlink_ports
        # The ports that are kept for programs of the host, and those of them since the last time.
        self._kept: frozenset[UsedPort] = frozenset()
        self._began: frozenset[UsedPort] = frozenset()
        # The flows of endpoints that were removed.
        self._gone_flows = GoneFlows()
        # Endpoints that are removed at the same time share a transaction.
        self._removals = GroupCommit(self._remove_endpoints, self._lock)

    def load(
        self, instance: str, rules: Iterable[NetworkRules], endpoints: Iterable[EndpointRules] = ()
    ) -> None:
        """Bring both tables to these rules and no others in one transaction.

        There is no moment without rules. Like: ``nft -f -``.
        """
        with self._lock:
            self._rules = {network.bridge: network for network in rules}
            self._endpoints = Endpoints(endpoints)
            self._load(instance)

    def add(self, instance: str, rules: NetworkRules) -> None:
        """Add the network in one transaction, or bring it to other rules.

        A network that the kernel or nft refuses is not remembered, because the tables could not be
        loaded with it again. Like: ``nft add element inet mynet ...``.
        """
        plain(rules.bridge)
        with self._lock:
            before = self._rules.get(rules.bridge)
            wanted = list(elements(rules))
            removed = _without(elements(before) if before else (), wanted)
            exists = self._tables.change(removed, wanted)
            self._rules[rules.bridge] = rules
            if not (exists and self._tables.is_intact()):
                self._load_again(instance)
        if before and _leaving(before) != _leaving(rules):
            conntrack.forget_leaving(rules.masquerade)

    def remove(self, rules: NetworkRules) -> None:
        """Remove the network in one transaction. Like: ``nft delete element inet mynet ...``."""
        with self._lock:
            before = self._rules.pop(rules.bridge, rules)
            self._tables.change(dict.fromkeys([*elements(before), *elements(rules)]), ())

    def add_endpoint(self, instance: str, rules: EndpointRules) -> None:
        """Allow an endpoint to send, and lead its ports to it and no others, in one transaction.

        Flows to ports that led elsewhere before are forgotten afterwards: the kernel could remember
        a flow again as it was if it were forgotten before.
        Like: ``nft add element bridge mynet own_mac ...; nft add element inet mynet pub4 ...;
        conntrack -D -p udp --orig-port-dst PORT``.
        """
        self._gone_flows.settle(rules.addresses)
        with self._lock:
            before = self._endpoints.get(rules.endpoint_id)
            had, wanted = (list(self._endpoints.elements(each)) for each in (before, rules))
            lost = self._tables.missing(element for element in wanted if element in had)
            if before == rules and not lost:
                return
            # The kernel keeps the limit of an element that exists.
            replaced = [element for element in lost if element.limit]
            removed = _without(had, {*wanted, *self._endpoints.shared(before)})
            if not self._tables.change([*removed, *replaced], wanted):
                self._load_again(instance, rules)
            self._endpoints.put(rules)
        intact = {
            forward
            for forward, groups in by_forward(before.forwards)
            if forward in rules.forwards
            and not any(element in lost for group in groups for element in group)
        }
        conntrack.forget({*before.forwards, *rules.forwards} - intact)

    def remove_endpoint(self, rules: EndpointRules) -> None:
        """Close an endpoint and lead its ports nowhere, then forget the flows to them.

        All other flows of its addresses are forgotten soon, and before another endpoint has them.
        Like: ``nft delete element bridge mynet own_mac ...; nft delete element inet mynet pub4 ...;
        conntrack -D -p udp --orig-port-dst PORT``.
        """
        self._removals.submit([rules])
        conntrack.forget(rules.forwards)
        self._gone_flows.add(rules.addresses)

    def _remove_endpoints(self, endpoints: Sequence[EndpointRules]) -> None:
        """Remove endpoints in one transaction. Holds ``_lock``."""
        self._tables.change(chain.from_iterable(map(self._forget, endpoints)), ())

    def _forget(self, rules: EndpointRules) -> Iterable[Element]:
        """Forget an endpoint, and return its elements. Holds ``_lock``.

        The published ports of an unknown endpoint may be another endpoint's by now. Only what the
        tables still have for this one is returned then.
        """
        before = self._endpoints.pop(rules.endpoint_id)
        if before:
            return _without(self._endpoints.elements(before), self._endpoints.shared(before))
        guarded = list(guard_elements(rules.guard) if rules.guard else ())
        groups = chain.from_iterable(groups for _, groups in by_forward(rules.forwards))
        return [
            *_without(guarded, {*self._tables.missing(guarded), *self._endpoints.shared(rules)}),
            *chain.from_iterable(
                group for group in groups if not any(self._tables.missing(group[:1]))
            ),
        ]

    def keep_for_host(self, ports: frozenset[UsedPort]) -> None:
        """Keep the ports that programs of the host use from being the source of endpoints' packets.

        A published port is kept for its endpoint already, and the socket that reserves it is no
        program's. A program that runs for a moment does not end the flows by its port.
        Like: ``nft add element inet mynet programs4 ...; conntrack -D -p udp --reply-port-dst
        PORT``.
        """
        with self._lock:
            kept = ports - self._endpoints.published_ports()
            before, self._kept = self._kept, kept
            began, self._began = self._began & kept, kept - before
            if self._tables.is_loaded and (kept != before or not self._is_verified()):
                self._change_kept(before - kept, kept)
            subnets = [subnet for rules in self._rules.values() for subnet in rules.masquerade]
        conntrack.forget_leaving_by(began, subnets)

    def _change_kept(self, removed: Iterable[UsedPort], added: Iterable[UsedPort]) -> None:
        """Bring the tables to other ports of the host's programs. Holds ``_lock``.

        They are no part of what :meth:`drifted` compares, so what it has verified stays so.
        """
        networks, endpoints = self._verified[1:]
        was_verified = self._is_verified()
        before = self._tables.generation()
        self._tables.change(used_elements(removed), used_elements(added))
        if was_verified and self._tables.generation() == before + 1:
            self._verified = (before + 1, networks, endpoints)

    def close(self) -> None:
        """Delete flows that are left to delete, and close the descriptor of the tables."""
        self._gone_flows.close()
        with self._lock:
            self._tables.close()

    def _load_again(self, instance: str, *more: EndpointRules) -> None:
        """Load tables that another program has deleted or changed. Holds ``_lock``."""
        logger.warning("another program changed %s: they are loaded again", TABLE_NAMES)
        self._load(instance, *more)

    def _load(self, instance: str, *more: EndpointRules) -> None:
        """Load the tables with all networks and endpoints, and with ``more``. Holds ``_lock``."""
        known = {rules.endpoint_id: rules for rules in (*self._endpoints.all(), *more)}
        contents = all_elements(self._rules.values(), known.values(), self._kept)
        self._tables.load(instance, list(contents))


def _without(some: Iterable[Element], others: Iterable[Element]) -> list[Element]:
    excluded = set(others)
    return [element for element in some if element not in excluded]


def _leaving(rules: NetworkRules) -> tuple[Sequence[object], Sequence[object]]:
    """Return what decides by which of the host's addresses a network leaves."""
    return rules.host_addresses, rules.route_sources

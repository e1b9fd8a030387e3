"""The firewall: which networks and endpoints the tables should have, and keeping them so."""

import logging
import threading
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from mynet.drivers.linux.firewall import conntrack
from mynet.drivers.linux.firewall.audit import differences
from mynet.drivers.linux.firewall.elements import Element, plain, text
from mynet.drivers.linux.firewall.endpoints import Endpoints
from mynet.drivers.linux.firewall.guard import guard_elements
from mynet.drivers.linux.firewall.port_elements import by_forward
from mynet.drivers.linux.firewall.ruleset import (
    TABLE_NAMES,
    TABLES,
    elements,
    ruleset,
    surplus,
)
from mynet.drivers.linux.firewall.tables import Tables
from mynet.drivers.linux.group_commit import GroupCommit
from mynet.drivers.linux.host_firewalls.inspect import inspect_surroundings
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import Attachment, EndpointRules
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.ports import Forward

logger = logging.getLogger(__name__)


class Firewall:
    """Keeps the tables at the networks and the endpoints that it was given.

    Tables that another program has changed are loaded again with all of them.
    """

    def __init__(self) -> None:
        # Guards the tables, from a decision to the kernel's reply, and everything below.
        self._lock = threading.Lock()
        self._tables = Tables()
        # The netlink ports by which the kernel names us when it notifies other programs.
        self.own_netlink_ports: Container[int] = self._tables.own_netlink_ports
        self._rules: dict[str, NetworkRules] = {}  # by bridge
        self._endpoints = Endpoints()
        # Endpoints that are removed at the same time share a transaction.
        self._removals = GroupCommit(self._remove_endpoints, self._lock)
        # The generation of the kernel's tables, and what drifted() found them right for.
        self._verified: tuple[int, Sequence[NetworkRules], Sequence[EndpointRules]] = (-1, (), ())

    def load(
        self, instance: str, rules: Iterable[NetworkRules], endpoints: Iterable[EndpointRules] = ()
    ) -> None:
        """Replace both tables in one transaction, so that there is no moment without rules.

        Like: ``nft -f -``.
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
        with self._lock:
            before = self._endpoints.get(rules.endpoint_id)
            had, wanted = (list(self._endpoints.elements(each)) for each in (before, rules))
            lost = list(self._tables.missing(element for element in wanted if element in had))
            if before == rules and not lost:
                return
            # The kernel keeps the limit of an element that exists.
            replaced = [element for element in lost if element.limit]
            if not self._tables.change([*_without(had, wanted), *replaced], wanted):
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

        Like: ``nft delete element bridge mynet own_mac ...; nft delete element inet mynet pub4 ...;
        conntrack -D -p udp --orig-port-dst PORT``.
        """
        self._removals.submit([rules])
        conntrack.forget(rules.forwards)

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
            return self._endpoints.elements(before)
        guarded = list(guard_elements(rules.guard) if rules.guard else ())
        groups = chain.from_iterable(groups for _, groups in by_forward(rules.forwards))
        return [
            *_without(guarded, self._tables.missing(guarded)),
            *chain.from_iterable(
                group for group in groups if not any(self._tables.missing(group[:1]))
            ),
        ]

    def missing_forwards(self, rules: EndpointRules) -> Sequence[Forward]:
        """Return those of an endpoint's ports that the table does not lead to it.

        Like: ``nft get element inet mynet pub4 ...``.
        """
        with self._lock:
            return [
                forward
                for forward, groups in by_forward(rules.forwards)
                if any(self._tables.missing(chain.from_iterable(groups)))
            ]

    def missing_guard(self, rules: EndpointRules) -> Sequence[str]:
        """Return what the tables lack of what an endpoint may send, in the words of nft(8).

        Like: ``nft get element bridge mynet own_mac ...``.
        """
        if rules.guard is None:
            return ()
        with self._lock:
            guarded = self._endpoints.elements(replace(rules, forwards=()))
            return list(map(_words, self._tables.missing(guarded)))

    def is_intact(self) -> bool:
        """Return whether tables, chains and rules are as they were loaded, if they ever were.

        Like: ``nft -a -t list table inet mynet``.
        """
        with self._lock:
            return self._tables.is_intact()

    def missing(self, rules: NetworkRules) -> Sequence[str]:
        """Return the elements of a network that the table lacks, in the words of nft(8).

        Before the first :meth:`load` nothing is missing.
        """
        with self._lock:
            if not self._tables.is_loaded:
                return ()
            return list(map(_words, self._tables.missing(elements(rules))))

    def known(self, bridge: str) -> NetworkRules | None:
        """Return the rules that the network of a bridge was given; None if there is none."""
        with self._lock:
            return self._rules.get(bridge)

    def outdated(self, rules: NetworkRules) -> Sequence[str]:
        """Return the elements that the network was given before, and that ``rules`` do not have.

        The rules of a network change without a call when a default route of the host does.
        """
        with self._lock:
            before = self._rules.get(rules.bridge, rules)
        return [f"{text(element)} in the set {element.set}" for element in surplus(before, rules)]

    def drifted(
        self, rules: Sequence[NetworkRules], endpoints: Sequence[EndpointRules]
    ) -> frozenset[str]:
        """Return the bridges, and the ids of endpoints, that the tables are not right for.

        While no program has changed any table since this found nothing, it asks the kernel one
        question. Like: ``nft list ruleset``.
        """
        with self._lock:
            now = (self._tables.generation(), rules, endpoints)
        if now == self._verified:
            return frozenset()
        if not self.is_intact():
            return frozenset(
                [network.bridge for network in rules]
                + [endpoint.endpoint_id for endpoint in endpoints]
            )
        names = [
            network.bridge for network in rules if self.missing(network) or self.outdated(network)
        ]
        names += [endpoint.endpoint_id for endpoint in endpoints if self._lacks(endpoint)]
        if not names:
            self._verified = now
        return frozenset(names)

    def unexpected(
        self,
        instance: str,
        rules: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        endpoints: Iterable[EndpointRules],
        unfinished: Collection[Attachment] = (),
        detached: Collection[str] = (),
    ) -> Sequence[str]:
        """Return a sentence for each difference from the tables that a start would load.

        The tables must have the elements of ``rules``, and may have those of ``possible`` and
        ``endpoints`` and any for the ports in ``unfinished`` and the MAC addresses ``detached``,
        but no others.
        Like: ``nft -s list table inet mynet; nft -s list table bridge mynet``, there and here.
        """
        return list(differences(instance, rules, possible, endpoints, unfinished, detached))

    def inspect_surroundings(self) -> Surroundings:
        """Return what else on this host decides about the daemon's packets.

        Like: ``nft list chains; sysctl net.bridge``.
        """
        with self._lock:
            forwards = [port for rules in self._endpoints.all() for port in rules.forwards]
        return inspect_surroundings(TABLES, frozenset(forward.target for forward in forwards))

    def close(self) -> None:
        """Close the descriptor that the tables are changed with."""
        with self._lock:
            self._tables.close()

    def _lacks(self, rules: EndpointRules) -> bool:
        with self._lock:
            return any(self._tables.missing(self._endpoints.elements(rules)))

    def _load_again(self, instance: str, *more: EndpointRules) -> None:
        """Load tables that another program has deleted or changed. Holds ``_lock``."""
        logger.warning("another program changed %s: they are loaded again", TABLE_NAMES)
        self._load(instance, *more)

    def _load(self, instance: str, *more: EndpointRules) -> None:
        """Load the tables with all networks and endpoints, and with ``more``. Holds ``_lock``."""
        known = {rules.endpoint_id: rules for rules in (*self._endpoints.all(), *more)}
        self._tables.load(ruleset(instance, self._rules.values(), known.values()))


def _without(some: Iterable[Element], others: Iterable[Element]) -> list[Element]:
    excluded = set(others)
    return [element for element in some if element not in excluded]


def _words(element: Element) -> str:
    return f"{text(element)} in the set {element.set}"


def _leaving(rules: NetworkRules) -> tuple[Sequence[object], Sequence[object]]:
    """Return what decides by which of the host's addresses a network leaves."""
    return rules.host_addresses, rules.route_sources

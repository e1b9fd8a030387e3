"""Comparing the firewall's tables with what they should have. Nothing here changes them."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from mynet.drivers.linux.firewall.audit import differences
from mynet.drivers.linux.firewall.elements.element import Element, text
from mynet.drivers.linux.firewall.elements.ports import by_forward
from mynet.drivers.linux.firewall.endpoints import Endpoints
from mynet.drivers.linux.firewall.ruleset import TABLES, elements, surplus
from mynet.drivers.linux.firewall.tables.tables import Tables
from mynet.drivers.linux.host_firewalls.inspect import inspect_surroundings
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.expected_tables import ExpectedTables
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.ports import Forward


class Comparisons:
    """The part of :class:`~mynet.drivers.linux.firewall.firewall.Firewall` that looks."""

    def __init__(self) -> None:
        # Guards the tables, from a decision to the kernel's reply, and everything below.
        self._lock = threading.Lock()
        self._tables = Tables()
        self._rules: dict[str, NetworkRules] = {}  # by bridge
        self._endpoints = Endpoints()
        # The generation of the kernel's tables, and what drifted() found them right for.
        self._verified: tuple[int, Sequence[NetworkRules], Sequence[EndpointRules]] = (-1, (), ())

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

    def unexpected(self, expected: ExpectedTables) -> Sequence[str]:
        """Return a sentence for each difference from the tables that a start would load.

        Like: ``nft -s list table inet mynet; nft -s list table bridge mynet``, there and here.
        """
        return list(differences(expected))

    def inspect_surroundings(self) -> Surroundings:
        """Return what else on this host decides about the daemon's packets.

        Like: ``nft list chains; sysctl net.bridge``.
        """
        with self._lock:
            forwards = [port for rules in self._endpoints.all() for port in rules.forwards]
        return inspect_surroundings(TABLES, frozenset(forward.target for forward in forwards))

    def _is_verified(self) -> bool:
        """Return whether no program has changed a table since :meth:`drifted` found nothing."""
        return self._verified[0] == self._tables.generation()

    def _lacks(self, rules: EndpointRules) -> bool:
        with self._lock:
            return any(self._tables.missing(self._endpoints.elements(rules)))


def _words(element: Element) -> str:
    return f"{text(element)} in the set {element.set}"

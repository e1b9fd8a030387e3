"""The firewall of the kernel in memory: what its sets hold, until a test flushes it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.firewall.audit import describe_surplus
from mynet.drivers.linux.firewall.elements.element import Element, text
from mynet.drivers.linux.firewall.elements.ports import SOURCES
from mynet.drivers.linux.firewall.ruleset import (
    TABLES,
    all_elements,
    elements,
    endpoint_elements,
    surplus,
)
from mynet.drivers.linux.interface.firewall import Firewall
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.expected_tables import ExpectedTables
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.ports import Forward, UsedPort


class FakeFirewall(Subject, protocol=Firewall):
    """Implements :class:`~mynet.drivers.linux.interface.firewall.Firewall` in memory.

    A change of tables that were flushed brings back all of them, as the real ones are loaded again.
    """

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        # What the host has besides the tables.
        self.surroundings = Surroundings()
        self._networks: dict[str, NetworkRules] = {}
        self._endpoints: dict[str, EndpointRules] = {}
        # The ports that are kept for the host's programs.
        self.kept: frozenset[UsedPort] = frozenset()
        self._is_loaded = self._is_flushed = False

    @property
    def networks(self) -> dict[str, NetworkRules]:
        """The rules of networks in the tables, by bridge."""
        with self._control.lock:
            return {} if self._is_flushed else dict(self._networks)

    @property
    def endpoints(self) -> dict[str, EndpointRules]:
        """The rules of endpoints in the tables, by endpoint."""
        with self._control.lock:
            return {} if self._is_flushed else dict(self._endpoints)

    def flush(self) -> None:
        """Like: nft flush ruleset."""
        with self._control.lock:
            self._is_flushed = True

    def load(
        self, instance: str, rules: Iterable[NetworkRules], endpoints: Iterable[EndpointRules] = ()
    ) -> None:
        """Replace both tables."""
        self._networks = {network.bridge: network for network in rules}
        self._endpoints = {
            endpoint.endpoint_id: endpoint
            for endpoint in endpoints
            if any(endpoint_elements(endpoint))
        }
        self._restore()

    def add(self, instance: str, rules: NetworkRules) -> None:
        """Add a network's rules."""
        self._networks[rules.bridge] = rules
        self._restore()

    def remove(self, rules: NetworkRules) -> None:
        """Delete a network's rules."""
        self._networks.pop(rules.bridge, None)

    def add_endpoint(self, instance: str, rules: EndpointRules) -> None:
        """Add an endpoint's rules, and delete those that it had and has no longer."""
        self._endpoints[rules.endpoint_id] = rules
        if not any(endpoint_elements(rules)):
            del self._endpoints[rules.endpoint_id]
        self._restore()
        self._reach("add_endpoint.forget")

    def remove_endpoint(self, rules: EndpointRules) -> None:
        """Delete an endpoint's rules."""
        self._endpoints.pop(rules.endpoint_id, None)

    def keep_for_host(self, ports: frozenset[UsedPort]) -> None:
        """Remember the ports."""
        self.kept = ports

    def missing_forwards(self, rules: EndpointRules) -> Sequence[Forward]:
        """Return those of an endpoint's ports that the table does not forward to it."""
        present = self._present(rules).forwards
        return [forward for forward in rules.forwards if forward not in present]

    def missing_guard(self, rules: EndpointRules) -> Sequence[str]:
        """Return the elements of what an endpoint may send that the sets lack."""
        present = set(endpoint_elements(self._present(rules)))
        wanted = endpoint_elements(replace(rules, forwards=()))
        return [_words(element) for element in wanted if element not in present]

    def is_intact(self) -> bool:
        """Return whether the tables were not flushed since they were loaded."""
        return not (self._is_loaded and self._is_flushed)

    def missing(self, rules: NetworkRules) -> Sequence[str]:
        """Return a network's elements that the sets lack."""
        return self._missing(rules)

    def known(self, bridge: str) -> NetworkRules | None:
        """Return the rules that the network of a bridge was given."""
        return self._networks.get(bridge)

    def outdated(self, rules: NetworkRules) -> Sequence[str]:
        """Return the elements that the network was given before and should not have any more."""
        before = self.networks.get(rules.bridge, rules)
        return [f"{text(element)} in the set {element.set}" for element in surplus(before, rules)]

    def drifted(
        self, rules: Sequence[NetworkRules], endpoints: Sequence[EndpointRules]
    ) -> frozenset[str]:
        """Return the bridges and endpoints whose part of the tables is not right."""
        return frozenset(
            [
                network.bridge
                for network in rules
                if self._missing(network) or self.outdated(network)
            ]
            + [
                endpoint.endpoint_id
                for endpoint in endpoints
                if not set(endpoint_elements(endpoint))
                <= set(endpoint_elements(self._present(endpoint)))
            ]
        )

    def unexpected(self, expected: ExpectedTables) -> Sequence[str]:
        """Return how the tables differ from what a start would load."""
        if not self._is_loaded or self._is_flushed:
            return [f"The firewall's {table} is not there." for table in TABLES]
        present = _elements(self._networks.values(), self._endpoints.values())
        possible = _elements(expected.possible, expected.endpoints)
        allowed = {(element.set, element.value) for element in possible}
        surplus = [
            (f"{'map' if element.data else 'set'} {element.set}", text(element))
            for element in present
            if (element.set, element.value) not in allowed and not element.set.startswith(SOURCES)
        ]
        return [
            *(
                f"The firewall lacks {_words(element)}."
                for element in _elements(expected.networks)
                if element not in present
            ),
            *describe_surplus(surplus, expected.unfinished, expected.detached),
        ]

    def inspect_surroundings(self) -> Surroundings:
        """Return ``surroundings``, and where published ports lead."""
        ports = chain.from_iterable(rules.forwards for rules in self._endpoints.values())
        return replace(self.surroundings, targets=frozenset(forward.target for forward in ports))

    def _missing(self, rules: NetworkRules) -> Sequence[str]:
        if not self._is_loaded or self.networks.get(rules.bridge) == rules:
            return ()
        return list(map(_words, elements(rules)))

    def _present(self, rules: EndpointRules) -> EndpointRules:
        return self.endpoints.get(rules.endpoint_id, EndpointRules(rules.endpoint_id))

    def _restore(self) -> None:
        self._is_loaded, self._is_flushed = True, False


def _elements(
    rules: Iterable[NetworkRules], endpoints: Iterable[EndpointRules] = ()
) -> dict[Element, None]:
    """Return the elements that networks and endpoints have in the tables, in order."""
    return dict.fromkeys(all_elements(rules, endpoints))


def _words(element: Element) -> str:
    return f"{text(element)} in the set {element.set}"

"""The firewall of the kernel in memory: what its sets hold, until a test flushes it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from mynet.drivers.linux import interface
from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.firewall.elements import Element, text
from mynet.drivers.linux.firewall.port_elements import SOURCES
from mynet.drivers.linux.firewall.ruleset import all_elements, elements
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.ports import Forward, PortForwards


class FakeFirewall(Subject, protocol=interface.Firewall):
    """Implements :class:`~mynet.drivers.linux.interface.Firewall` in memory.

    A change of a table that was flushed brings back all of it, as the real one is loaded again.
    """

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        # What the host has besides the table.
        self.surroundings = Surroundings()
        self._networks: dict[str, NetworkRules] = {}
        self._endpoints: dict[str, PortForwards] = {}
        self._is_loaded = self._is_flushed = False

    @property
    def networks(self) -> dict[str, NetworkRules]:
        """The rules of networks in the table, by bridge."""
        with self._control.lock:
            return {} if self._is_flushed else dict(self._networks)

    @property
    def endpoints(self) -> dict[str, PortForwards]:
        """The forwarded ports in the table, by endpoint."""
        with self._control.lock:
            return {} if self._is_flushed else dict(self._endpoints)

    def flush(self) -> None:
        """Like: nft flush ruleset."""
        with self._control.lock:
            self._is_flushed = True

    def load(
        self, instance: str, rules: Iterable[NetworkRules], forwards: Iterable[PortForwards] = ()
    ) -> None:
        """Replace the whole table."""
        self._networks = {network.bridge: network for network in rules}
        self._endpoints = {ports.endpoint_id: ports for ports in forwards}
        self._restore()

    def add(self, instance: str, rules: NetworkRules) -> None:
        """Add a network's rules."""
        self._networks[rules.bridge] = rules
        self._restore()

    def remove(self, rules: NetworkRules) -> None:
        """Delete a network's rules."""
        self._networks.pop(rules.bridge, None)

    def publish(self, instance: str, forwards: PortForwards) -> None:
        """Forward an endpoint's ports, and no others to it."""
        self._endpoints[forwards.endpoint_id] = forwards
        if not forwards.ports:
            del self._endpoints[forwards.endpoint_id]
        self._restore()
        self._reach("publish.forget")

    def unpublish(self, forwards: PortForwards) -> None:
        """Delete an endpoint's forwarded ports."""
        self._endpoints.pop(forwards.endpoint_id, None)

    def missing_forwards(self, forwards: PortForwards) -> Sequence[Forward]:
        """Return those of an endpoint's ports that the table does not forward to it."""
        return self._missing_forwards(forwards)

    def is_intact(self) -> bool:
        """Return whether the table was not flushed since it was loaded."""
        return not (self._is_loaded and self._is_flushed)

    def missing(self, rules: NetworkRules) -> Sequence[str]:
        """Return a network's elements that the sets lack."""
        return self._missing(rules)

    def drifted(
        self, rules: Sequence[NetworkRules], forwards: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Return the bridges and endpoints whose part of the table is not right."""
        return frozenset(
            [network.bridge for network in rules if self._missing(network)]
            + [ports.endpoint_id for ports in forwards if self._missing_forwards(ports)]
        )

    def unexpected(
        self,
        instance: str,
        rules: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        forwards: Iterable[PortForwards],
    ) -> Sequence[str]:
        """Return how the table differs from what a start would load."""
        if not self._is_loaded or self._is_flushed:
            return ["The firewall's table inet mynet is not there."]
        present = _elements(self._networks.values(), self._endpoints.values())
        allowed = {(element.set, element.value) for element in _elements(possible, forwards)}
        return [
            f"The firewall lacks {text(element)} in the set {element.set}."
            for element in _elements(rules)
            if element not in present
        ] + [
            f"The firewall has {text(element)} in the {'map' if element.data else 'set'}"
            f" {element.set}, which nothing on record asks for."
            for element in present
            if (element.set, element.value) not in allowed and not element.set.startswith(SOURCES)
        ]

    def inspect_surroundings(self) -> Surroundings:
        """Return ``surroundings``, and where published ports lead."""
        ports = chain.from_iterable(forwards.ports for forwards in self._endpoints.values())
        return replace(self.surroundings, targets=frozenset(forward.target for forward in ports))

    def _missing(self, rules: NetworkRules) -> Sequence[str]:
        if not self._is_loaded or self.networks.get(rules.bridge) == rules:
            return ()
        return [f"{text(element)} in the set {element.set}" for element in elements(rules)]

    def _missing_forwards(self, forwards: PortForwards) -> Sequence[Forward]:
        present = self.endpoints.get(forwards.endpoint_id, PortForwards("")).ports
        return [forward for forward in forwards.ports if forward not in present]

    def _restore(self) -> None:
        self._is_loaded, self._is_flushed = True, False


def _elements(
    rules: Iterable[NetworkRules], forwards: Iterable[PortForwards] = ()
) -> dict[Element, None]:
    """Return the elements that networks and endpoints have in the table, in order."""
    return dict.fromkeys(all_elements(rules, forwards))

"""The tables of mynet, and the other firewalls of the host."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.expected_tables import ExpectedTables
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.ports import Forward, UsedPort


class Firewall(Protocol):
    """The tables ``inet mynet`` and ``bridge mynet``, and the other firewalls of this host."""

    def load(
        self, instance: str, rules: Iterable[NetworkRules], endpoints: Iterable[EndpointRules] = ()
    ) -> None:
        """Bring both tables to these rules and no others, in one transaction."""

    def add(self, instance: str, rules: NetworkRules) -> None:
        """Add a network's rules, and delete those that it had and has no longer."""

    def remove(self, rules: NetworkRules) -> None:
        """Delete a network's rules; those that are missing are success."""

    def add_endpoint(self, instance: str, rules: EndpointRules) -> None:
        """Add an endpoint's rules, and delete those that it had and has no longer.

        This is one transaction. The kernel forgets the UDP flows of ports that led elsewhere
        before. Other flows stay.
        """

    def remove_endpoint(self, rules: EndpointRules) -> None:
        """Delete an endpoint's rules and the UDP flows of its ports.

        Those that are missing are success.
        """

    def keep_for_host(self, ports: frozenset[UsedPort]) -> None:
        """Keep the ports that programs of the host use from being the source of endpoints' packets.

        UDP flows that leave by one of these ports are forgotten once the port was given twice. They
        go on by another. Ports that were given before and are missing now are no longer kept.
        """

    def missing_forwards(self, rules: EndpointRules) -> Sequence[Forward]:
        """Return those of an endpoint's ports that the table does not forward to it."""

    def missing_guard(self, rules: EndpointRules) -> Sequence[str]:
        """Return the elements of what an endpoint may send that the sets lack, as for a network."""

    def is_intact(self) -> bool:
        """Return whether the tables' rules are as they were loaded; their elements do not count.

        Before the first load there is nothing to differ from, so that is True.
        """

    def missing(self, rules: NetworkRules) -> Sequence[str]:
        """Return a network's elements that the sets lack, each as nft(8) writes it."""

    def known(self, bridge: str) -> NetworkRules | None:
        """Return the rules that the network of a bridge was given; None if there is none."""

    def outdated(self, rules: NetworkRules) -> Sequence[str]:
        """Return the elements that the network was given before and should not have any more."""

    def drifted(
        self, rules: Sequence[NetworkRules], endpoints: Sequence[EndpointRules]
    ) -> frozenset[str]:
        """Return the bridges, and the ids of endpoints, whose part of the tables is not right.

        The call is cheap while no program has changed any table since the last one that found
        nothing.
        """

    def unexpected(self, expected: ExpectedTables) -> Sequence[str]:
        """Return how the tables differ from what a start would load, a sentence each.

        This works in a process that has not loaded the tables.
        :meth:`missing_forwards` compares where ports lead, and :meth:`missing_guard` what endpoints
        may send.
        """

    def inspect_surroundings(self) -> Surroundings:
        """Return what else on this host decides about the daemon's packets."""

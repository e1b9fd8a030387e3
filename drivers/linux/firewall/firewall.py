"""The firewall: which networks and published ports the table should have, and keeping it so."""

import logging
import threading
from collections.abc import Container, Iterable, Sequence
from itertools import chain

from mynet.drivers.linux.firewall import conntrack
from mynet.drivers.linux.firewall.audit import differences
from mynet.drivers.linux.firewall.elements import Element, plain, text
from mynet.drivers.linux.firewall.fingerprint import generation
from mynet.drivers.linux.firewall.nft import TABLE_NAME
from mynet.drivers.linux.firewall.port_elements import by_forward, published
from mynet.drivers.linux.firewall.ruleset import TABLE, elements, ruleset
from mynet.drivers.linux.firewall.set_elements import missing_elements
from mynet.drivers.linux.firewall.table import Table
from mynet.drivers.linux.group_commit import GroupCommit
from mynet.drivers.linux.host_firewalls.inspect import inspect_surroundings
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.ports import Forward, PortForwards

logger = logging.getLogger(__name__)


class Firewall:
    """Keeps the table at the networks and the published ports that it was given.

    A table that another program has changed is loaded again with all of them.
    """

    def __init__(self) -> None:
        # Guards the table, from a decision to the kernel's reply, and the two dicts.
        self._lock = threading.Lock()
        self._table = Table()
        # The netlink ports by which the kernel names us when it notifies other programs.
        self.own_netlink_ports: Container[int] = self._table.own_netlink_ports
        self._rules: dict[str, NetworkRules] = {}  # by bridge
        self._forwards: dict[str, PortForwards] = {}  # by endpoint
        # The kernel takes 15 ms to remove an element, and hardly longer for a thousand.
        self._unpublishing = GroupCommit(self._unpublish, self._lock)
        # The generation of the kernel's tables when drifted() last found nothing.
        self._verified = -1

    def load(
        self, instance: str, rules: Iterable[NetworkRules], forwards: Iterable[PortForwards] = ()
    ) -> None:
        """Replace the table in one transaction, so that there is no moment without rules.

        Like: ``nft -f -``.
        """
        with self._lock:
            self._rules = {network.bridge: network for network in rules}
            self._forwards = {ports.endpoint_id: ports for ports in forwards}
            self._load(instance)

    def add(self, instance: str, rules: NetworkRules) -> None:
        """Add the network in one transaction, or bring it to other rules.

        A network that the kernel or nft refuses is not remembered, because the table could not be
        loaded with it again. Like: ``nft add element inet mynet ...``.
        """
        plain(rules.bridge)
        with self._lock:
            before = self._rules.get(rules.bridge)
            exists = self._table.change(elements(before) if before else (), elements(rules))
            self._rules[rules.bridge] = rules
            if not (exists and self._table.is_intact()):
                self._load_again(instance)

    def remove(self, rules: NetworkRules) -> None:
        """Remove the network in one transaction. Like: ``nft delete element inet mynet ...``."""
        with self._lock:
            self._rules.pop(rules.bridge, None)
            self._table.change(elements(rules), ())

    def publish(self, instance: str, forwards: PortForwards) -> None:
        """Lead an endpoint's ports to it, and no others, in one transaction.

        Flows to ports that led elsewhere before are forgotten afterwards: the kernel could remember
        a flow again as it was if it were forgotten before.
        Like: ``nft add element inet mynet pub4 ...; conntrack -D -p udp --orig-port-dst PORT``.
        """
        with self._lock:
            before = self._forwards.get(forwards.endpoint_id, PortForwards(forwards.endpoint_id))
            kept = [forward for forward in forwards.ports if forward in before.ports]
            lost = [forward for forward in _missing(before.ports) if forward in kept]
            if before == forwards and not lost:
                return
            if not self._table.change(published(before), published(forwards)):
                self._load_again(instance, forwards)
            self._forwards[forwards.endpoint_id] = forwards
        intact = [forward for forward in kept if forward not in lost]
        changed = {*before.ports, *forwards.ports}.difference(intact)
        conntrack.forget(changed)

    def unpublish(self, forwards: PortForwards) -> None:
        """Lead an endpoint's ports nowhere, then forget the flows to them.

        Endpoints that are unpublished at the same time share a transaction.
        Like: ``nft delete element inet mynet pub4 ...; conntrack -D -p udp --orig-port-dst PORT``.
        """
        self._unpublishing.submit([forwards])
        conntrack.forget(forwards.ports)

    def _unpublish(self, endpoints: Sequence[PortForwards]) -> None:
        """Remove the ports of endpoints in one transaction. Holds ``_lock``."""
        self._table.change(chain.from_iterable(map(self._forget, endpoints)), ())

    def _forget(self, forwards: PortForwards) -> Iterable[Element]:
        """Forget an endpoint, and return its elements. Holds ``_lock``.

        The ports of an unknown endpoint may be another endpoint's by now. Only those that still
        lead to it are returned then.
        """
        before = self._forwards.pop(forwards.endpoint_id, None)
        if before:
            return published(before)
        groups = chain.from_iterable(groups for _, groups in by_forward(forwards.ports))
        return chain.from_iterable(
            group for group in groups if not any(missing_elements(group[:1]))
        )

    def missing_forwards(self, forwards: PortForwards) -> Sequence[Forward]:
        """Return those of an endpoint's ports that the table does not lead to it.

        Like: ``nft get element inet mynet pub4 ...``.
        """
        with self._lock:
            return _missing(forwards.ports)

    def is_intact(self) -> bool:
        """Return whether table, chains and rules are as they were loaded, if they ever were.

        Like: ``nft -a -t list table inet mynet``.
        """
        with self._lock:
            return self._table.is_intact()

    def missing(self, rules: NetworkRules) -> Sequence[str]:
        """Return the elements of a network that the table lacks, in the words of nft(8).

        Before the first :meth:`load` nothing is missing.
        """
        with self._lock:
            if not self._table.is_loaded:
                return ()
            return [
                f"{text(element)} in the set {element.set}"
                for element in missing_elements(elements(rules))
            ]

    def drifted(
        self, rules: Sequence[NetworkRules], forwards: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Return the bridges, and the ids of endpoints, that the table is not right for.

        While no program has changed any table since this found nothing, it asks the kernel one
        question. Like: ``nft list ruleset``.
        """
        now = generation()
        if now == self._verified:
            return frozenset()
        if not self.is_intact():
            return frozenset(
                [network.bridge for network in rules] + [ports.endpoint_id for ports in forwards]
            )
        names = [network.bridge for network in rules if self.missing(network)]
        names += [ports.endpoint_id for ports in forwards if self.missing_forwards(ports)]
        if not names:
            self._verified = now
        return frozenset(names)

    def unexpected(
        self,
        instance: str,
        rules: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        forwards: Iterable[PortForwards],
    ) -> Sequence[str]:
        """Return a sentence for each difference from the table that a start would load.

        The table must have the elements of ``rules``, and may have those of ``possible`` and
        ``forwards``, but no others. Like: ``nft -s list table inet mynet``, there and here.
        """
        return list(differences(instance, rules, possible, forwards))

    def inspect_surroundings(self) -> Surroundings:
        """Return what else on this host decides about the daemon's packets.

        Like: ``nft list chains; sysctl net.bridge``.
        """
        with self._lock:
            forwards = [forward for ports in self._forwards.values() for forward in ports.ports]
        return inspect_surroundings(TABLE, frozenset(forward.target for forward in forwards))

    def _load_again(self, instance: str, *more: PortForwards) -> None:
        """Load a table that another program has deleted or changed. Holds ``_lock``."""
        logger.warning("another program changed %s: it is loaded again", TABLE_NAME)
        self._load(instance, *more)

    def _load(self, instance: str, *more: PortForwards) -> None:
        """Load the table with all networks and ports, and with ``more``. Holds ``_lock``."""
        forwards = self._forwards | {ports.endpoint_id: ports for ports in more}
        self._table.load(ruleset(instance, self._rules.values(), forwards.values()))


def _missing(forwards: Iterable[Forward]) -> Sequence[Forward]:
    return [
        forward
        for forward, groups in by_forward(forwards)
        if any(missing_elements(chain.from_iterable(groups)))
    ]

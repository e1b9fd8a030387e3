"""The endpoints that the tables should have, and the elements of each.

A sandbox on several networks sends by the interface of its best route, whatever the source is: the
answers of a published port on one network leave by another. So each port lets the addresses pass
that the sandbox has on other networks, as sources of IP packets alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mynet.drivers.linux.firewall.elements.element import Element
from mynet.drivers.linux.firewall.elements.guard import OPEN_BRIDGES, sandbox_elements
from mynet.drivers.linux.firewall.elements.ports import HELD
from mynet.drivers.linux.firewall.ruleset import endpoint_elements
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.ports import UsedPort

# The sets that several endpoints have the same element in.
_SHARED: Final = HELD | {OPEN_BRIDGES}


class Endpoints:
    """Endpoints by their ids, and by their sandboxes. Callers serialise all methods."""

    def __init__(self, endpoints: Iterable[EndpointRules] = ()) -> None:
        self._by_id: dict[str, EndpointRules] = {}
        self._by_sandbox: dict[int, dict[str, EndpointRules]] = {}
        # How many endpoints have an element of the sets that they share.
        self._uses: Counter[Element] = Counter()
        for rules in endpoints:
            self.put(rules)

    def get(self, endpoint_id: str) -> EndpointRules:
        """Return the rules of an endpoint, empty ones for an unknown endpoint."""
        return self._by_id.get(endpoint_id, EndpointRules(endpoint_id))

    def put(self, rules: EndpointRules) -> None:
        """Remember an endpoint in place of what it was."""
        self.pop(rules.endpoint_id)
        if not any(endpoint_elements(rules)):
            return
        self._by_id[rules.endpoint_id] = rules
        self._uses.update(_shareable(rules))
        if rules.guard and rules.guard.sandbox:
            self._by_sandbox.setdefault(rules.guard.sandbox, {})[rules.endpoint_id] = rules

    def pop(self, endpoint_id: str) -> EndpointRules | None:
        """Forget an endpoint; return its rules if it was known."""
        rules = self._by_id.pop(endpoint_id, None)
        for element in _shareable(rules) if rules else ():
            self._uses[element] -= 1
            if not self._uses[element]:
                del self._uses[element]
        if rules and rules.guard and rules.guard.sandbox:
            of_sandbox = self._by_sandbox[rules.guard.sandbox]
            del of_sandbox[endpoint_id]
            if not of_sandbox:
                del self._by_sandbox[rules.guard.sandbox]
        return rules

    def shared(self, rules: EndpointRules) -> set[Element]:
        """Return the elements of an endpoint that other endpoints have, too."""
        known = self._by_id.get(rules.endpoint_id)
        own = _shareable(known) if known else ()
        return {element for element in _shareable(rules) if self._uses[element] > (element in own)}

    def all(self) -> Sequence[EndpointRules]:
        """Return all endpoints."""
        return list(self._by_id.values())

    def published_ports(self) -> frozenset[UsedPort]:
        """Return the ports of the host that are published."""
        return frozenset(
            UsedPort(forward.protocol, forward.host_port + number, forward.target.version)
            for rules in self._by_id.values()
            for forward in rules.forwards
            for number in range(forward.count)
        )

    def elements(self, rules: EndpointRules) -> Iterator[Element]:
        """Yield the elements of an endpoint, and those between it and others of its sandbox."""
        yield from endpoint_elements(rules)
        if rules.guard is None:
            return
        for other in self._by_sandbox.get(rules.guard.sandbox, {}).values():
            if other.endpoint_id != rules.endpoint_id and other.guard:
                yield from sandbox_elements(rules.guard, other.guard)
                yield from sandbox_elements(other.guard, rules.guard)


def _shareable(rules: EndpointRules) -> frozenset[Element]:
    """Return the elements of an endpoint that others may have, too."""
    return frozenset(element for element in endpoint_elements(rules) if element.set in _SHARED)

"""UpdateNetwork: labels, and the options that can change while a network is in use.

Order: check the request -> driver -> check that the caller still waits -> record -> reply. Until it
is written, the record has the network as it was. After a failure, the driver is brought back to the
record; after a crash, the next start does so.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import Driver, NetworkRequest, NetworkUpdate
from mynet.drivers.errors import CapabilityUnsupported
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import is_under_way, on_completion, rollback
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.model.changes import NetworkChange
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import MAX_LABELS, Network, NetworkReport, NetworkState
from mynet.server.network.scope_rules import require_in_scope
from mynet.server.network.selectors import require_ready
from mynet.server.plugins.catalog import Catalog
from mynet.server.plugins.options import fixed_options, network_violations
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class NetworkUpdates:
    """Updates networks."""

    store: Store
    drivers: Catalog[Driver]
    locks: KeyedLocks

    def update(self, call: Call, selector: str, change: NetworkChange) -> NetworkReport:
        """Change a network and return it; a failure leaves it as it was. The call is idempotent.

        Raises NetworkNotFound, Ambiguous, OutOfScope, Busy, InvalidArgument, CapabilityUnsupported,
        CallerGone, and what the driver raises.
        """
        network_id = self.store.networks.find(selector, call.caller.scope).id
        with self.locks.exclusive(call, "network", network_id):
            network = self.store.networks.find(network_id)
            require_ready(network)
            changed = self._checked(network, change)
            require_in_scope(call.caller, changed.name, changed.spec.labels)
            # The driver gets options even where they did not change, as another program may have
            # damaged what it made of them.
            if change.options:
                network = self._apply(call, network, changed)
            elif changed != network:
                network = self.store.networks.put(changed)
            return NetworkReport(network, len(self.store.endpoints.of_network(network.id)))

    def settle(self, call: Call, network: Network, endpoints: Sequence[Endpoint]) -> None:
        """Bring a network, and its endpoints as far as they exist, to the network's record."""
        request = NetworkUpdate(
            network.for_driver(), tuple(endpoint.for_driver(network) for endpoint in endpoints)
        )
        driver = self.drivers.get(network.spec.driver)
        driver.run(call, Driver.update, request, subject=f"network {network.id}")

    def _checked(self, network: Network, change: NetworkChange) -> Network:
        """Return the network with the change applied.

        Raises InvalidArgument and CapabilityUnsupported.
        """
        spec = replace(
            network.spec,
            labels=change.labels.applied(network.spec.labels),
            options=change.options.applied(network.spec.options),
        )
        violations = [
            Violation(name, f"there would be {len(entries)}; up to {MAX_LABELS} are kept")
            for name, entries in (("labels", spec.labels), ("options", spec.options))
            if len(entries) > MAX_LABELS
        ]
        fixed: Mapping[str, str] = {}
        if change.options:
            info = self.drivers.get(spec.driver).implementation.info
            versions = frozenset(subnet.cidr.version for subnet in network.subnets)
            violations += network_violations(
                "", NetworkRequest(spec.options, versions, spec.internal), info
            )
            fixed = fixed_options(info.options, network.spec.options, spec.options)
        if violations:
            raise InvalidArgument(violations)
        if fixed:
            raise _cannot_change(network, fixed)
        return replace(network, spec=spec)

    def _apply(self, call: Call, network: Network, changed: Network) -> Network:
        """Change the driver, then the record; a failure brings the driver back to the record."""
        try:
            self.settle(call, changed, self.store.endpoints.of_network(network.id))
            require_caller(call)
            return self.store.networks.put(changed) if changed != network else network
        except Exception as error:
            on_completion(error, partial(self._roll_back, call, network, error))
            raise

    def _roll_back(self, call: Call, network: Network, error: Exception) -> None:
        """Bring the driver back to the record.

        Where the driver's verb was still under way, the network's lock was released meanwhile.
        """
        rollback_call = call.for_rollback()
        with rollback(error, f"update network {network.name}"), ExitStack() as held:
            if is_under_way(error):
                held.enter_context(self.locks.exclusive(rollback_call, "network", network.id))
            recorded = self.store.networks.get(network.id)
            if recorded and recorded.state is NetworkState.READY:
                self.settle(rollback_call, recorded, self.store.endpoints.of_network(network.id))


def _cannot_change(network: Network, fixed: Mapping[str, str]) -> CapabilityUnsupported:
    """Return the error for options that cannot change, with what to do instead."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in fixed.items())
    return CapabilityUnsupported(
        f"these options of network {network.name} cannot change while it exists ({reasons}). Create"
        " another network with the options, connect the containers there, then delete this one",
        resource=f"network {network.name}",
        metadata=fixed,
    )

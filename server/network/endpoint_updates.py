"""UpdateEndpoint: ports, labels, and the options that can change while an endpoint is in use.

Order: check the request -> reserve the host's new ports -> driver -> check that the caller still
waits -> record -> release the ports that were removed -> reply. Until it is written, the record has
the endpoint as it was. After a failure, ports and driver are brought back to the record; after a
crash, the next start does so.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import PORTS, Driver, DriverInfo, PortMapping
from mynet.drivers.errors import CapabilityUnsupported
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import is_under_way, never_began, on_completion, rollback
from mynet.server.errors import Busy, InvalidArgument, Violation
from mynet.server.model.changes import EndpointChange, Published
from mynet.server.model.endpoints import Endpoint, EndpointSelector, EndpointState
from mynet.server.model.networks import MAX_LABELS, Network
from mynet.server.network import port_rules
from mynet.server.network.attachments import Attachments
from mynet.server.network.port_allocator import PortAllocator
from mynet.server.network.selectors import EndpointFinder
from mynet.server.plugins.catalog import Catalog
from mynet.server.plugins.options import endpoint_violations, fixed_options
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class EndpointUpdates:
    """Updates endpoints."""

    store: Store
    drivers: Catalog[Driver]
    locks: KeyedLocks
    ports: PortAllocator
    attachments: Attachments
    finder: EndpointFinder

    def update(self, call: Call, selector: EndpointSelector, change: EndpointChange) -> Endpoint:
        """Change an endpoint and return it; a failure leaves it as it was. The call is idempotent.

        Raises EndpointNotFound, Ambiguous, Busy, InvalidArgument, CapabilityUnsupported,
        PortInUse, PortsExhausted, CallerGone, and what the driver raises.
        """
        selected = self.finder.one(selector, call.caller.scope)
        with self.locks.endpoint(call, selected):
            endpoint = self.finder.one(EndpointSelector(endpoint=selected.id), call.caller.scope)
            if endpoint.state is not EndpointState.READY:
                raise _not_ready(endpoint)
            network = self.store.networks.find(endpoint.network_id)
            info = self.drivers.get(network.spec.driver).implementation.info
            changed = _checked(network, endpoint, change, info)
            port_rules.require_publishable(network, change.ports.put, info)
            # The driver gets ports and options even where they did not change, as another program
            # may have damaged their rules.
            if change.options or (change.ports and PORTS in info.capabilities):
                return self._apply(call, network, endpoint, changed, change.ports.put)
            return self.store.endpoints.put(changed) if changed != endpoint else endpoint

    def _apply(
        self,
        call: Call,
        network: Network,
        endpoint: Endpoint,
        changed: Endpoint,
        asked: Sequence[PortMapping],
    ) -> Endpoint:
        """Change ports and driver, then the record; a failure brings them back to the record."""
        changed = self.ports.allocate(network, changed, asked, endpoint.ports)
        try:
            self.attachments.update(call, network, changed)
            require_caller(call)
            if changed != endpoint:
                changed = self.store.endpoints.republish(changed, network.versions)
        except Exception as error:
            on_completion(error, partial(self._roll_back, call, endpoint, error))
            raise
        self.ports.settle(network, changed)
        return changed

    def _roll_back(self, call: Call, endpoint: Endpoint, error: Exception) -> None:
        """Bring driver and ports back to the record.

        Where the driver's verb was still under way, the endpoint's locks were released meanwhile.
        """
        rollback_call = call.for_rollback()
        with rollback(error, f"update endpoint {endpoint.id}"), ExitStack() as held:
            if is_under_way(error):
                held.enter_context(self.locks.endpoint(rollback_call, endpoint))
            if recorded := self.store.endpoints.get(endpoint.id):
                network = self.store.networks.find(recorded.network_id)
                held.callback(self.ports.settle, network, recorded)
                if recorded.state is EndpointState.READY and not never_began(error):
                    self.attachments.update(rollback_call, network, recorded)


def _checked(
    network: Network, endpoint: Endpoint, change: EndpointChange, info: DriverInfo
) -> Endpoint:
    """Return the endpoint with the change applied.

    Raises InvalidArgument and CapabilityUnsupported.
    """
    before = tuple(map(Published, endpoint.spec.ports, endpoint.ports))
    ports = change.ports.applied(before)
    spec = replace(
        endpoint.spec,
        labels=change.labels.applied(endpoint.spec.labels),
        ports=tuple(published.spec for published in ports),
        options=change.options.applied(endpoint.spec.options),
    )
    changed = replace(endpoint, spec=spec, ports=tuple(published.port for published in ports))
    violations = [
        *port_rules.port_violations(network, change.ports.put, info.address_versions(spec.options)),
        *(Violation("ports", sentence) for sentence in _conflicts(changed.ports)),
    ]
    violations += [
        Violation(name, f"there would be {len(entries)}; up to {MAX_LABELS} are kept")
        for name, entries in (("labels", spec.labels), ("options", spec.options))
        if len(entries) > MAX_LABELS
    ]
    fixed: Mapping[str, str] = {}
    if change.options:
        violations += endpoint_violations(spec.options, info)
        fixed = fixed_options(info.endpoint_options, endpoint.spec.options, spec.options)
    if violations:
        raise InvalidArgument(violations)
    if fixed:
        raise _cannot_change(endpoint, fixed)
    return changed


def _conflicts(ports: Sequence[PortMapping]) -> Iterator[str]:
    """Yield a sentence for each conflict between ports of one endpoint."""
    for first, second in port_rules.clashes(ports):
        new, old = port_rules.shown(ports[second]), port_rules.shown(ports[first])
        yield f"{new} has ports of the host that {old} has already; remove that in the same call"
    yield from port_rules.too_many(ports)


def _cannot_change(endpoint: Endpoint, fixed: Mapping[str, str]) -> CapabilityUnsupported:
    """Return the error for options that cannot change, with what to do instead."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in fixed.items())
    return CapabilityUnsupported(
        f"these options of endpoint {endpoint.id[:12]} cannot change while it exists ({reasons})."
        " Disconnect it, and connect it again with the options",
        resource=f"endpoint {endpoint.id}",
        metadata=fixed,
    )


def _not_ready(endpoint: Endpoint) -> Busy:
    """Return the error for an endpoint that is being connected or disconnected."""
    return Busy(
        f"endpoint {endpoint.id[:12]} is {endpoint.state.value}; connect its container again, or"
        " disconnect it",
        resource=f"endpoint {endpoint.id}",
    )

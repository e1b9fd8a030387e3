"""Connect: a new endpoint, or an existing one that is repaired or moves to its new sandbox.

Order of a Connect: reserve the host's ports -> record {CONNECTING, with all names} -> addresses ->
driver -> check that the caller still waits -> record {READY} -> reply. A failure tears down what
the record names. So do Disconnect, and the next start after a crash.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import Driver
from mynet.server import errors
from mynet.server.addressing.leases import Leases
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import on_completion, rollback
from mynet.server.host import Host, boot_id
from mynet.server.model.endpoints import Endpoint, EndpointSpec, EndpointState, Place, SandboxSpec
from mynet.server.model.networks import Network
from mynet.server.network.attachments import Attachments
from mynet.server.network.planning import Planner
from mynet.server.network.port_rules import port_violations, require_publishable
from mynet.server.network.selectors import EndpointFinder, require_ready
from mynet.server.plugins.catalog import Catalog
from mynet.server.plugins.options import endpoint_violations
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class Connector:
    """Connects containers to networks."""

    store: Store
    drivers: Catalog[Driver]
    leases: Leases
    locks: KeyedLocks
    host: Host
    planner: Planner
    attachments: Attachments
    finder: EndpointFinder

    def connect(
        self, call: Call, selector: str, spec: EndpointSpec, sandbox: SandboxSpec | None
    ) -> Endpoint:
        """Connect a container, or return its endpoint repaired. A failure leaves nothing.

        Raises NetworkNotFound, SandboxNotFound, Busy, InvalidArgument, EndpointExists,
        CapabilityUnsupported, PortInUse, PortsExhausted, CallerGone, and what backend and driver
        raise.
        """
        network_id = self.store.networks.find(selector, call.caller.scope).id
        identify = self.host.sandboxes.identify
        place = Place(identify(sandbox.path), sandbox.pid) if sandbox else Place()
        with ExitStack() as held:
            held.enter_context(self.locks.exclusive(call, "container", spec.container_id))
            if place.sandbox:
                held.enter_context(self.locks.exclusive(call, "sandbox", place.sandbox.cookie))
            held.enter_context(self.locks.shared(call, "network", network_id))
            network = self.store.networks.find(network_id)
            require_ready(network)
            self._check_spec(network, spec)
            if existing := self._same_key(call, network, spec):
                return self._again(call, network, existing, spec, place)
            endpoint = self.planner.endpoint(network, spec, place)
            endpoint = replace(endpoint, taken=self.leases.held_by(call, network, spec))
            return self._make(call, network, self.attachments.record(network, endpoint))

    def _check_spec(self, network: Network, spec: EndpointSpec) -> None:
        """Raise for options, ports and addresses that the driver or the network does not have.

        Raises InvalidArgument, CapabilityUnsupported and AddressOutOfRange.
        """
        info = self.drivers.get(network.spec.driver).implementation.info
        versions = info.address_versions(spec.options)
        if violations := [
            *endpoint_violations(spec.options, info),
            *port_violations(network, spec.ports, versions),
            *self.leases.violations(network, spec, versions),
        ]:
            raise errors.InvalidArgument(violations)
        require_publishable(network, spec.ports, info)
        self.leases.check(network, spec)

    def _same_key(self, call: Call, network: Network, spec: EndpointSpec) -> Endpoint | None:
        """Return the READY endpoint with the same natural key; remove one that is not READY."""
        existing = self.finder.same_key(network, spec)
        if existing and existing.state is not EndpointState.READY:
            self.attachments.tear_down(call, (network, existing))
            return None
        return existing

    def _again(
        self, call: Call, network: Network, existing: Endpoint, spec: EndpointSpec, place: Place
    ) -> Endpoint:
        """Return the existing endpoint for the same spec. Raises EndpointExists for another."""
        if spec.interface == existing.interface:  # it selects the endpoint
            spec = replace(spec, interface=existing.spec.interface)
        if differing := spec.differs_from(existing.spec):
            raise _exists(existing, f"with another spec: {', '.join(differing)}")
        before, now = existing.place.sandbox, place.sandbox
        if before is None or now is None:
            if before is now:
                return self._repaired(call, network, existing)
            raise _exists(existing, "with a sandbox" if before else "without a sandbox")
        same_boot = existing.boot_id == boot_id()
        if same_boot and before.cookie == now.cookie:
            if place != existing.place:  # another path to the sandbox: the old one may be gone
                existing = self.store.endpoints.put(replace(existing, place=place))
            return self._repaired(call, network, existing)
        if same_boot and self.host.sandboxes.exists(before):
            raise _exists(existing, f"in another sandbox, {before.path}")
        return self._move(call, network, existing, place)

    def _repaired(self, call: Call, network: Network, existing: Endpoint) -> Endpoint:
        """Return an existing endpoint, and repair what another program has damaged of it."""
        self.attachments.reacquire_ports(network, existing)
        return self.attachments.repair(call, network, existing)

    def _move(self, call: Call, network: Network, existing: Endpoint, place: Place) -> Endpoint:
        """Move the endpoint of a sandbox that is gone into its successor.

        Where that fails, the record stays as it was, with its addresses, for the next call.
        """
        self.attachments.reacquire_ports(network, existing)
        self.attachments.detach(call, network, existing)
        moved = self.store.endpoints.put(self.planner.moved(existing, place))
        try:
            return self.attachments.finish(call, network, moved)
        except Exception as error:
            on_completion(error, partial(self._move_back, call, network, moved, existing, error))
            raise

    def _make(self, call: Call, network: Network, endpoint: Endpoint) -> Endpoint:
        """Finish a recorded endpoint, or tear it down."""
        try:
            return self.attachments.finish(call, network, endpoint)
        except Exception as error:
            on_completion(
                error, partial(self.attachments.roll_back, call, network, endpoint, error)
            )
            raise

    def _move_back(
        self, call: Call, network: Network, moved: Endpoint, existing: Endpoint, error: Exception
    ) -> None:
        with rollback(error, f"move endpoint {existing.id}"):
            self.attachments.detach(call.for_rollback(), network, moved)
            self.store.endpoints.put(existing)


def _exists(existing: Endpoint, how: str) -> errors.EndpointExists:
    """Return the error for a natural key that an endpoint has."""
    return errors.EndpointExists(
        f"container {existing.spec.container_id} is on network {existing.network} already, {how}"
        f" (endpoint {existing.id[:12]}, {existing.interface}); disconnect it first, or name"
        " another interface",
        resource=f"endpoint {existing.id}",
        holder=existing.spec.container_id,
    )

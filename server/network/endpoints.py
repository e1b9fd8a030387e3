"""Endpoints: Connect, Disconnect, and finding them.

Order of a Connect: reserve the host's ports -> record {CONNECTING, with all names} -> addresses ->
driver -> check that the caller still waits -> record {READY} -> reply. A failure tears down what
the record names. So do Disconnect, and the next start after a crash.
"""

import contextvars
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import Driver
from mynet.server import errors
from mynet.server.addressing.leases import Leases
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import after_late_verb, on_completion, rollback
from mynet.server.host import Host, boot_id
from mynet.server.model.endpoints import (
    Endpoint,
    EndpointSelector,
    EndpointSpec,
    EndpointState,
    Place,
    SandboxSpec,
)
from mynet.server.model.networks import Network
from mynet.server.network.attachments import Attachments
from mynet.server.network.planning import Planner
from mynet.server.network.port_rules import port_violations, require_publishable
from mynet.server.network.selectors import EndpointFinder, require_ready
from mynet.server.plugins.catalog import Catalog
from mynet.server.plugins.options import endpoint_violations
from mynet.server.store import Store

_AT_ONCE = 16  # endpoints that one call removes at a time: fewer than a plugin has threads


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of this daemon."""

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
        network_id = self.store.networks.find(selector).id
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

    def disconnect(
        self, call: Call, selector: EndpointSelector, *, allow_missing: bool
    ) -> Sequence[Endpoint]:
        """Disconnect the selected endpoints and return them as they were.

        Raises EndpointNotFound and NetworkNotFound, unless ``allow_missing``; Ambiguous, and what
        backend and driver raise.
        """
        try:
            selected = self.finder.several(selector)
        except (errors.EndpointNotFound, errors.NetworkNotFound):
            if allow_missing:
                return []
            raise
        return self.remove_all(call, selected)

    def remove_all(self, call: Call, endpoints: Sequence[Endpoint]) -> Sequence[Endpoint]:
        """Remove endpoints, several at a time: the kernel deletes many links at the cost of one.

        The first is removed in the caller's thread, so an ordinary Disconnect needs no other.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            tasks = [
                pool.submit(contextvars.copy_context().run, self.remove, call, endpoint.id)
                for endpoint in endpoints[1:]
            ]
            removed = [self.remove(call, endpoint.id) for endpoint in endpoints[:1]]
        removed += [task.result() for task in tasks]
        return [endpoint for endpoint in removed if endpoint]

    def remove(self, call: Call, endpoint_id: str) -> Endpoint | None:
        """Remove one endpoint and return it as it was, or None where it does not exist."""
        known = self.store.endpoints.get(endpoint_id)
        if known is None:
            return None
        with self.locks.endpoint(call, known):
            endpoint = self.store.endpoints.get(endpoint_id)
            if endpoint:
                self._finish(call, self.store.networks.find(endpoint.network_id), endpoint)
        return endpoint

    def check(
        self, call: Call, selector: EndpointSelector
    ) -> tuple[Endpoint, Sequence[str], Sequence[str]]:
        """Return an endpoint, how the kernel differs from it, and what of it is not compared.

        The last two are sentences.

        Raises EndpointNotFound, NetworkNotFound, Ambiguous, and what the driver raises.
        """
        endpoint = self.finder.one(selector)
        network = self.store.networks.find(endpoint.network_id)
        differences = self.attachments.differences(call, network, endpoint)
        return endpoint, differences, self.attachments.notes(call, network, endpoint)

    def page(
        self, selector: EndpointSelector, labels: Mapping[str, str], after: int, limit: int
    ) -> Sequence[tuple[int, Endpoint]]:
        """Return endpoints of a network and a container with all labels, each with its page key."""
        network_id = self.store.networks.find(selector.network).id if selector.network else ""

        def wanted(endpoint: Endpoint) -> bool:
            return (
                endpoint.network_id.startswith(network_id)
                and selector.container_id in ("", endpoint.spec.container_id)
                and labels.items() <= endpoint.spec.labels.items()
            )

        return self.store.endpoints.page(after, limit, wanted)

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
            if (
                place != existing.place
            ):  # another path to the same sandbox, as the old one may be gone
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
            on_completion(error, partial(self._roll_back, call, network, endpoint, error))
            raise

    def _move_back(
        self, call: Call, network: Network, moved: Endpoint, existing: Endpoint, error: Exception
    ) -> None:
        with rollback(error, f"move endpoint {existing.id}"):
            self.attachments.detach(call.for_rollback(), network, moved)
            self.store.endpoints.put(existing)

    def _roll_back(
        self, call: Call, network: Network, endpoint: Endpoint, error: Exception
    ) -> None:
        with rollback(error, f"connect endpoint {endpoint.id}"):
            self.attachments.tear_down(call.for_rollback(), (network, endpoint))

    def _finish(self, call: Call, network: Network, endpoint: Endpoint) -> None:
        """Record the intent to disconnect, then tear down, if need be after a late driver."""
        if endpoint.state is EndpointState.READY:
            endpoint = self.store.endpoints.put(
                replace(endpoint, state=EndpointState.DISCONNECTING)
            )
        with after_late_verb(partial(self._roll_back, call, network, endpoint)):
            self.attachments.tear_down(call, (network, endpoint))


def _exists(existing: Endpoint, how: str) -> errors.EndpointExists:
    """Return the error for a natural key that an endpoint has."""
    return errors.EndpointExists(
        f"container {existing.spec.container_id} is on network {existing.network} already, {how}"
        f" (endpoint {existing.id[:12]}, {existing.interface}); disconnect it first, or name"
        " another interface",
        resource=f"endpoint {existing.id}",
        holder=existing.spec.container_id,
    )

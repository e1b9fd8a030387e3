"""Endpoints: Disconnect, checking them, and listing them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.errors import DriverError
from mynet.server import errors
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.parallel import Parallel
from mynet.server.calls.rollback import after_late_verb
from mynet.server.model.endpoints import Endpoint, EndpointSelector, EndpointState
from mynet.server.model.networks import Network
from mynet.server.network.attachments import Attachments
from mynet.server.network.selectors import EndpointFinder
from mynet.server.store import Store
from mynet.server.store.visible import Visible

# Endpoints that are removed at a time: they wait for the kernel, and it deletes them together.
REMOVED_AT_ONCE = 16
_IN_PROGRESS = "Another call is changing it, so it was not compared with the kernel."


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of this daemon."""

    store: Store
    locks: KeyedLocks
    attachments: Attachments
    finder: EndpointFinder
    parallel: Parallel

    def disconnect(
        self, call: Call, selector: EndpointSelector, *, allow_missing: bool
    ) -> Sequence[Endpoint]:
        """Disconnect the selected endpoints and return them as they were.

        Raises EndpointNotFound and NetworkNotFound, unless ``allow_missing``; Ambiguous, and what
        backend and driver raise.
        """
        try:
            selected = self.finder.several(selector, call.caller.scope)
        except (errors.EndpointNotFound, errors.NetworkNotFound):
            if allow_missing:
                return []
            raise
        return self.remove_all(call, selected)

    def remove_all(self, call: Call, endpoints: Sequence[Endpoint]) -> Sequence[Endpoint]:
        """Remove endpoints, several at a time: the kernel deletes many links at the cost of one."""
        parts = [partial(self.remove, call, endpoint.id) for endpoint in endpoints]
        removed = [outcome.result() for outcome in self.parallel.run(parts, REMOVED_AT_ONCE)]
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

        The last two are sentences. An endpoint that another call is connecting or removing is not
        compared: its record names what is not there yet, or not any more.

        Raises EndpointNotFound, NetworkNotFound, Ambiguous, and what the driver raises.
        """
        endpoint = self.finder.one(selector, call.caller.scope)
        network = self.store.networks.find(endpoint.network_id)
        in_progress = endpoint, (), (_IN_PROGRESS,)
        if not endpoint.is_ready_on(network):
            return in_progress
        try:
            differences = self.attachments.differences(call, network, endpoint)
            notes = self.attachments.notes(call, network, endpoint)
        except DriverError:
            if self._is_as_before(network, endpoint):
                raise
            return in_progress
        return (
            (endpoint, differences, notes) if self._is_as_before(network, endpoint) else in_progress
        )

    def _is_as_before(self, network: Network, endpoint: Endpoint) -> bool:
        """Return whether no call has begun to change or remove an endpoint or its network."""
        now = self.store.networks.current(network)
        return bool(
            now and endpoint.is_ready_on(now) and self.store.endpoints.current(endpoint) == endpoint
        )

    def page(
        self,
        call: Call,
        selector: EndpointSelector,
        labels: Mapping[str, str],
        after: int,
        limit: int,
    ) -> Sequence[tuple[int, Endpoint]]:
        """Return endpoints of a network and a container with all labels, each with its page key."""
        visible = Visible(self.store, call.caller.scope)
        network_id = visible.network(selector.network).id if selector.network else ""

        def wanted(endpoint: Endpoint) -> bool:
            return (
                endpoint.network_id.startswith(network_id)
                and selector.container_id in ("", endpoint.spec.container_id)
                and labels.items() <= endpoint.spec.labels.items()
                and visible.has_network(endpoint.network_id)
            )

        return self.store.endpoints.page(after, limit, wanted)

    def _finish(self, call: Call, network: Network, endpoint: Endpoint) -> None:
        """Record the intent to disconnect, then tear down, if need be after a late driver."""
        if endpoint.state is EndpointState.READY:
            endpoint = self.store.endpoints.put(
                replace(endpoint, state=EndpointState.DISCONNECTING)
            )
        with after_late_verb(partial(self.attachments.roll_back, call, network, endpoint)):
            self.attachments.tear_down(call, (network, endpoint))

"""UpdateEndpoint: ports and labels of an endpoint while it is in use.

Order: is it sound? -> take the host's ports that are new -> driver -> is the caller still there? ->
record -> let go of those that are not its any more -> answer. Until the record is written it says
what the endpoint was: whatever goes wrong on the way, ports and driver are brought back to what the
record says, and after a crash the next start does so.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from mynet.drivers.api import PORTS, Driver, PortMapping
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import is_under_way, on_completion, rollback
from mynet.server.errors import Busy, InvalidArgument, Violation
from mynet.server.model.changes import EndpointChange, Published
from mynet.server.model.endpoints import Endpoint, EndpointSelector, EndpointState
from mynet.server.model.networks import MAX_LABELS, Network
from mynet.server.network.port_allocator import PortAllocator
from mynet.server.network.port_rules import (
    clashes,
    port_violations,
    require_publishable,
    shown,
    too_many,
)
from mynet.server.network.selectors import EndpointFinder
from mynet.server.plugins.catalog import Catalog
from mynet.server.store import Store


class EndpointUpdates:
    """Changes of endpoints that are there."""

    def __init__(
        self, store: Store, drivers: Catalog[Driver], locks: KeyedLocks, ports: PortAllocator
    ) -> None:
        self._store = store
        self._drivers = drivers
        self._locks = locks
        self._ports = ports
        self._finder = EndpointFinder(store)

    def update(self, call: Call, selector: EndpointSelector, change: EndpointChange) -> Endpoint:
        """Change an endpoint; a failure leaves it as it was. Asking twice is asking once."""
        found = self._finder.one(selector)
        with self._locks.endpoint(call, *_keys(found)):
            endpoint = self._finder.one(EndpointSelector(endpoint=found.id))
            if endpoint.state is not EndpointState.READY:
                raise _not_ready(endpoint)
            network = self._store.networks.find(endpoint.network_id)
            info = self._drivers.get(network.spec.driver).implementation.info
            changed = _checked(network, endpoint, change)
            require_publishable(network, change.ports.put, info)
            # Ports that are as asked for already are told all the same: somebody may have damaged
            # what the driver made of them.
            if change.ports and PORTS in info.capabilities:
                return self._apply(call, network, endpoint, changed, change.ports.put)
            return self._store.endpoints.put(changed) if changed != endpoint else endpoint

    def _apply(
        self,
        call: Call,
        network: Network,
        endpoint: Endpoint,
        changed: Endpoint,
        asked: Sequence[PortMapping],
    ) -> Endpoint:
        """Have the driver change it, then record it; or bring all back to what the record says."""
        changed = self._ports.allocate(network, changed, asked, endpoint.ports)
        try:
            self._tell(call, network, changed)
            require_caller(call)
            if changed != endpoint:
                changed = self._store.endpoints.republish(changed, network.versions)
        except Exception as error:
            on_completion(error, partial(self._take_back, call, endpoint, error))
            raise
        self._ports.settle(network, changed)
        return changed

    def _tell(self, call: Call, network: Network, endpoint: Endpoint) -> None:
        driver = self._drivers.get(network.spec.driver)
        request = endpoint.for_driver(network)
        driver.run(call, Driver.update_endpoint, request, subject=f"endpoint {endpoint.id}")

    def _take_back(self, call: Call, endpoint: Endpoint, error: Exception) -> None:
        """Tell driver and ports what the record says; they were told something else.

        Where the driver was under way, the endpoint's locks were let go of in the meantime.
        """
        rollback_call = call.for_rollback()
        with rollback(error, f"update endpoint {endpoint.id}"), ExitStack() as held:
            if is_under_way(error):
                held.enter_context(self._locks.endpoint(rollback_call, *_keys(endpoint)))
            if recorded := self._store.endpoints.get(endpoint.id):
                network = self._store.networks.find(recorded.network_id)
                held.callback(self._ports.settle, network, recorded)
                if recorded.state is EndpointState.READY:
                    self._tell(rollback_call, network, recorded)


def _checked(network: Network, endpoint: Endpoint, change: EndpointChange) -> Endpoint:
    """Return the endpoint as it is to be. Raises InvalidArgument."""
    before = tuple(map(Published, endpoint.spec.ports, endpoint.ports))
    ports = change.ports.applied(before)
    spec = replace(
        endpoint.spec,
        labels=change.labels.applied(endpoint.spec.labels),
        ports=tuple(each.spec for each in ports),
    )
    changed = replace(endpoint, spec=spec, ports=tuple(each.port for each in ports))
    faults = [
        *port_violations(network, change.ports.put),
        *(Violation("ports", fault) for fault in _crowd_faults(changed.ports)),
    ]
    if len(spec.labels) > MAX_LABELS:
        fault = f"there would be {len(spec.labels)}; up to {MAX_LABELS} are kept"
        faults.append(Violation("labels", fault))
    if faults:
        raise InvalidArgument(faults)
    return changed


def _keys(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.spec.container_id, endpoint.network_id


def _crowd_faults(ports: Sequence[PortMapping]) -> Iterator[str]:
    """Yield what is wrong with ports that are to stand beside each other."""
    for one, other in clashes(ports):
        yield (
            f"{shown(ports[other])} has ports of the host that are in {shown(ports[one])} already;"
            " take that away in the same call"
        )
    yield from too_many(ports)


def _not_ready(endpoint: Endpoint) -> Busy:
    """Say that an endpoint is being made or taken away."""
    return Busy(
        f"endpoint {endpoint.id[:12]} is {endpoint.state.value}; connect its container again, or"
        " disconnect it",
        resource=f"endpoint {endpoint.id}",
    )

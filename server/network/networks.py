"""Networks: CreateNetwork, DeleteNetwork, and finding them.

Order of a CreateNetwork: record {CREATING, with its claim on the subnets} -> gateway addresses ->
record {their addresses} -> driver -> check that the caller still waits -> record {READY} -> reply.
DeleteNetwork is the mirror image.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import Driver
from mynet.ipam.api import Backend
from mynet.server.addressing.leases import Leases
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import best_effort, on_completion, rollback
from mynet.server.errors import (
    Busy,
    NetworkExists,
    NetworkInUse,
    NetworkNotFound,
    PoolsExhausted,
    first_few,
)
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import (
    Network,
    NetworkReport,
    NetworkSpec,
    NetworkState,
    differing_fields,
)
from mynet.server.model.subnets import SubnetCandidates, SubnetSpec
from mynet.server.network.endpoints import Endpoints
from mynet.server.network.planning import Planner
from mynet.server.network.scope_rules import require_in_scope, require_no_adoption
from mynet.server.network.selectors import require_ready
from mynet.server.plugins.catalog import Catalog
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of this daemon."""

    store: Store
    drivers: Catalog[Driver]
    backends: Catalog[Backend]
    leases: Leases
    endpoints: Endpoints
    locks: KeyedLocks
    planner: Planner
    registry: SubnetRegistry

    def create(self, call: Call, spec: NetworkSpec, *, allow_existing: bool) -> NetworkReport:
        """Create a network and return it. A failure leaves nothing of it.

        Raises DriverNotFound, BackendNotFound, NetworkExists, InterfaceExists, SubnetOverlap,
        PoolsExhausted, Busy, CallerGone, and what backend and driver raise. With ``allow_existing``
        a network of that name and spec is repaired and returned instead.
        """
        require_in_scope(call.caller, spec.name, spec.labels)
        require_no_adoption(self.store, call.caller, spec)
        self.backends.get(spec.ipam)
        network = self.planner.network(spec)
        subnets = spec.subnets or self.registry.unnamed(network.mtu)
        candidates = self.registry.candidates(subnets)
        with self.locks.exclusive(call, "network", network.id):
            try:
                network = self._add_with_free(call, network, subnets, candidates)
            except NetworkExists as taken:
                if not allow_existing:
                    raise
                existing = taken
            else:
                return NetworkReport(self._make(call, network), 0)
        return self._existing(call, spec, existing)

    def get(self, call: Call, selector: str) -> NetworkReport:
        """Return a network by id, name or id prefix. Raises NetworkNotFound and Ambiguous."""
        network = self.store.networks.find(selector, call.caller.scope)
        return NetworkReport(network, len(self.store.endpoints.of_network(network.id)))

    def page(
        self, call: Call, labels: Mapping[str, str], after: int, limit: int
    ) -> Sequence[tuple[int, NetworkReport]]:
        """Return networks that have all these labels, the oldest first, each with its page key."""
        scope = call.caller.scope

        def wanted(network: Network) -> bool:
            own = network.spec.labels
            return labels.items() <= own.items() and scope.has(network.name, own)

        page = self.store.networks.page(after, limit, wanted)
        counts = self.store.endpoints.counts()
        return [(seq, NetworkReport(network, counts.get(network.id, 0))) for seq, network in page]

    def delete(self, call: Call, selector: str, *, force: bool, allow_missing: bool) -> None:
        """Delete a network, and with ``force`` its endpoints first.

        Raises NetworkInUse without ``force``; NetworkNotFound, unless ``allow_missing``; Ambiguous,
        Busy, and what backend and driver raise.
        """
        try:
            selected = self.store.networks.find(selector, call.caller.scope)
        except NetworkNotFound:
            if allow_missing:
                return
            raise
        with self.locks.exclusive(call, "network", selected.id):
            network = self.store.networks.find(selected.id)
            endpoints = self.store.endpoints.of_network(network.id)
            if endpoints and not force:
                raise _in_use(network, endpoints)
            # From here on no Connect succeeds. Disconnect needs this lock, so it is released.
            self.store.networks.put(replace(network, state=NetworkState.DELETING))
        self.endpoints.remove_all(call, endpoints)
        with self.locks.exclusive(call, "network", selected.id):
            if still := self.store.networks.get(selected.id):  # else another call was faster
                self.tear_down(call, still)

    def tear_down(self, call: Call, network: Network) -> None:
        """Remove all that is left of a network, as its record names it."""
        driver = self.drivers.get(network.spec.driver)
        driver.run(call, Driver.delete, network.for_driver(), subject=f"network {network.id}")
        self.leases.close(call, network)
        self.store.networks.remove(network)
        with best_effort(f"drop the subnets of network {network.name}"):
            self.leases.forget(call, network)

    def _add_with_free(
        self,
        call: Call,
        network: Network,
        subnets: Sequence[SubnetSpec],
        candidates: SubnetCandidates,
    ) -> Network:
        """Record a network. One that leaves its subnets to the daemon needs one IP version alone.

        Its record has the reason where the pools have no free subnet of the other.
        """
        try:
            return self._add(call, network, subnets, candidates)
        except PoolsExhausted as error:
            if network.spec.subnets:
                raise
            network = replace(network, exhausted=str(error))
            for subnet in subnets:
                with suppress(PoolsExhausted):
                    return self._add(call, network, [subnet], candidates)
            raise

    def _add(
        self,
        call: Call,
        network: Network,
        subnets: Sequence[SubnetSpec],
        candidates: SubnetCandidates,
    ) -> Network:
        """Record a network. An unfinished network of the same name is torn down first."""
        try:
            return self.store.networks.add(network, subnets, candidates)
        except NetworkExists as taken:
            self._finish(call, taken)
        return self.store.networks.add(network, subnets, candidates)

    def _finish(self, call: Call, taken: NetworkExists) -> None:
        """Tear down an unfinished network that has the name. Raises ``taken`` for a READY one."""
        network = self.store.networks.get(taken.holder)
        if network and network.state is NetworkState.READY:
            raise taken  # at once, whichever call holds its lock
        # The lock that the caller holds already is of a new id that no other call knows yet, so
        # this wait cannot be part of a circle.
        with self.locks.exclusive(call, "network", taken.holder):
            network = self.store.networks.get(taken.holder)
            if network is None:
                return
            if network.state is NetworkState.READY:
                raise taken
            if self.store.endpoints.of_network(network.id):
                require_ready(network)
            self.tear_down(call, network)

    def _make(self, call: Call, network: Network) -> Network:
        """Finish a recorded network, or tear it down."""
        try:
            network = self.store.networks.put(self.leases.open(call, network))
            self.repair(call, network)
            require_caller(call)
            return self.store.networks.put(replace(network, state=NetworkState.READY))
        except Exception as error:
            on_completion(error, partial(self._roll_back, call, network, error))
            raise

    def _roll_back(self, call: Call, network: Network, error: Exception) -> None:
        with rollback(error, f"create network {network.name}"):
            self.tear_down(call.for_rollback(), network)

    def _existing(self, call: Call, spec: NetworkSpec, taken: NetworkExists) -> NetworkReport:
        """Return the network that has the name, repaired. Raises NetworkExists for another spec."""
        with self.locks.exclusive(call, "network", taken.holder):
            try:
                report = self.get(call, taken.holder)
            except NetworkNotFound as error:
                raise Busy(
                    f"network {spec.name} was deleted meanwhile; call again",
                    resource=f"network {spec.name}",
                ) from error
            require_ready(report.network)
            if differing := differing_fields(spec, report.network.spec):
                raise NetworkExists(
                    f"there is a network {spec.name!r} already, with another spec:"
                    f" {', '.join(differing)}; choose another name, or delete it first",
                    resource=f"network {spec.name}",
                    holder=taken.holder,
                ) from taken
            self.repair(call, report.network)
            return report

    def repair(self, call: Call, network: Network) -> None:
        """Create a network through its driver, or repair what another program has damaged of it."""
        driver = self.drivers.get(network.spec.driver)
        driver.run(call, Driver.create, network.for_driver(), subject=f"network {network.id}")


def _in_use(network: Network, endpoints: Sequence[Endpoint]) -> NetworkInUse:
    names = [f"{endpoint.interface} of {endpoint.spec.container_id}" for endpoint in endpoints]
    return NetworkInUse(
        f"network {network.name} has endpoints ({first_few(names, ', ')}); disconnect them first,"
        " or delete with force",
        resource=f"network {network.name}",
        metadata={"endpoints": str(len(endpoints))},
    )

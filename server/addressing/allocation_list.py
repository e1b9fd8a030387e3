"""The list of all allocations: those of callers, of networks and of endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

from mynet.ipam.api import Allocation, AllocationQuery, Backend, IPNetwork
from mynet.server.calls.call import Call
from mynet.server.model.subnets import AllocationKey
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.store.visible import Visible


@dataclass(frozen=True, slots=True)
class AllocationList:
    """Lists what the backends have allocated."""

    store: Store
    backends: Catalog[Backend]

    def page(
        self,
        call: Call,
        cidr: IPNetwork | None,
        owner: str,
        behind: AllocationKey | None,
        limit: int,
    ) -> Sequence[tuple[AllocationKey, Allocation]]:
        """Return allocations behind a key, each with its own: by backend, subnet and address."""
        listed: list[tuple[AllocationKey, Allocation]] = []
        for backend in self._backends_to_list(cidr, behind):
            after = behind.in_backend if behind and behind.backend == backend.name else None
            for part in self._parts(call, backend, cidr):
                rest = limit - len(listed)
                query = AllocationQuery(subnet=part, owner=owner, after=after, limit=rest)
                listed += [
                    (AllocationKey(backend.name, allocation.subnet, allocation.address), allocation)
                    for allocation in backend.run(call, Backend.allocations, query)
                ]
                if len(listed) >= limit:
                    return listed
        return listed

    def _parts(
        self, call: Call, backend: Plugin[Backend], cidr: IPNetwork | None
    ) -> Sequence[IPNetwork | None]:
        """Return the subnets to ask a backend for, in order; None stands for all of them."""
        if call.caller.scope.is_everything:
            return [cidr]
        return [
            subnet.cidr
            for subnet in Visible(self.store, call.caller.scope).subnets()
            if subnet.backend == backend.name and cidr in (None, subnet.cidr)
        ]

    def _backends_to_list(
        self, cidr: IPNetwork | None, behind: AllocationKey | None
    ) -> Sequence[Plugin[Backend]]:
        """Return the backends that a list still goes over, from the one that it had stopped at."""
        if cidr is None:
            backends = sorted(self.backends.usable(), key=lambda backend: backend.name)
        else:
            subnet = self.store.subnets.get(cidr)
            backends = [self.backends.get(subnet.backend)] if subnet else []
        return [backend for backend in backends if behind is None or backend.name >= behind.backend]

"""The daemon's book against those of its backends.

They are files of their own, so one of them may have lost its newest commits, or come from a backup
of another moment. What one knows and the other does not is made good from the other; only what this
daemon's own networks and endpoints hold is ever released.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from mynet.ipam import api as ipam
from mynet.ipam.api import AllocateRequest, AllocationQuery, Backend, IPAddress, IPNetwork
from mynet.server.addressing.subnets import SubnetRegistry, is_open
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.model.endpoints import ENDPOINT_OWNER, is_own
from mynet.server.model.networks import NETWORK_OWNER, Network
from mynet.server.model.subnets import SubnetCandidates, SubnetSpec
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.findings import Problem, Report
from mynet.server.store import Store

_PAGE = 1000


class Books:
    """Compares them, and says what to do."""

    def __init__(
        self,
        store: Store,
        backends: Catalog[Backend],
        registry: SubnetRegistry,
        locks: KeyedLocks,
    ) -> None:
        self._store = store
        self._backends = backends
        self._registry = registry
        self._locks = locks

    def examine(self, report: Report) -> None:
        """Compare the registry, the backends' subnets, and who holds what."""
        for subnet in self._store.subnets.without_network():
            cidr = subnet.cidr
            with (
                report.step(f"subnet {cidr}") as call,
                self._locks.exclusive(call, "subnet", str(cidr)),
            ):
                report.extend(self._of_nobody(call, cidr))
        for backend in self._backends.usable():
            with report.step(f"backend {backend.name}") as call:
                report.extend(self._strays(call, backend))
                report.extend(self._unbooked(call, backend))  # of what the strays have left

    def holdings(self, report: Report) -> Mapping[str, AbstractSet[IPAddress]]:
        """Return who of this daemon's networks and endpoints holds which addresses."""
        found: dict[str, set[IPAddress]] = {}
        for backend in self._backends.usable():
            with report.step(f"backend {backend.name}") as call:
                for allocation in self._own(call, backend):
                    found.setdefault(allocation.owner, set()).add(allocation.address)
        return found

    def of_network(self, call: Call, network: Network) -> Iterator[Problem]:
        """Compare a network's subnets and gateways with its backend. The caller holds it."""
        backend = self._backends.get(network.spec.ipam)
        query = AllocationQuery(owner=network.owner)
        held = {each.address for each in backend.run(call, Backend.allocations, query)}
        for subnet in network.subnets:
            rules = self._registry.rules(subnet.cidr)
            if not is_open(call, backend, rules):
                yield _lost(backend, subnet.cidr)
            if subnet.gateway is not None and subnet.gateway not in held:
                request = AllocateRequest(rules, owner=network.owner, address=subnet.gateway)
                yield Problem(
                    f"network {network.name}",
                    f"Its gateway address {subnet.gateway} is not allocated to it.",
                    "It takes the address again.",
                    partial(_allocate, backend, request),
                )

    def _of_nobody(self, call: Call, cidr: IPNetwork) -> Iterator[Problem]:
        """Look at a subnet that no network uses, and that the caller holds."""
        subnet = self._store.subnets.get(cidr)
        if subnet is None or subnet.network_id:
            return
        backend = self._backends.get(subnet.backend)
        if subnet.kept and not is_open(call, backend, self._registry.complete(subnet)):
            yield _lost(backend, cidr)
        elif self._registry.unused(call, cidr):
            yield Problem(
                f"subnet {cidr}",
                "No network uses it, and nobody has an address of it.",
                "It is taken out of the book.",
                lambda call: self._registry.drop_unused_held(call, cidr),
            )

    def _strays(self, call: Call, backend: Plugin[Backend]) -> Iterator[Problem]:
        """Find what endpoints and networks hold that no record knows."""
        for owner in sorted({each.owner for each in self._own(call, backend)}):
            if not self._is_known(owner) and self._holds(call, backend, owner):
                yield Problem(
                    owner.replace(":", " "),
                    f"It holds addresses in backend {backend.name}, and there is no record of it.",
                    "They are released.",
                    partial(self._release, backend, owner),
                )

    def _own(self, call: Call, backend: Plugin[Backend]) -> Iterator[ipam.Allocation]:
        """Yield what networks and endpoints hold, whether or not there is a record of them."""
        for prefix in (ENDPOINT_OWNER, NETWORK_OWNER):
            query = AllocationQuery(owner_prefix=prefix, limit=_PAGE)
            while page := backend.run(call, Backend.allocations, query):
                yield from (each for each in page if is_own(each.owner))
                query = replace(query, after=(page[-1].subnet, page[-1].address))

    def _is_known(self, owner: str) -> bool:
        kind, _, record = owner.partition(":")
        records = self._store.networks if f"{kind}:" == NETWORK_OWNER else self._store.endpoints
        return records.has(record)

    def _holds(self, call: Call, backend: Plugin[Backend], owner: str) -> bool:
        """Say whether it still does: the record is removed after the addresses are released."""
        return bool(backend.run(call, Backend.allocations, AllocationQuery(owner=owner)))

    def _release(self, backend: Plugin[Backend], owner: str, call: Call) -> None:
        released = backend.run(call, Backend.release_owner, owner)
        for cidr in {allocation.subnet for allocation in released}:
            with self._locks.exclusive(call, "subnet", str(cidr)):
                self._registry.drop_unused_held(call, cidr)
                is_booked = self._store.subnets.get(cidr) is not None
                query = AllocationQuery(subnet=cidr, limit=1)
                if not is_booked and not backend.run(call, Backend.allocations, query):
                    backend.run(call, Backend.close_subnet, cidr)

    def _unbooked(self, call: Call, backend: Plugin[Backend]) -> Iterator[Problem]:
        """Find subnets that have addresses in the backend, and that the registry does not know."""
        for cidr in self._held_in(call, backend):
            if self._store.subnets.get(cidr) is None and self._is_held(call, backend, cidr):
                yield Problem(
                    f"subnet {cidr}",
                    f"Addresses of it are held in backend {backend.name}, and it is not in the"
                    " book.",
                    "It is booked again, with the default rules.",
                    partial(self._book, backend.name, cidr),
                )

    def _held_in(self, call: Call, backend: Plugin[Backend]) -> Iterator[IPNetwork]:
        """Yield the subnets that have addresses, going from one to the next."""
        query = AllocationQuery(limit=1)
        while page := backend.run(call, Backend.allocations, query):
            cidr = page[0].subnet
            yield cidr
            query = AllocationQuery(limit=1, after=(cidr, cidr.broadcast_address))

    def _is_held(self, call: Call, backend: Plugin[Backend], cidr: IPNetwork) -> bool:
        query = AllocationQuery(subnet=cidr, limit=1)
        with self._locks.shared(call, "subnet", str(cidr)):
            held = backend.run(call, Backend.allocations, query)
            return bool(held) and self._store.subnets.get(cidr) is None

    def _book(self, backend: str, cidr: IPNetwork, call: Call) -> None:
        with self._locks.exclusive(call, "subnet", str(cidr)):
            now, nothing = datetime.now(UTC), SubnetCandidates(())
            self._store.subnets.add(SubnetSpec(cidr), nothing, backend, now, kept=False)


def _lost(backend: Plugin[Backend], cidr: IPNetwork) -> Problem:
    """Tell of a subnet that is in the book and not in its backend's."""
    return Problem(
        f"subnet {cidr}",
        f"Backend {backend.name} has lost its book.",
        "It is begun anew, and endpoints take their addresses again.",
        lambda call: backend.run(call, Backend.open_subnet, cidr),
    )


def _allocate(backend: Plugin[Backend], request: AllocateRequest, call: Call) -> None:
    backend.run(call, Backend.allocate, request)

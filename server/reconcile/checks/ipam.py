"""Comparing the daemon's registry of subnets with the IPAM backends.

They are separate files, so one of them may have lost its newest commits, or come from a backup of
another moment. What one of them lacks is restored from the other. Only addresses that belong to
this daemon's networks and endpoints are ever released.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
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
from mynet.server.reconcile.findings import Examination, Problem, Repair
from mynet.server.store import Store

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class IpamChecks:
    """Compares registry and backends, and repairs what differs."""

    store: Store
    backends: Catalog[Backend]
    registry: SubnetRegistry
    locks: KeyedLocks

    def examine(self, examination: Examination) -> None:
        """Compare the subnets of the registry and of the backends, and the owners of addresses."""
        for subnet in self.store.subnets.without_network():
            cidr = subnet.cidr
            with (
                examination.step(f"subnet {cidr}") as call,
                self.locks.exclusive(call, "subnet", str(cidr)),
            ):
                examination.extend(self._unused(call, cidr))
        for backend in self.backends.usable():
            with examination.step(f"backend {backend.name}") as call:
                examination.extend(self._orphans(call, backend))
                examination.extend(self._unregistered(call, backend))

    def addresses(self, examination: Examination) -> Mapping[str, AbstractSet[IPAddress]]:
        """Return the addresses of this daemon's networks and endpoints, by owner."""
        addresses: dict[str, set[IPAddress]] = {}
        for backend in self.backends.usable():
            with examination.step(f"backend {backend.name}") as call:
                for allocation in self._own(call, backend):
                    addresses.setdefault(allocation.owner, set()).add(allocation.address)
        return addresses

    def of_network(self, call: Call, network: Network) -> Iterator[Problem]:
        """Yield what a network's backend lacks of it. The caller holds the network's lock."""
        backend = self.backends.get(network.spec.ipam)
        query = AllocationQuery(owner=network.owner)
        allocations = backend.run(call, Backend.allocations, query)
        held = {allocation.address for allocation in allocations}
        for subnet in network.subnets:
            rules = self.registry.rules(subnet.cidr)
            if not is_open(call, backend, rules):
                yield _lost(backend, subnet.cidr)
            gateway = subnet.leased_gateway
            if gateway is not None and gateway not in held:
                request = AllocateRequest(rules, owner=network.owner, address=gateway)
                yield Problem(
                    f"network {network.name}",
                    f"Its gateway address {gateway} is not allocated to it.",
                    Repair(
                        "allocates the address to it again",
                        "The address is allocated to it again.",
                        partial(backend.run, verb=Backend.allocate, request=request),
                    ),
                )

    def _unused(self, call: Call, cidr: IPNetwork) -> Iterator[Problem]:
        """Yield the problem of a subnet without a network. The caller holds the subnet's lock."""
        subnet = self.store.subnets.get(cidr)
        if subnet is None or subnet.network_id:
            return
        backend = self.backends.get(subnet.backend)
        if subnet.kept and not is_open(call, backend, self.registry.complete(subnet)):
            yield _lost(backend, cidr)
        elif self.registry.unused(call, cidr):
            yield Problem(
                f"subnet {cidr}",
                "No network uses it, and none of its addresses is allocated.",
                Repair(
                    "deletes it from the registry",
                    "It is deleted from the registry.",
                    lambda call: self.registry.drop_unused_held(call, cidr),
                ),
            )

    def _orphans(self, call: Call, backend: Plugin[Backend]) -> Iterator[Problem]:
        """Yield the endpoints and networks that have addresses and no record."""
        for owner in sorted({allocation.owner for allocation in self._own(call, backend)}):
            if not self._is_on_record(owner) and self._has_addresses(call, backend, owner):
                yield Problem(
                    owner.replace(":", " "),
                    f"It has addresses in backend {backend.name}, and is not on record.",
                    Repair(
                        "releases them",
                        "They are released.",
                        partial(self._release, backend, owner),
                    ),
                )

    def _own(self, call: Call, backend: Plugin[Backend]) -> Iterator[ipam.Allocation]:
        """Yield the allocations of networks and endpoints, whether or not they are on record."""
        for prefix in (ENDPOINT_OWNER, NETWORK_OWNER):
            query = AllocationQuery(owner_prefix=prefix, limit=_PAGE)
            while page := backend.run(call, Backend.allocations, query):
                yield from (allocation for allocation in page if is_own(allocation.owner))
                query = replace(query, after=(page[-1].subnet, page[-1].address))

    def _is_on_record(self, owner: str) -> bool:
        kind, _, record = owner.partition(":")
        records = self.store.networks if f"{kind}:" == NETWORK_OWNER else self.store.endpoints
        return records.has(record)

    def _has_addresses(self, call: Call, backend: Plugin[Backend], owner: str) -> bool:
        """Return whether an owner has addresses now.

        It is asked after the record was seen to be missing, because a record is removed after its
        addresses are released.
        """
        return bool(backend.run(call, Backend.allocations, AllocationQuery(owner=owner)))

    def _release(self, backend: Plugin[Backend], owner: str, call: Call) -> None:
        released = backend.run(call, Backend.release_owner, owner)
        for cidr in {allocation.subnet for allocation in released}:
            with self.locks.exclusive(call, "subnet", str(cidr)):
                self.registry.drop_unused_held(call, cidr)
                is_registered = self.store.subnets.get(cidr) is not None
                query = AllocationQuery(subnet=cidr, limit=1)
                if not is_registered and not backend.run(call, Backend.allocations, query):
                    backend.run(call, Backend.close_subnet, cidr)

    def _unregistered(self, call: Call, backend: Plugin[Backend]) -> Iterator[Problem]:
        """Yield the subnets that have addresses in the backend and are not in the registry."""
        for cidr in self._subnets_in_use(call, backend):
            if self.store.subnets.get(cidr) is None and self._is_unregistered(call, backend, cidr):
                yield Problem(
                    f"subnet {cidr}",
                    f"Backend {backend.name} has allocated addresses of it, and it is not in the"
                    " registry.",
                    Repair(
                        "registers it again, with the default rules",
                        "It is registered again, with the default rules.",
                        partial(self._register, backend.name, cidr),
                    ),
                )

    def _subnets_in_use(self, call: Call, backend: Plugin[Backend]) -> Iterator[IPNetwork]:
        """Yield the subnets that have addresses, with one query a subnet."""
        query = AllocationQuery(limit=1)
        while page := backend.run(call, Backend.allocations, query):
            cidr = page[0].subnet
            yield cidr
            query = AllocationQuery(limit=1, after=(cidr, cidr.broadcast_address))

    def _is_unregistered(self, call: Call, backend: Plugin[Backend], cidr: IPNetwork) -> bool:
        query = AllocationQuery(subnet=cidr, limit=1)
        with self.locks.shared(call, "subnet", str(cidr)):
            held = backend.run(call, Backend.allocations, query)
            return bool(held) and self.store.subnets.get(cidr) is None

    def _register(self, backend: str, cidr: IPNetwork, call: Call) -> None:
        with self.locks.exclusive(call, "subnet", str(cidr)):
            now, candidates = datetime.now(UTC), SubnetCandidates(())
            self.store.subnets.add(SubnetSpec(cidr), candidates, backend, now, kept=False)


def _lost(backend: Plugin[Backend], cidr: IPNetwork) -> Problem:
    """Return the problem of a subnet that is in the registry and not in its backend."""
    return Problem(
        f"subnet {cidr}",
        f"Backend {backend.name} has lost its allocations.",
        Repair(
            "opens it again, and gives endpoints their addresses again",
            "It is opened again, and endpoints get their addresses again.",
            lambda call: backend.run(call, Backend.open_subnet, cidr),
        ),
    )

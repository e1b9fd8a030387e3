"""Releases: addresses that callers give back, by the address or by its owner.

A subnet that an allocation has added vanishes with its last allocation.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from mynet.ipam import api as ipam
from mynet.ipam.errors import AddressOutOfRange, AllocationNotFound
from mynet.ipam.errors import SubnetNotFound as NotOpen
from mynet.server import errors
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import after_late_verb, best_effort
from mynet.server.model.endpoints import ENDPOINT_OWNER, is_own
from mynet.server.model.subnets import RegisteredSubnet
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.store.visible import Visible


@dataclass(frozen=True, slots=True)
class Releases:
    """Releases addresses that callers have allocated by themselves."""

    store: Store
    backends: Catalog[ipam.Backend]
    locks: KeyedLocks
    registry: SubnetRegistry

    def release(
        self,
        call: Call,
        cidr: ipam.IPNetwork,
        address: ipam.IPAddress,
        owner: str,
        *,
        allow_missing: bool,
    ) -> ipam.Allocation | None:
        """Release an address, and with an ``owner`` only if that owner holds it.

        Raises SubnetNotFound and AllocationNotFound, unless ``allow_missing``; AddressOutOfRange,
        OwnerMismatch and AddressOwned.
        """
        try:
            with after_late_verb(lambda _: self._drop(call.for_rollback(), [cidr])):
                released = self._release(call, cidr, address, owner)
        except (errors.SubnetNotFound, NotOpen, AllocationNotFound):
            if allow_missing:
                return None
            raise
        self._drop(call, [cidr])
        return released

    def release_owner(self, call: Call, owner: str) -> Sequence[ipam.Allocation]:
        """Release all addresses of an owner, in all subnets of the caller, and return them."""
        if not call.caller.scope.is_everything:
            return self._release_each(call, owner)
        return [
            allocation
            for backend in self.backends.usable()
            for allocation in self._release_all(call, backend, owner)
        ]

    def _release(
        self, call: Call, cidr: ipam.IPNetwork, address: ipam.IPAddress, owner: str
    ) -> ipam.Allocation:
        with self.locks.shared(call, "subnet", str(cidr)):
            subnet = Visible(self.store, call.caller.scope).subnet(cidr)
            backend = self.backends.get(subnet.backend)
            if address not in cidr:
                raise AddressOutOfRange(
                    f"{address} is not in {cidr}; name an address of it",
                    resource=f"address {address}",
                )
            holder = owner or self._holder(call, subnet, address)
            _refuse_own(address, holder)
            request = ipam.ReleaseRequest(self.registry.complete(subnet), address, owner=holder)
            return backend.run(call, ipam.Backend.release, request)

    def _release_each(self, call: Call, owner: str) -> Sequence[ipam.Allocation]:
        """Release an owner's addresses one by one, in the subnets that the caller may see."""
        released: list[ipam.Allocation] = []
        for subnet in Visible(self.store, call.caller.scope).subnets():
            backend = self.backends.get(subnet.backend)
            query = ipam.AllocationQuery(subnet=subnet.cidr, owner=owner)
            while held := backend.run(call, ipam.Backend.allocations, query):
                for allocation in held:
                    address = allocation.address
                    gone = self.release(call, subnet.cidr, address, owner, allow_missing=True)
                    released += [gone] if gone else []
                query = replace(query, after=(subnet.cidr, held[-1].address))
        return released

    def _release_all(
        self, call: Call, backend: Plugin[ipam.Backend], owner: str
    ) -> Sequence[ipam.Allocation]:
        """Release an owner's addresses in one backend, and drop subnets that are unused then."""
        with after_late_verb(
            lambda timeout: self._drop(call.for_rollback(), _subnets_of(timeout.pending))
        ):
            released = backend.run(call, ipam.Backend.release_owner, owner)
        self._drop(call, (allocation.subnet for allocation in released))
        return released

    def _drop(self, call: Call, cidrs: Iterable[ipam.IPNetwork]) -> None:
        """Drop each of the subnets whose last address was released."""
        for cidr in dict.fromkeys(cidrs):
            with best_effort(f"drop subnet {cidr}"):
                self.registry.drop_unused(call, cidr)

    def _holder(self, call: Call, subnet: RegisteredSubnet, address: ipam.IPAddress) -> str:
        query = ipam.AllocationQuery(subnet=subnet.cidr, address=address, limit=1)
        held = self.backends.get(subnet.backend).run(call, ipam.Backend.allocations, query)
        if not held:
            raise AllocationNotFound(
                f"{address} of {subnet.cidr} is not allocated; ListAllocations (mynetctl ipam ls)"
                " shows the addresses that are",
                resource=f"address {address}",
            )
        return held[0].owner


def _subnets_of(released: Future[Sequence[ipam.Allocation]] | None) -> Sequence[ipam.IPNetwork]:
    """Return the subnets of what a late verb released."""
    if released is None or released.exception():
        return []
    return [allocation.subnet for allocation in released.result()]


def _refuse_own(address: ipam.IPAddress, holder: str) -> None:
    if is_own(holder):
        verb = "Disconnect" if holder.startswith(ENDPOINT_OWNER) else "DeleteNetwork"
        raise errors.AddressOwned(
            f"{address} belongs to {holder.replace(':', ' ')}; {verb} gives it back",
            resource=f"address {address}",
            holder=holder,
        )

"""The address book: IPAMService's verbs over the registry of subnets and their backends.

Whoever asks for an address of an unknown subnet founds it; it vanishes with its last allocation.
"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
)
from mynet.ipam.errors import AllocationNotFound
from mynet.ipam.errors import SubnetNotFound as NotOpen
from mynet.server.call import Call, require_caller
from mynet.server.errors import AddressOwned, Busy, CallerGone, PluginTimeout, SubnetNotFound
from mynet.server.locks import KeyedLocks
from mynet.server.model import (
    ENDPOINT_OWNER,
    NETWORK_OWNER,
    AllocationKey,
    BookedSubnet,
    SubnetReport,
)
from mynet.server.plugins import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.undo import after, afterthought, is_under_way, undo

DEFAULT_BACKEND = "bitmap"


class AddressBook:
    """Addresses for anybody who asks; networks and endpoints get theirs through ``Leases``."""

    def __init__(self, store: Store, backends: Catalog[Backend], locks: KeyedLocks) -> None:
        self._store = store
        self._backends = backends
        self._locks = locks

    def allocate(
        self, call: Call, cidr: IPNetwork, owner: str, address: IPAddress | None
    ) -> Allocation:
        """Hand out an address, founding the subnet where it is not in the book."""
        request = AllocateRequest(cidr, owner=owner, address=address)
        with self._locks.shared(call, "subnet", str(cidr)):
            if subnet := self._store.subnets.find(cidr):
                return self._allocate_of(call, subnet, request)
        with self._locks.exclusive(call, "subnet", str(cidr)):
            return self._found(call, request)

    def release(
        self,
        call: Call,
        cidr: IPNetwork,
        address: IPAddress,
        owner: str,
        *,
        allow_missing: bool,
    ) -> Allocation | None:
        """Take an address back; with an ``owner``, only from that one.

        Raises SubnetNotFound and AllocationNotFound, unless ``allow_missing``; OwnerMismatch and
        AddressOwned.
        """
        try:
            released = self._release(call, cidr, address, owner)
        except (SubnetNotFound, NotOpen, AllocationNotFound):
            if allow_missing:
                return None
            raise
        except PluginTimeout as timeout:
            if is_under_way(timeout):
                after(timeout, partial(self._drop_late, call, cidr))
            raise
        with afterthought(f"drop subnet {cidr}"):
            self.drop_unused(call, cidr)
        return released

    def _release(self, call: Call, cidr: IPNetwork, address: IPAddress, owner: str) -> Allocation:
        with self._locks.shared(call, "subnet", str(cidr)):
            subnet = self._store.subnets.get(cidr)
            backend = self._backends.get(subnet.backend)
            holder = owner or self._holder(call, backend, cidr, address)
            _refuse_own(address, holder)
            return backend.run(call, Backend.release, ReleaseRequest(cidr, address, owner=holder))

    def allocations(
        self,
        call: Call,
        cidr: IPNetwork | None,
        owner: str,
        after: AllocationKey | None,
        limit: int,
    ) -> Sequence[tuple[AllocationKey, Allocation]]:
        """List allocations behind a key, each with its own: by backend, subnet and address."""
        found: list[tuple[AllocationKey, Allocation]] = []
        for backend in self._asked(cidr, after):
            behind = (
                (after.cidr, after.address) if after and after.backend == backend.name else None
            )
            query = AllocationQuery(
                subnet=cidr, owner=owner, after=behind, limit=limit - len(found)
            )
            part = backend.run(call, Backend.allocations, query)
            found += [
                (AllocationKey(backend.name, each.subnet, each.address), each) for each in part
            ]
            if len(found) >= limit:
                break
        return found

    def report(self, call: Call, cidr: IPNetwork) -> SubnetReport:
        """Say who uses a subnet and how full it is. Raises SubnetNotFound."""
        return self._report(call, self._store.subnets.get(cidr))

    def reports(
        self, call: Call, after: IPNetwork | None, limit: int
    ) -> Sequence[tuple[IPNetwork, SubnetReport]]:
        """Say so of at most ``limit`` subnets behind ``after``, IPv4 first, by address.

        One that is being founded or dropped at this moment is left out: its backend has no book.
        """
        found: list[tuple[IPNetwork, SubnetReport]] = []
        while booked := self._store.subnets.page(after, limit - len(found)):
            for subnet in booked:
                with contextlib.suppress(NotOpen):
                    found.append((subnet.cidr, self._report(call, subnet)))
            after = booked[-1].cidr
        return found

    def drop_unused(self, call: Call, cidr: IPNetwork) -> None:
        """Take a subnet out of the book if no network uses it and nobody has an address of it."""
        # Seldom true, and asked after every release: so look first, and lock to be certain.
        if self._unused(call, cidr) is None:
            return
        with self._locks.exclusive(call, "subnet", str(cidr)):
            self._drop_unused(call, cidr)

    def _drop_late(self, call: Call, cidr: IPNetwork) -> None:
        """Drop a subnet whose last address was released after the caller had been sent away."""
        with afterthought(f"drop subnet {cidr}"):
            self.drop_unused(call.to_clean_up(), cidr)

    def tidy(self, call: Call) -> None:
        """Drop the subnets that a crash left unused in the book."""
        for subnet in self._store.subnets.unused():
            self.drop_unused(call, subnet.cidr)

    def _found(self, call: Call, request: AllocateRequest) -> Allocation:
        """Found the subnet, held exclusively, and allocate; a refused call leaves nothing."""
        backend = self._backends.get(DEFAULT_BACKEND)
        if booked := self._store.subnets.found(request.subnet, backend.name, datetime.now(UTC)):
            return self._allocate_of(call, booked, request)  # somebody was faster
        try:
            backend.run(call, Backend.open_subnet, request.subnet)
            return self._allocate(call, backend, request)
        except Exception as error:
            with undo(error, f"found subnet {request.subnet}"):
                self._drop_unused(call.to_clean_up(), request.subnet)
            if is_under_way(error):
                after(error, partial(self._close_stray, call, backend, request.subnet, error))
            raise

    def _allocate_of(
        self, call: Call, subnet: BookedSubnet, request: AllocateRequest
    ) -> Allocation:
        """Allocate from a subnet that is in the book."""
        try:
            return self._allocate(call, self._backends.get(subnet.backend), request)
        except NotOpen as error:
            raise Busy(
                f"subnet {subnet.cidr} is being made by another call; call again in a moment",
                resource=f"subnet {subnet.cidr}",
            ) from error

    def _allocate(
        self, call: Call, backend: Plugin[Backend], request: AllocateRequest
    ) -> Allocation:
        """Allocate. Nobody would ever know of an address without an owner that is not answered.

        One with an owner is found by a retry.
        """
        try:
            allocation = backend.run(call, Backend.allocate, request)
        except PluginTimeout as timeout:
            if timeout.pending and not request.owner:
                after(timeout, partial(self._release_late, call, backend, timeout))
            raise
        try:
            if not request.owner:
                require_caller(call)
        except CallerGone as gone:
            with undo(gone, f"allocate {allocation.address}"):
                _give_back(call, backend, allocation)
            raise
        return allocation

    def _release_late(self, call: Call, backend: Plugin[Backend], timeout: PluginTimeout) -> None:
        """Give back what a verb allocated after its caller had been sent away, if it did."""
        if timeout.pending is None or timeout.pending.exception():
            return
        late: Allocation = timeout.pending.result()
        with undo(timeout, f"allocate {late.address}"):
            _give_back(call, backend, late)
            self.drop_unused(call.to_clean_up(), late.subnet)

    def _close_stray(
        self, call: Call, backend: Plugin[Backend], cidr: IPNetwork, error: Exception
    ) -> None:
        """Close a subnet that a verb opened after it had been dropped again."""
        call = call.to_clean_up()
        with (
            undo(error, f"found subnet {cidr}"),
            self._locks.exclusive(call, "subnet", str(cidr)),
        ):
            if self._store.subnets.find(cidr) is None:
                backend.run(call, Backend.close_subnet, cidr)

    def _holder(
        self, call: Call, backend: Plugin[Backend], cidr: IPNetwork, address: IPAddress
    ) -> str:
        query = AllocationQuery(subnet=cidr, address=address, limit=1)
        held = backend.run(call, Backend.allocations, query)
        if not held:
            raise AllocationNotFound(
                f"nobody has {address} of {cidr}; ListAllocations shows who has what",
                resource=f"address {address}",
            )
        return held[0].owner

    def _asked(
        self, cidr: IPNetwork | None, after: AllocationKey | None
    ) -> Sequence[Plugin[Backend]]:
        """Return the backends that a list goes over, from the one where it had stopped."""
        if cidr is None:
            backends = sorted(self._backends.usable(), key=lambda backend: backend.name)
        else:
            subnet = self._store.subnets.find(cidr)
            backends = [self._backends.get(subnet.backend)] if subnet else []
        return [backend for backend in backends if after is None or backend.name >= after.backend]

    def _report(self, call: Call, subnet: BookedSubnet) -> SubnetReport:
        backend = self._backends.get(subnet.backend)
        usage = backend.run(call, Backend.usage, subnet.cidr)
        users = self._store.networks.by_id_prefix(subnet.network_id) if subnet.network_id else ()
        gateways = {each.cidr: each.gateway for user in users for each in user.subnets}
        return SubnetReport(subnet, gateways.get(subnet.cidr), usage)

    def _drop_unused(self, call: Call, cidr: IPNetwork) -> None:
        """Drop a subnet that is unused; the caller holds it exclusively."""
        backend = self._unused(call, cidr)
        # The registry first: a network that claims the subnet from here on founds it again, and
        # waits for the lock before it opens it.
        if backend and self._store.subnets.drop(cidr):
            backend.run(call, Backend.close_subnet, cidr)

    def _unused(self, call: Call, cidr: IPNetwork) -> Plugin[Backend] | None:
        """Return the backend of a subnet that nobody uses, or None where somebody does."""
        subnet = self._store.subnets.find(cidr)
        if subnet is None or subnet.network_id:
            return None
        backend = self._backends.get(subnet.backend)
        query = AllocationQuery(subnet=cidr, limit=1)
        return None if backend.run(call, Backend.allocations, query) else backend


def _give_back(call: Call, backend: Plugin[Backend], unwanted: Allocation) -> None:
    """Give back what was allocated for nobody."""
    request = ReleaseRequest(unwanted.subnet, unwanted.address, owner=unwanted.owner)
    backend.run(call.to_clean_up(), Backend.release, request)


def _refuse_own(address: IPAddress, holder: str) -> None:
    if holder.startswith((ENDPOINT_OWNER, NETWORK_OWNER)):
        verb = "Disconnect" if holder.startswith(ENDPOINT_OWNER) else "DeleteNetwork"
        raise AddressOwned(
            f"{address} belongs to {holder.replace(':', ' ')}; {verb} gives it back",
            resource=f"address {address}",
            holder=holder,
        )

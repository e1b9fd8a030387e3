"""The address book: addresses for anybody who asks, in whatever subnet.

Whoever asks for an address of an unknown subnet founds it; it vanishes with its last allocation.
Networks and endpoints get theirs through ``Leases``, out of the same book.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BatchRequest,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.errors import AddressOutOfRange, AllocationNotFound
from mynet.ipam.errors import SubnetNotFound as NotOpen
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import best_effort, is_under_way, on_completion, rollback
from mynet.server.errors import (
    AddressOwned,
    Busy,
    CallerGone,
    PluginTimeout,
    SubnetExists,
    SubnetNotFound,
)
from mynet.server.model.endpoints import ENDPOINT_OWNER, is_own
from mynet.server.model.subnets import AllocationKey, RegisteredSubnet, SubnetCandidates, SubnetSpec
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store

DEFAULT_BACKEND = "bitmap"

A = TypeVar("A", AllocateRequest, BatchRequest)
T = TypeVar("T", Allocation, Sequence[Allocation])
Verb = Callable[[Backend, Call, A], T]


class Allocations:
    """Addresses for anybody who asks."""

    def __init__(
        self, store: Store, backends: Catalog[Backend], locks: KeyedLocks, registry: SubnetRegistry
    ) -> None:
        self._store = store
        self._backends = backends
        self._locks = locks
        self._registry = registry

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        """Hand out an address; the request's subnet needs no rules, the book has them."""
        return self._in_subnet(call, Backend.allocate, request)

    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        """Hand out an address to each owner, all or none."""
        return self._in_subnet(call, Backend.allocate_batch, request)

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
                on_completion(timeout, lambda: self._drop(call.to_clean_up(), [cidr]))
            raise
        self._drop(call, [cidr])
        return released

    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        """Take back all that an owner has, in whatever subnet."""
        return [
            allocation
            for backend in self._backends.usable()
            for allocation in self._release_all(call, backend, owner)
        ]

    def allocations(
        self,
        call: Call,
        cidr: IPNetwork | None,
        owner: str,
        behind: AllocationKey | None,
        limit: int,
    ) -> Sequence[tuple[AllocationKey, Allocation]]:
        """List allocations behind a key, each with its own: by backend, subnet and address."""
        found: list[tuple[AllocationKey, Allocation]] = []
        for backend in self._asked(cidr, behind):
            place = behind.place if behind and behind.backend == backend.name else None
            query = AllocationQuery(subnet=cidr, owner=owner, after=place, limit=limit - len(found))
            part = backend.run(call, Backend.allocations, query)
            found += [
                (AllocationKey(backend.name, each.subnet, each.address), each) for each in part
            ]
            if len(found) >= limit:
                break
        return found

    def _in_subnet(self, call: Call, verb: Verb[A, T], request: A) -> T:
        """Run a verb on its request's subnet, which is founded where it is not in the book."""
        cidr = request.subnet.cidr
        with self._locks.shared(call, "subnet", str(cidr)):
            if booked := self._store.subnets.get(cidr):
                try:
                    return self._in_booked(call, booked, verb, request)
                except NotOpen as error:
                    _refuse_unmade(booked, error)
        with self._locks.exclusive(call, "subnet", str(cidr)):
            booked = self._store.subnets.get(cidr) or self._found(call, cidr)
            try:
                return self._in_held(call, booked, verb, request)
            except Exception as error:
                with rollback(error, f"found subnet {cidr}"):
                    self._registry.drop_unused_held(call.to_clean_up(), cidr)
                raise

    def _in_held(self, call: Call, booked: RegisteredSubnet, verb: Verb[A, T], request: A) -> T:
        """Run a verb on a subnet held exclusively; one that a failed undo has left is opened."""
        try:
            return self._in_booked(call, booked, verb, request)
        except NotOpen as error:
            _refuse_unmade(booked, error)
        self._registry.open(call, self._backends.get(booked.backend), booked.cidr)
        return self._in_booked(call, booked, verb, request)

    def _in_booked(self, call: Call, booked: RegisteredSubnet, verb: Verb[A, T], request: A) -> T:
        backend = self._backends.get(booked.backend)
        request = replace(request, subnet=self._registry.complete(booked))
        return self._answered(call, backend, verb, request)

    def _found(self, call: Call, cidr: IPNetwork) -> RegisteredSubnet:
        """Book a subnet and open it; the caller holds it exclusively."""
        backend = self._backends.get(DEFAULT_BACKEND)
        now = datetime.now(UTC)
        try:
            self._store.subnets.add(
                SubnetSpec(cidr), SubnetCandidates(()), backend.name, now, kept=False
            )
        except SubnetExists:
            return self._store.subnets.find(cidr)  # a network was faster, and opens it
        self._registry.open(call, backend, cidr)
        return self._store.subnets.find(cidr)

    def _answered(self, call: Call, backend: Plugin[Backend], verb: Verb[A, T], request: A) -> T:
        """Allocate what the caller will know of.

        Of an address without an owner nobody would ever know if that is not answered; one with an
        owner is found by a retry.
        """
        try:
            answer = backend.run(call, verb, request)
        except PluginTimeout as timeout:
            if is_under_way(timeout):
                on_completion(
                    timeout, partial(self._release_late, call, backend, request.subnet, timeout)
                )
            raise
        nameless = _nameless(answer)
        try:
            if nameless:
                require_caller(call)
        except CallerGone as gone:
            with rollback(gone, f"allocate in {request.subnet.cidr}"):
                _give_back(call, backend, request.subnet, nameless)
            raise
        return answer

    def _release_late(
        self, call: Call, backend: Plugin[Backend], subnet: Subnet, timeout: PluginTimeout
    ) -> None:
        """Give back what a verb allocated after its caller had been sent away, if it did."""
        if timeout.pending is None or timeout.pending.exception():
            return
        with rollback(timeout, f"allocate in {subnet.cidr}"):
            _give_back(call, backend, subnet, _nameless(timeout.pending.result()))
            self._registry.drop_unused(call.to_clean_up(), subnet.cidr)

    def _release(self, call: Call, cidr: IPNetwork, address: IPAddress, owner: str) -> Allocation:
        with self._locks.shared(call, "subnet", str(cidr)):
            booked = self._store.subnets.find(cidr)
            backend = self._backends.get(booked.backend)
            if address not in cidr:
                raise AddressOutOfRange(
                    f"{address} is not in {cidr}, so nobody has it there",
                    resource=f"address {address}",
                )
            holder = owner or self._holder(call, backend, cidr, address)
            _refuse_own(address, holder)
            request = ReleaseRequest(self._registry.complete(booked), address, owner=holder)
            return backend.run(call, Backend.release, request)

    def _release_all(
        self, call: Call, backend: Plugin[Backend], owner: str
    ) -> Sequence[Allocation]:
        """Take back what an owner has in one backend, and the subnets that nobody needs then."""
        try:
            released = backend.run(call, Backend.release_owner, owner)
        except PluginTimeout as timeout:
            if pending := timeout.pending:
                on_completion(timeout, lambda: self._drop(call.to_clean_up(), _subnets_of(pending)))
            raise
        self._drop(call, (allocation.subnet for allocation in released))
        return released

    def _drop(self, call: Call, cidrs: Iterable[IPNetwork]) -> None:
        """Drop those of some subnets whose last addresses were released."""
        for cidr in dict.fromkeys(cidrs):
            with best_effort(f"drop subnet {cidr}"):
                self._registry.drop_unused(call, cidr)

    def _holder(
        self, call: Call, backend: Plugin[Backend], cidr: IPNetwork, address: IPAddress
    ) -> str:
        query = AllocationQuery(subnet=cidr, address=address, limit=1)
        held = backend.run(call, Backend.allocations, query)
        if not held:
            raise AllocationNotFound(
                f"nobody has {address} of {cidr}; ListAllocations (mynetctl ipam ls) shows who has"
                " what",
                resource=f"address {address}",
            )
        return held[0].owner

    def _asked(
        self, cidr: IPNetwork | None, behind: AllocationKey | None
    ) -> Sequence[Plugin[Backend]]:
        """Return the backends that a list goes over, from the one where it had stopped."""
        if cidr is None:
            backends = sorted(self._backends.usable(), key=lambda backend: backend.name)
        else:
            subnet = self._store.subnets.get(cidr)
            backends = [self._backends.get(subnet.backend)] if subnet else []
        return [backend for backend in backends if behind is None or backend.name >= behind.backend]


def _subnets_of(ended: Future[Sequence[Allocation]]) -> Sequence[IPNetwork]:
    """Return the subnets of what was released after its caller had been sent away, if it was."""
    return [] if ended.exception() else [allocation.subnet for allocation in ended.result()]


def _nameless(answer: Allocation | Sequence[Allocation]) -> Sequence[Allocation]:
    """Return those without an owner."""
    found = [answer] if isinstance(answer, Allocation) else answer
    return [allocation for allocation in found if not allocation.owner]


def _give_back(
    call: Call, backend: Plugin[Backend], subnet: Subnet, unwanted: Sequence[Allocation]
) -> None:
    """Give back what was allocated for nobody."""
    for each in unwanted:
        request = ReleaseRequest(subnet, each.address, owner=each.owner)
        backend.run(call.to_clean_up(), Backend.release, request)


def _refuse_unmade(booked: RegisteredSubnet, error: NotOpen) -> None:
    """Raise Busy for an unopened subnet that a network or CreateSubnet is going to open.

    Whoever founds one holds it exclusively all the time, so any other has been left.
    """
    if booked.network_id or booked.kept:
        raise Busy(
            f"subnet {booked.cidr} is being made by another call; call again in a moment",
            resource=f"subnet {booked.cidr}",
        ) from error


def _refuse_own(address: IPAddress, holder: str) -> None:
    if is_own(holder):
        verb = "Disconnect" if holder.startswith(ENDPOINT_OWNER) else "DeleteNetwork"
        raise AddressOwned(
            f"{address} belongs to {holder.replace(':', ' ')}; {verb} gives it back",
            resource=f"address {address}",
            holder=holder,
        )

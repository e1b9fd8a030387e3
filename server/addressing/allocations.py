"""Allocations: addresses for callers that ask for them, in any subnet.

An allocation in a subnet that is not registered adds the subnet, which vanishes with its last
allocation. Networks and endpoints get their addresses through ``Leases``, from the same subnets.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from mynet.ipam import api as ipam
from mynet.ipam.errors import SubnetNotFound as NotOpen
from mynet.server import errors
from mynet.server.addressing.refusals import require_ordinary
from mynet.server.addressing.subnets import SubnetRegistry, is_open
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import after_late_verb, rollback
from mynet.server.model.subnets import RegisteredSubnet, SubnetCandidates, SubnetSpec
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.store.visible import Visible

DEFAULT_BACKEND = "bitmap"

A = TypeVar("A", ipam.AllocateRequest, ipam.BatchRequest)
T = TypeVar("T", ipam.Allocation, Sequence[ipam.Allocation])
Verb = Callable[[ipam.Backend, Call, A], T]


@dataclass(frozen=True, slots=True)
class Allocations:
    """Addresses that callers allocate by themselves. ``Releases`` takes them back."""

    store: Store
    backends: Catalog[ipam.Backend]
    locks: KeyedLocks
    registry: SubnetRegistry

    def allocate(self, call: Call, request: ipam.AllocateRequest) -> ipam.Allocation:
        """Allocate an address. The rules of its subnet come from the registry.

        Raises Busy where another call is creating the subnet, SubnetOverlap, CallerGone, and what
        the backend's verb raises.
        """
        return self._allocate(call, ipam.Backend.allocate, request)

    def allocate_batch(self, call: Call, request: ipam.BatchRequest) -> Sequence[ipam.Allocation]:
        """Allocate an address to each owner, all or none. Raises what :meth:`allocate` does."""
        return self._allocate(call, ipam.Backend.allocate_batch, request)

    def _allocate(self, call: Call, verb: Verb[A, T], request: A) -> T:
        cidr = request.subnet.cidr
        Visible(self.store, call.caller.scope).require_subnet(cidr)
        with self.locks.shared(call, "subnet", str(cidr)):
            if subnet := self.store.subnets.get(cidr):
                try:
                    return self._run(call, subnet, verb, request)
                except NotOpen:
                    _require_abandoned(subnet)
        with self._ensured(call, cidr) as subnet:
            return self._run(call, subnet, verb, request)

    @contextmanager
    def _ensured(self, call: Call, cidr: ipam.IPNetwork) -> Iterator[RegisteredSubnet]:
        """Hold a subnet exclusively, and register and open it where it is missing.

        Where the block fails, a subnet that has no address is dropped again.
        """
        with self.locks.exclusive(call, "subnet", str(cidr)):
            if self.store.subnets.get(cidr) is None:
                require_ordinary(cidr)
                backend = self.backends.get(DEFAULT_BACKEND)
                spec, pools, now = SubnetSpec(cidr), SubnetCandidates(()), datetime.now(UTC)
                with suppress(errors.SubnetExists):  # a network claims a subnet without this lock
                    self.store.subnets.add(spec, pools, backend.name, now, kept=False)
            try:
                subnet = self.store.subnets.find(cidr)
                backend = self.backends.get(subnet.backend)
                if not is_open(call, backend, self.registry.complete(subnet)):
                    _require_abandoned(subnet)
                    self.registry.open(call, backend, cidr)
                yield subnet
            except Exception as error:
                with rollback(error, f"add subnet {cidr}"):
                    self.registry.drop_unused_held(call.for_rollback(), cidr)
                raise

    def _run(self, call: Call, subnet: RegisteredSubnet, verb: Verb[A, T], request: A) -> T:
        """Run a verb that allocates, and release what a caller that has gone would not learn of.

        If the reply is lost, an address without an owner can never be found again. A retry finds
        one with an owner.
        """
        backend = self.backends.get(subnet.backend)
        rules = self.registry.complete(subnet)
        with after_late_verb(partial(self._release_late, call, backend, rules)):
            answer = backend.run(call, verb, replace(request, subnet=rules))
        without_owner = _without_owner(answer)
        try:
            if without_owner:
                require_caller(call)
        except errors.CallerGone as gone:
            with rollback(gone, f"allocate in {rules.cidr}"):
                _give_back(call, backend, rules, without_owner)
            raise
        return answer

    def _release_late(
        self,
        call: Call,
        backend: Plugin[ipam.Backend],
        subnet: ipam.Subnet,
        timeout: errors.PluginTimeout,
    ) -> None:
        """Release what a verb allocated after its caller had got PLUGIN_TIMEOUT."""
        if timeout.pending is None or timeout.pending.exception():
            return
        with rollback(timeout, f"allocate in {subnet.cidr}"):
            _give_back(call, backend, subnet, _without_owner(timeout.pending.result()))
            self.registry.drop_unused(call.for_rollback(), subnet.cidr)


def _without_owner(
    answer: ipam.Allocation | Sequence[ipam.Allocation],
) -> Sequence[ipam.Allocation]:
    allocations = [answer] if isinstance(answer, ipam.Allocation) else answer
    return [allocation for allocation in allocations if not allocation.owner]


def _give_back(
    call: Call,
    backend: Plugin[ipam.Backend],
    subnet: ipam.Subnet,
    unwanted: Sequence[ipam.Allocation],
) -> None:
    for allocation in unwanted:
        request = ipam.ReleaseRequest(subnet, allocation.address, owner=allocation.owner)
        backend.run(call.for_rollback(), ipam.Backend.release, request)


def _require_abandoned(subnet: RegisteredSubnet) -> None:
    """Raise Busy for an unopened subnet that a network or CreateSubnet is going to open.

    An allocation that adds a subnet holds it exclusively until it is open. So any other unopened
    subnet was left by a rollback that failed.
    """
    if subnet.network_id or subnet.kept:
        raise errors.Busy(
            f"subnet {subnet.cidr} is being created by another call; call again in a moment",
            resource=f"subnet {subnet.cidr}",
        )

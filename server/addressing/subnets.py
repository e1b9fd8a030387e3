"""The subnets of the address book: founding and ending them, and how full they are.

A subnet comes into the book with a network, by CreateSubnet, or with the first address that
somebody allocates of it. The last kind vanishes with its last allocation.
"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from mynet.ipam import api as ipam
from mynet.ipam.api import AllocationQuery, Backend, IPNetwork, MapQuery
from mynet.ipam.errors import SubnetNotFound as NotOpen
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import best_effort, is_under_way, on_completion, rollback
from mynet.server.errors import SubnetInUse, SubnetNotFound
from mynet.server.host import Host, nameservers
from mynet.server.model.subnets import (
    MIN_MTU_IPV6,
    Defaults,
    RegisteredSubnet,
    SubnetCandidates,
    SubnetMap,
    SubnetReport,
    SubnetSize,
    SubnetSpec,
)
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store

MOST_PARTS = 4096  # of a map: what an answer can hold, and a person take in


class SubnetRegistry:
    """The subnets that there are."""

    def __init__(
        self,
        store: Store,
        backends: Catalog[Backend],
        locks: KeyedLocks,
        host: Host,
        defaults: Defaults,
    ) -> None:
        self._store = store
        self._backends = backends
        self._locks = locks
        self._host = host
        self._defaults = defaults

    def create(self, call: Call, spec: SubnetSpec, backend_name: str) -> SubnetReport:
        """Book a subnet that stays until it is deleted. A failure leaves nothing.

        Raises SubnetExists, SubnetOverlap, PoolsExhausted and BackendNotFound.
        """
        backend = self._backends.get(backend_name)
        ground = self.candidates([spec])
        with contextlib.ExitStack() as held:
            if spec.cidr:  # what is not opened yet could be deleted
                held.enter_context(self._locks.exclusive(call, "subnet", str(spec.cidr)))
            cidr = self._store.subnets.add(spec, ground, backend.name, datetime.now(UTC), kept=True)
            if not spec.cidr:
                held.enter_context(self._locks.exclusive(call, "subnet", str(cidr)))
                self._store.subnets.find(cidr)  # somebody may have guessed and deleted it
            self.open(call, backend, cidr)
            try:
                require_caller(call)
                return self.report(call, cidr)
            except Exception as error:
                with rollback(error, f"book subnet {cidr}"):
                    self.drop(call.to_clean_up(), backend, cidr)
                raise

    def delete(self, call: Call, cidr: IPNetwork, *, allow_missing: bool) -> None:
        """Take a subnet out of the book. Raises SubnetNotFound and SubnetInUse."""
        try:
            with self._locks.exclusive(call, "subnet", str(cidr)):
                self._delete(call, cidr)
        except SubnetNotFound:
            if not allow_missing:
                raise

    def rules(self, cidr: IPNetwork) -> ipam.Subnet:
        """Return a subnet with the rules that hold in it. Raises SubnetNotFound."""
        return self.complete(self._store.subnets.find(cidr))

    def complete(self, subnet: RegisteredSubnet) -> ipam.Subnet:
        """Return a subnet with the rules that hold in it."""
        return self._defaults.applied(subnet.cidr, subnet.rules)

    def candidates(self, specs: Sequence[SubnetSpec]) -> SubnetCandidates:
        """Return what the subnets that nobody named are chosen from: a look at the host."""
        if all(spec.cidr for spec in specs):
            return SubnetCandidates(())
        return SubnetCandidates(self._defaults.pools, [*self._host.occupied(), *nameservers()])

    def unnamed(self, mtu: int) -> tuple[SubnetSpec, ...]:
        """Return the specs of whoever has none: a subnet of each family that has a pool.

        Devices too small for IPv6 get none of it. Where nothing is left to spec for, one of IPv4:
        so whoever chooses says that there is none.
        """
        versions = {pool.base.version for pool in self._defaults.pools}
        if mtu < MIN_MTU_IPV6:
            versions.discard(6)
        return tuple(SubnetSpec(None, size=SubnetSize(each)) for each in sorted(versions or {4}))

    def report(self, call: Call, cidr: IPNetwork) -> SubnetReport:
        """Say who uses a subnet and how full it is. Raises SubnetNotFound."""
        return self._report(call, self._store.subnets.find(cidr))

    def reports(
        self, call: Call, behind: IPNetwork | None, limit: int
    ) -> Sequence[tuple[IPNetwork, SubnetReport]]:
        """Say so of at most ``limit`` subnets behind a CIDR, IPv4 first, by address.

        One that is being founded or dropped at this moment is left out: its backend has no book.
        """
        found: list[tuple[IPNetwork, SubnetReport]] = []
        while booked := self._store.subnets.page(behind, limit - len(found)):
            for subnet in booked:
                with contextlib.suppress(NotOpen):
                    found.append((subnet.cidr, self._report(call, subnet)))
            behind = booked[-1].cidr
        return found

    def map(self, call: Call, cidr: IPNetwork, prefixlen: int) -> SubnetMap:
        """Say how full the parts of a subnet are; larger parts, where there would be too many.

        Raises SubnetNotFound.
        """
        report = self.report(call, cidr)
        backend = self._backends.get(report.subnet.backend)
        while True:
            query = MapQuery(report.rules, prefixlen)
            parts = backend.run(call, Backend.parts, query)
            if len(parts) <= MOST_PARTS:
                return SubnetMap(report, prefixlen, parts)
            prefixlen = max(prefixlen - 4, cidr.prefixlen)

    def open(self, call: Call, backend: Plugin[Backend], cidr: IPNetwork) -> None:
        """Have the backend open a subnet that was just booked; else it is unbooked.

        The caller holds it exclusively.
        """
        try:
            backend.run(call, Backend.open_subnet, cidr)
        except Exception as error:
            with rollback(error, f"book subnet {cidr}"):
                self.drop(call.to_clean_up(), backend, cidr)
            if is_under_way(error):
                on_completion(error, partial(self._close_stray, call, backend, cidr, error))
            raise

    def drop_unused(self, call: Call, cidr: IPNetwork) -> None:
        """Take a subnet out of the book if it is not kept, nobody uses it or has an address."""
        # Seldom true, and asked after every release: so look first, and lock to be certain.
        if self.unused(call, cidr):
            with self._locks.exclusive(call, "subnet", str(cidr)):
                self.drop_unused_held(call, cidr)

    def drop_unused_held(self, call: Call, cidr: IPNetwork) -> None:
        """Do so for a subnet that the caller holds exclusively."""
        if backend := self.unused(call, cidr):
            self.drop(call, backend, cidr)

    def unused(self, call: Call, cidr: IPNetwork) -> Plugin[Backend] | None:
        """Return the backend of a subnet that may go, or None where it is to stay."""
        subnet = self._store.subnets.get(cidr)
        if subnet is None or subnet.network_id or subnet.kept:
            return None
        backend = self._backends.get(subnet.backend)
        query = AllocationQuery(subnet=cidr, limit=1)
        return None if backend.run(call, Backend.allocations, query) else backend

    def _close_stray(
        self, call: Call, backend: Plugin[Backend], cidr: IPNetwork, error: Exception
    ) -> None:
        """Close a subnet that a verb opened after it had been dropped again."""
        call = call.to_clean_up()
        with (
            rollback(error, f"book subnet {cidr}"),
            self._locks.exclusive(call, "subnet", str(cidr)),
        ):
            if self._store.subnets.get(cidr) is None:
                backend.run(call, Backend.close_subnet, cidr)

    def _delete(self, call: Call, cidr: IPNetwork) -> None:
        subnet = self._store.subnets.find(cidr)
        if subnet.network_id:
            raise _used(subnet)
        backend = self._backends.get(subnet.backend)
        held = 0
        with contextlib.suppress(NotOpen):  # an undo may have failed half-way
            held = backend.run(call, Backend.usage, self.complete(subnet)).allocated
        if held:
            raise SubnetInUse(
                f"{held} addresses of subnet {cidr} are held; release them first"
                " (ListAllocations, mynetctl ipam ls, shows who has them)",
                resource=f"subnet {cidr}",
                metadata={"allocated": str(held)},
            )
        if not self._store.subnets.drop(cidr):
            raise _used(self._store.subnets.find(cidr))  # a network was faster
        with best_effort(f"close subnet {cidr}"):
            backend.run(call, Backend.close_subnet, cidr)

    def drop(self, call: Call, backend: Plugin[Backend], cidr: IPNetwork) -> None:
        """Take a subnet that no network uses out of the book; the caller holds it exclusively."""
        # The registry first: a network that claims the subnet from here on founds it again, and
        # waits for the lock before it opens it.
        if self._store.subnets.drop(cidr):
            backend.run(call, Backend.close_subnet, cidr)

    def _report(self, call: Call, subnet: RegisteredSubnet) -> SubnetReport:
        rules = self.complete(subnet)
        usage = self._backends.get(subnet.backend).run(call, Backend.usage, rules)
        network = self._store.networks.get(subnet.network_id)
        gateways = {part.cidr: part.gateway for part in network.subnets} if network else {}
        return SubnetReport(subnet, rules, gateways.get(subnet.cidr), usage)


def _used(subnet: RegisteredSubnet) -> SubnetInUse:
    return SubnetInUse(
        f"subnet {subnet.cidr} is used by network {subnet.network}; delete that first",
        resource=f"subnet {subnet.cidr}",
        holder=f"network {subnet.network}",
    )

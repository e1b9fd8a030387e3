"""The registry of subnets: adding and dropping them, and how full they are.

A subnet is registered with a network, by CreateSubnet, or with the first address that a caller
allocates in it. The last kind vanishes with its last allocation.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from mynet.drivers.api import IPV4, IPV6
from mynet.ipam import api as ipam
from mynet.ipam.errors import SubnetNotFound as NotOpen
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import best_effort, is_under_way, on_completion, rollback
from mynet.server.errors import SubnetInUse, SubnetNotFound
from mynet.server.host import Host, nameservers
from mynet.server.model import subnets as model
from mynet.server.model.subnet_room import chosen_from
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.store.visible import Visible

MAX_PARTS = 4096  # of a map: what an answer can hold, and a person take in


@dataclass(frozen=True, slots=True)
class SubnetRegistry:
    """All subnets of this daemon, of networks and of callers."""

    store: Store
    backends: Catalog[ipam.Backend]
    locks: KeyedLocks
    host: Host
    defaults: model.Defaults
    # The IP versions that the host's kernel has.
    versions: frozenset[int]

    def create(self, call: Call, spec: model.SubnetSpec, backend_name: str) -> model.SubnetReport:
        """Register a subnet that stays until it is deleted. A failure leaves nothing.

        Raises SubnetExists, SubnetOverlap, PoolsExhausted, BackendNotFound and CallerGone.
        """
        backend = self.backends.get(backend_name)
        candidates = self.candidates([spec])
        with contextlib.ExitStack() as held:
            if spec.cidr:  # before it is opened, another call could delete it
                held.enter_context(self.locks.exclusive(call, "subnet", str(spec.cidr)))
            cidr = self.store.subnets.add(
                spec, candidates, backend.name, datetime.now(UTC), kept=True
            )
            if not spec.cidr:
                held.enter_context(self.locks.exclusive(call, "subnet", str(cidr)))
                self.store.subnets.find(cidr)  # another call may have deleted it by now
            self.open(call, backend, cidr)
            try:
                require_caller(call)
                return self.report(call, cidr)
            except Exception as error:
                with rollback(error, f"register subnet {cidr}"):
                    self.drop(call.for_rollback(), backend, cidr)
                raise

    def delete(self, call: Call, cidr: ipam.IPNetwork, *, allow_missing: bool) -> None:
        """Delete a subnet. Raises SubnetInUse, and SubnetNotFound unless ``allow_missing``."""
        try:
            with self.locks.exclusive(call, "subnet", str(cidr)):
                self._delete(call, cidr)
        except SubnetNotFound:
            if not allow_missing:
                raise

    def rules(self, cidr: ipam.IPNetwork) -> ipam.Subnet:
        """Return the rules that hold in a subnet. Raises SubnetNotFound."""
        return self.complete(self.store.subnets.find(cidr))

    def complete(self, subnet: model.RegisteredSubnet) -> ipam.Subnet:
        """Return the rules that hold in a registered subnet."""
        return self.defaults.applied(subnet.cidr, subnet.rules)

    def candidates(self, specs: Sequence[model.SubnetSpec]) -> model.SubnetCandidates:
        """Return what subnets without a CIDR are chosen from, on the host as it is now."""
        if all(spec.cidr for spec in specs):
            return model.SubnetCandidates(())
        return model.SubnetCandidates(
            self.defaults.pools, [*self.host.host.occupied_subnets(), *nameservers()]
        )

    def unnamed(self, mtu: int) -> tuple[model.SubnetSpec, ...]:
        """Return the specs of a network that names no subnet: one of each family with a pool.

        A network gets no IPv6 subnet where its MTU is too small for IPv6, or the host's kernel has
        none. Where that leaves no family, the spec of an IPv4 subnet is returned, and its choice
        raises PoolsExhausted.
        """
        versions = {pool.base.version for pool in self.defaults.pools} & self.versions
        if mtu < model.MIN_MTU_IPV6:
            versions.discard(IPV6)
        return tuple(
            model.SubnetSpec(None, size=model.SubnetSize(version))
            for version in sorted(versions or {IPV4})
        )

    def report(self, call: Call, cidr: ipam.IPNetwork) -> model.SubnetReport:
        """Return the user of a subnet and how full it is. Raises SubnetNotFound."""
        return self._report(call, Visible(self.store, call.caller.scope).subnet(cidr))

    def reports(
        self, call: Call, behind: ipam.IPNetwork | None, limit: int
    ) -> Sequence[tuple[ipam.IPNetwork, model.SubnetReport]]:
        """Return up to ``limit`` reports for the subnets after ``behind``, IPv4 first, by address.

        A subnet that is being added or dropped is left out, as its backend has not opened it.
        """
        visible = Visible(self.store, call.caller.scope)
        reports: list[tuple[ipam.IPNetwork, model.SubnetReport]] = []
        while page := self.store.subnets.page(behind, limit - len(reports)):
            for subnet in page:
                if not visible.has_network(subnet.network_id):
                    continue
                with contextlib.suppress(NotOpen):
                    reports.append((subnet.cidr, self._report(call, subnet)))
            behind = page[-1].cidr
        return reports

    def map(self, call: Call, cidr: ipam.IPNetwork, prefixlen: int) -> model.SubnetMap:
        """Return how full the parts of a subnet are.

        The parts are larger than asked for where there would be too many. Raises SubnetNotFound.
        """
        report = self.report(call, cidr)
        backend = self.backends.get(report.subnet.backend)
        while True:
            query = ipam.MapQuery(chosen_from(report.rules), prefixlen)
            parts = backend.run(call, ipam.Backend.parts, query)
            if len(parts) <= MAX_PARTS:
                return model.SubnetMap(report, prefixlen, parts)
            prefixlen = max(prefixlen - 4, cidr.prefixlen)

    def open(self, call: Call, backend: Plugin[ipam.Backend], cidr: ipam.IPNetwork) -> None:
        """Open a subnet in its backend, or drop it where that fails.

        The caller must hold it exclusively. Raises what the backend raises.
        """
        try:
            backend.run(call, ipam.Backend.open_subnet, cidr)
        except Exception as error:
            with rollback(error, f"register subnet {cidr}"):
                self.drop(call.for_rollback(), backend, cidr)
            if is_under_way(error):
                on_completion(error, partial(self._close_orphan, call, backend, cidr, error))
            raise

    def drop_unused(self, call: Call, cidr: ipam.IPNetwork) -> None:
        """Drop a subnet that is not kept, has no network and no allocation."""
        # This is seldom true and checked after every release. So check, and lock to be certain.
        if self.unused(call, cidr):
            with self.locks.exclusive(call, "subnet", str(cidr)):
                self.drop_unused_held(call, cidr)

    def drop_unused_held(self, call: Call, cidr: ipam.IPNetwork) -> None:
        """Do the same for a subnet that the caller holds exclusively."""
        if backend := self.unused(call, cidr):
            self.drop(call, backend, cidr)

    def unused(self, call: Call, cidr: ipam.IPNetwork) -> Plugin[ipam.Backend] | None:
        """Return the backend of a subnet that may be dropped, or None where it must stay."""
        subnet = self.store.subnets.get(cidr)
        if subnet is None or subnet.network_id or subnet.kept:
            return None
        backend = self.backends.get(subnet.backend)
        query = ipam.AllocationQuery(subnet=cidr, limit=1)
        return None if backend.run(call, ipam.Backend.allocations, query) else backend

    def _close_orphan(
        self, call: Call, backend: Plugin[ipam.Backend], cidr: ipam.IPNetwork, error: Exception
    ) -> None:
        """Close a subnet that a late verb opened after it had been dropped."""
        call = call.for_rollback()
        with (
            rollback(error, f"register subnet {cidr}"),
            self.locks.exclusive(call, "subnet", str(cidr)),
        ):
            if self.store.subnets.get(cidr) is None:
                backend.run(call, ipam.Backend.close_subnet, cidr)

    def _delete(self, call: Call, cidr: ipam.IPNetwork) -> None:
        subnet = self.store.subnets.find(cidr)
        if subnet.network_id:
            raise _used(subnet)
        backend = self.backends.get(subnet.backend)
        held = 0
        with contextlib.suppress(NotOpen):  # a rollback may have failed
            held = backend.run(call, ipam.Backend.usage, self.complete(subnet)).allocated
        if held:
            raise SubnetInUse(
                f"{held} addresses of subnet {cidr} are allocated; release them first"
                " (ListAllocations, mynetctl ipam ls, shows their owners)",
                resource=f"subnet {cidr}",
                metadata={"allocated": str(held)},
            )
        if not self.store.subnets.drop(cidr):
            raise _used(self.store.subnets.find(cidr))  # a network was faster
        with best_effort(f"close subnet {cidr}"):
            backend.run(call, ipam.Backend.close_subnet, cidr)

    def drop(self, call: Call, backend: Plugin[ipam.Backend], cidr: ipam.IPNetwork) -> None:
        """Drop a subnet that no network uses. The caller must hold it exclusively."""
        # The record goes first. A network that claims the subnet from here on registers it again,
        # and waits for the lock before it opens it.
        if self.store.subnets.drop(cidr):
            backend.run(call, ipam.Backend.close_subnet, cidr)

    def _report(self, call: Call, subnet: model.RegisteredSubnet) -> model.SubnetReport:
        rules = self.complete(subnet)
        backend = self.backends.get(subnet.backend)
        usage = backend.run(call, ipam.Backend.usage, chosen_from(rules))
        network = self.store.networks.get(subnet.network_id)
        gateways = {part.cidr: part.gateway for part in network.subnets} if network else {}
        return model.SubnetReport(subnet, rules, gateways.get(subnet.cidr), usage)


def is_open(call: Call, backend: Plugin[ipam.Backend], subnet: ipam.Subnet) -> bool:
    """Return whether a backend has opened a subnet."""
    try:
        backend.run(call, ipam.Backend.usage, subnet)
    except NotOpen:
        return False
    return True


def _used(subnet: model.RegisteredSubnet) -> SubnetInUse:
    return SubnetInUse(
        f"subnet {subnet.cidr} is used by network {subnet.network}; delete that first",
        resource=f"subnet {subnet.cidr}",
        holder=f"network {subnet.network}",
    )

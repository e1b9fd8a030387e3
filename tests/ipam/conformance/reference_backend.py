"""A backend in dictionaries: the contract in as few lines as it takes.

It is the model that the bitmap backend is compared with, so it hands out the same addresses; and
the base of the backends in ``nonconforming_*.py``, each of which breaks one claim.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import deepcopy
from ipaddress import ip_network

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendInfo,
    BatchRequest,
    Call,
    Holding,
    Holdings,
    IPAddress,
    IPNetwork,
    MapQuery,
    Part,
    ReleaseRequest,
    Subnet,
    Usage,
)
from mynet.ipam.errors import AllocationNotFound, IpamError, OwnerMismatch, SubnetInUse
from tests.ipam.conformance.reference_state import SubnetTable, numbers_reserved, reserving
from tests.ipam.conformance.reference_steps import ReferenceSteps


class ReferenceBackend(ReferenceSteps, Backend):
    """Keeps the contract."""

    @property
    def info(self) -> BackendInfo:
        return BackendInfo("plain")

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self.guard:
            self.state.tables.setdefault(subnet, SubnetTable(subnet))

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self.guard:
            table = self.state.tables.get(subnet)
            if table and table.held:
                raise SubnetInUse(f"{subnet} has allocations", resource=f"subnet {subnet}")
            self.state.tables.pop(subnet, None)

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        with self.transaction(request.subnet) as table:
            if request.address is not None:
                return self.allocate_address(table, request, request.address)
            if held := self.first_of(table, request.owner):
                return held
            address = self.recalled(table, request) or self.next_free(table, request.subnet)
            return self.insert(table, self.holding(request, address))

    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        with self.transaction(request.subnet) as table:
            new: list[str] = []
            for owner in request.owners:
                if not owner or (owner not in new and not self.first_of(table, owner)):
                    new.append(owner)
            addresses = self.choose(table, request.subnet, len(new))
            made = [
                self.insert(table, Holding(address, owner, labels=request.labels))
                for owner, address in zip(new, addresses, strict=True)
            ]
            nameless = iter([allocation for allocation in made if not allocation.owner])
            return [self.first_of(table, owner) or next(nameless) for owner in request.owners]

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        with self.transaction(request.subnet) as table:
            address = request.address
            self.require_inside(table, address)
            held = table.held.get(address)
            if held is None:
                raise AllocationNotFound("it is not allocated", resource=f"address {address}")
            if not self.may_release(held, request):
                raise OwnerMismatch(
                    "another has it", resource=f"address {address}", holder=held.owner
                )
            self.enqueue(table, held)
            return held

    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        with self.guard:
            query = AllocationQuery(owner=owner)
            held = [allocation for allocation in self.held() if self.selects(query, allocation)]
            for allocation in held:
                self.enqueue(self.table(allocation.subnet), allocation)
            return held

    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        with self.guard:
            before = deepcopy(self.state.tables)
            self.state.revision += 1
            try:
                for subnet_holdings in holdings:
                    self.open_subnet(call, subnet_holdings.subnet.cidr)
                    for holding in subnet_holdings.held:
                        self.load_one(
                            self.table(subnet_holdings.subnet.cidr), subnet_holdings.subnet, holding
                        )
            except IpamError:
                self.state.tables = before
                raise

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        return [allocation for allocation in self.held() if self.selects(query, allocation)][
            : query.limit
        ]

    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        with self.guard:
            return self.recalled(self.table(request.subnet.cidr), request)

    def usage(self, call: Call, subnet: Subnet) -> Usage:
        with self.guard:
            table = self.table(subnet.cidr)
            held = sum(1 for address in table.held if reserving(subnet, address))
            cooling = len(self.cooling(table, subnet))
            capacity = table.last - table.first + 1
            return Usage(capacity, len(table.held), numbers_reserved(subnet) - held, cooling)

    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        with self.guard:
            table = self.table(query.subnet.cidr)
            held = self.by_part(table.held, query)
            cooling = self.by_part(self.cooling(table, query.subnet), query)
        found = sorted({*held, *cooling}, key=lambda part: int(part[0]))
        return [Part(part, held[part], cooling[part]) for part in found]

    def held(self) -> Sequence[Allocation]:
        """Return all allocations, in order."""
        with self.guard:
            held = [
                allocation
                for table in self.state.tables.values()
                for allocation in table.held.values()
            ]
        return sorted(held, key=self.place)

    def cooling(self, table: SubnetTable, subnet: Subnet) -> Sequence[IPAddress]:
        """Return those that cool down and are not reserved."""
        cooling = [
            address for address, since in table.released.items() if self.is_cooling(subnet, since)
        ]
        return [address for address in cooling if not reserving(subnet, address)]

    def by_part(self, addresses: Iterable[IPAddress], query: MapQuery) -> Counter[IPNetwork]:
        """Count addresses by the part that they are in."""
        parts = (ip_network((address, query.prefixlen), strict=False) for address in addresses)
        return Counter(parts)

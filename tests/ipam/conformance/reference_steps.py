"""The steps of the reference backend, which nonconforming ones override."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import ClassVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    BackendContext,
    Holding,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.bitmap.clock import BootClock, BootTime, Clock
from mynet.ipam.errors import (
    AddressInUse,
    AddressOutOfRange,
    AddressReserved,
    SubnetExhausted,
    SubnetNotFound,
)
from tests.ipam.conformance.reference_state import State, SubnetTable, reserving


class ReferenceSteps:
    """The steps of the verbs of ReferenceBackend."""

    disk: ClassVar[dict[Path, State]] = {}  # what is left when a backend is closed
    most_released = 65536

    def __init__(self, context: BackendContext, clock: Clock | None = None) -> None:
        self.instance = context.instance
        self.clock = clock or BootClock()
        self.guard: AbstractContextManager[object] = threading.RLock()
        self.state = self.disk.setdefault(context.state_dir, State())

    @contextmanager
    def transaction(self, subnet: Subnet) -> Iterator[SubnetTable]:
        """Run a verb on a subnet, under the lock."""
        with self.guard:
            table = self.table(subnet.cidr)
            self.state.revision += 1
            try:
                yield table
            finally:
                self.delete_expired(table, subnet)

    def table(self, cidr: IPNetwork) -> SubnetTable:
        if cidr not in self.state.tables:
            raise SubnetNotFound(f"{cidr} is not open", resource=f"subnet {cidr}")
        return self.state.tables[cidr]

    # Choice of an address.

    def first_of(self, table: SubnetTable, owner: str) -> Allocation | None:
        mine = [
            allocation for allocation in table.held.values() if owner and allocation.owner == owner
        ]
        return min(
            mine,
            key=lambda allocation: (allocation.revision, int(allocation.address)),
            default=None,
        )

    def recalled(self, table: SubnetTable, request: AllocateRequest) -> IPAddress | None:
        """Return what the sticky key leads to, if it is to be had."""
        if request.sticky_key not in table.remembered:
            return None
        address, since = table.remembered[request.sticky_key]
        late = self.elapsed(since) >= request.subnet.retention
        if late or address in table.held or reserving(request.subnet, address):
            return None
        return address

    def next_free(self, table: SubnetTable, subnet: Subnet) -> IPAddress:
        return self.choose(table, subnet, 1)[0]

    def choose(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        unused = list(islice(self.unused(table, subnet), count))
        cooled_down = self.cooled_down(table, subnet, count - len(unused))
        if unused:
            table.cursor = int(unused[-1]) + 1
        return [*unused, *cooled_down]

    def unused(self, table: SubnetTable, subnet: Subnet) -> Iterator[IPAddress]:
        low, high = self.chosen_from(table, subnet)
        start = max(table.cursor, low)
        for first, last in ((start, high), (low, min(start - 1, high))):
            number = first
            while number <= last:
                address = table.address(number)
                if span := reserving(subnet, address):
                    number = int(span.last)
                elif address not in table.held and address not in table.released:
                    yield address
                number += 1

    def cooled_down(self, table: SubnetTable, subnet: Subnet, count: int) -> Sequence[IPAddress]:
        if not count:
            return []
        usable_released = self.usable_released(table, subnet)
        if len(usable_released) < count:
            raise self.exhausted(subnet, 0.0)
        last = table.released[usable_released[count - 1]]
        if self.is_cooling(subnet, last):
            raise self.exhausted(subnet, subnet.cooldown - self.elapsed(last))
        return usable_released[:count]

    def usable_released(self, table: SubnetTable, subnet: Subnet) -> Sequence[IPAddress]:
        """Return those that rest and may be chosen, the longest released first."""
        low, high = self.chosen_from(table, subnet)
        inside = [address for address in table.released if low <= int(address) <= high]
        return [address for address in inside if not reserving(subnet, address)]

    def chosen_from(self, table: SubnetTable, subnet: Subnet) -> tuple[int, int]:
        if subnet.range is None:
            return table.first, table.last
        return max(table.first, int(subnet.range.first)), min(table.last, int(subnet.range.last))

    def exhausted(self, subnet: Subnet, seconds: float) -> SubnetExhausted:
        resource = f"subnet {subnet.cidr}"
        return SubnetExhausted("nothing is free", resource=resource, retry_after=seconds)

    # Allocation.

    def allocate_address(
        self, table: SubnetTable, request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        self.require_inside(table, address)
        self.require_usable(table, address)
        held = table.held.get(address)
        if held and request.owner and held.owner == request.owner:
            return held
        if held and not self.may_transfer(held, request):
            raise self.in_use(held)
        if not held:
            self.require_unreserved(request.subnet, address)
        return self.insert(table, self.holding(request, address))

    def load_one(self, table: SubnetTable, subnet: Subnet, holding: Holding) -> None:
        self.require_inside(table, holding.address)
        self.require_usable(table, holding.address)
        held = table.held.get(holding.address)
        if held and held.owner != holding.owner:
            raise self.in_use(held)
        if not held:
            self.require_unreserved(subnet, holding.address)
            self.insert(table, holding)

    def require_inside(self, table: SubnetTable, address: IPAddress) -> None:
        if address not in table.subnet:
            raise AddressOutOfRange(f"{address} is outside", resource=f"address {address}")

    def require_usable(self, table: SubnetTable, address: IPAddress) -> None:
        if not table.first <= int(address) <= table.last:
            raise AddressReserved(f"{address} is never handed out", resource=f"address {address}")

    def require_unreserved(self, subnet: Subnet, address: IPAddress) -> None:
        if reserving(subnet, address):
            raise AddressReserved(f"{address} is reserved", resource=f"address {address}")

    def may_transfer(self, held: Allocation, request: AllocateRequest) -> bool:
        return request.take_from != "" and held.owner == request.take_from

    def in_use(self, held: Allocation) -> AddressInUse:
        return AddressInUse(
            f"{held.address} is held", resource=f"address {held.address}", holder=held.owner
        )

    def holding(self, request: AllocateRequest, address: IPAddress) -> Holding:
        return Holding(address, request.owner, request.sticky_key, request.labels)

    def insert(self, table: SubnetTable, holding: Holding) -> Allocation:
        table.released.pop(holding.address, None)
        table.remembered.pop(holding.sticky_key, None)
        table.held[holding.address] = self.allocation(table, holding)
        return table.held[holding.address]

    def allocation(self, table: SubnetTable, holding: Holding) -> Allocation:
        return Allocation(
            table.subnet,
            holding.address,
            holding.owner,
            self.instance,
            create_time=datetime.now(UTC),
            revision=self.state.revision,
            labels=holding.labels,
            sticky_key=holding.sticky_key,
        )

    # Release.

    def may_release(self, held: Allocation, request: ReleaseRequest) -> bool:
        return request.owner in (None, held.owner)

    def enqueue(self, table: SubnetTable, held: Allocation) -> None:
        del table.held[held.address]
        table.released[held.address] = self.clock.now()
        if held.sticky_key:
            self.remember(table, held)

    def remember(self, table: SubnetTable, held: Allocation) -> None:
        table.remembered[held.sticky_key] = held.address, self.clock.now()

    def delete_expired(self, table: SubnetTable, subnet: Subnet) -> None:
        """Delete keys whose retention has passed, and the oldest of too many released addresses."""
        for key, (_, since) in list(table.remembered.items()):
            if self.elapsed(since) >= subnet.retention:
                del table.remembered[key]
        while len(table.released) > self.most_released:
            longest = next(iter(table.released))
            if self.is_cooling(subnet, table.released[longest]):
                break
            del table.released[longest]

    def is_cooling(self, subnet: Subnet, since: BootTime) -> bool:
        return self.elapsed(since) < subnet.cooldown

    def elapsed(self, since: BootTime) -> float:
        """Return the seconds since a moment, or since the boot where that was in an earlier one."""
        now = self.clock.now()
        then = since.nanoseconds if since.boot == now.boot else 0
        return (now.nanoseconds - then) / 1e9

    # Queries.

    def place(self, allocation: Allocation) -> tuple[object, ...]:
        return (allocation.subnet.version, allocation.subnet.network_address, allocation.address)

    def selects(self, query: AllocationQuery, allocation: Allocation) -> bool:
        return (
            query.subnet in (None, allocation.subnet)
            and query.address in (None, allocation.address)
            and query.owner in ("", allocation.owner)
            and allocation.owner.startswith(query.owner_prefix)
            and self.is_behind(query.after, allocation)
        )

    def is_behind(self, after: tuple[IPNetwork, IPAddress] | None, allocation: Allocation) -> bool:
        if after is None:
            return True
        subnet, address = after
        return self.place(allocation) > (subnet.version, subnet.network_address, address)

"""The verbs that change allocations. Each raises before it changes anything.

An address is chosen in this order: the address that the sticky key had; the next unused address
behind the one that was chosen last; of those that have cooled down, the first released.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from mynet.ipam.api import (
    AllocateRequest,
    BatchRequest,
    Holding,
    Holdings,
    IPAddress,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.bitmap import cooldown, sticky_keys
from mynet.ipam.bitmap.allocation_table import AllocationTable, Row, Transaction
from mynet.ipam.bitmap.clock import elapsed
from mynet.ipam.bitmap.ranges import UsableRange, packed
from mynet.ipam.errors import AddressInUse, AllocationNotFound, OwnerMismatch, SubnetExhausted


@dataclass(frozen=True, slots=True)
class Allocator:
    """The verbs on one subnet, in one transaction."""

    table: AllocationTable
    transaction: Transaction

    def allocate(self, request: AllocateRequest) -> Row:
        """Return the allocation of the requested address, of the owner, or of any address."""
        if request.address is not None:
            return self._allocate_address(request, request.address)
        if request.owner and (row := self.table.first_by_owner(self.transaction, request.owner)):
            return row
        address = self._recalled(request)
        if address is None:
            (address,) = self._choose(request.subnet, 1)
        return self._insert_one(request, address)

    def allocate_batch(self, request: BatchRequest) -> Sequence[Row]:
        """Return an allocation for each owner; allocate for all that have none, or raise."""
        rows = {
            owner: row
            for owner in set(filter(None, request.owners))
            if (row := self.table.first_by_owner(self.transaction, owner))
        }
        template = self._row(b"", Holding(request.subnet.cidr[0], labels=request.labels))
        new_owners = [owner for owner in _once(request.owners) if owner not in rows]
        addresses = self._choose(request.subnet, len(new_owners))
        new_rows = [
            template._replace(address=address, owner=owner)
            for address, owner in zip(addresses, new_owners, strict=True)
        ]
        self.table.insert(self.transaction, UsableRange.of(request.subnet), new_rows)
        rows |= {row.owner: row for row in new_rows}
        without_owner = iter([row for row in new_rows if not row.owner])
        return [rows[owner] if owner else next(without_owner) for owner in request.owners]

    def release(self, request: ReleaseRequest) -> Row:
        """Release an address; return its allocation as it was."""
        UsableRange.of(request.subnet).require(request.address)
        row = self.table.by_address(self.transaction, packed(request.address))
        if row is None:
            raise AllocationNotFound(
                f"{request.address} of {request.subnet.cidr} is not allocated, so it is released"
                " already",
                resource=f"address {request.address}",
            )
        if request.owner is not None and request.owner != row.owner:
            raise OwnerMismatch(
                f"{request.address} is held by {row.owner or 'an unnamed owner'}, not by"
                f" {request.owner or 'an unnamed owner'}; it was not released",
                resource=f"address {request.address}",
                holder=row.owner,
            )
        self.table.release(self.transaction, [row])
        return row

    def load(self, holdings: Holdings) -> None:
        """Allocate each address to its owner, or raise."""
        usable = UsableRange.of(holdings.subnet)
        new_rows: dict[bytes, Row] = {}
        for holding in holdings.held:
            usable.require_usable(holding.address)
            address = packed(holding.address)
            row = self.table.by_address(self.transaction, address) or new_rows.get(address)
            if row is None:
                usable.position(holding.address)
                new_rows[address] = self._row(address, holding)
            elif row.owner != holding.owner:
                raise _in_use(holding.address, row.owner)
        self.table.insert(self.transaction, usable, list(new_rows.values()))

    def _allocate_address(self, request: AllocateRequest, address: IPAddress) -> Row:
        usable = UsableRange.of(request.subnet)
        usable.require_usable(address)
        row = self.table.by_address(self.transaction, packed(address))
        if row is None:
            usable.position(address)
            return self._insert_one(request, packed(address))
        if request.owner and row.owner == request.owner:
            return row
        if request.take_from and row.owner == request.take_from:
            row = self._row(packed(address), request)
            self.table.replace(self.transaction, row)
            return row
        raise _in_use(address, row.owner)

    def _recalled(self, request: AllocateRequest) -> bytes | None:
        """Return the address that the request's sticky key leads to, if it can be allocated."""
        if not request.sticky_key:
            return None
        address = sticky_keys.recall(
            self.transaction.connection,
            self.table.id,
            request.sticky_key,
            request.subnet.retention,
            self.transaction.now,
        )
        if address is None or self.table.by_address(self.transaction, address):
            return None
        usable = UsableRange.of(request.subnet)
        return None if usable.is_reserved(usable.position_of(address)) else address

    def _choose(self, subnet: Subnet, count: int) -> Sequence[bytes]:
        """Return addresses to allocate, and move the cursor behind them.

        Raises SubnetExhausted.
        """
        usable = UsableRange.of(subnet)
        unused = list(islice(self.table.unused(usable), count))
        cooled_down = self._cooled_down(subnet, count, count - len(unused))
        if unused:
            self.table.move_cursor_behind(unused[-1])
        return [*map(usable.packed, unused), *cooled_down]

    def _cooled_down(self, subnet: Subnet, wanted: int, count: int) -> Sequence[bytes]:
        """Return ``count`` addresses from the release queue, the remainder of ``wanted``.

        Raises SubnetExhausted.
        """
        if not count:
            return []
        released = cooldown.oldest_usable(
            self.transaction.connection, self.table.id, UsableRange.of(subnet), count
        )
        if len(released) < count:
            raise _exhausted(subnet, wanted, 0.0)
        # The last of them was released last, so it cools down longest.
        seconds = subnet.cooldown - elapsed(released[-1].since, self.transaction.now)
        if seconds > 0:
            raise _exhausted(subnet, wanted, seconds)
        return [entry.address for entry in released]

    def _insert_one(self, request: AllocateRequest, address: bytes) -> Row:
        row = self._row(address, request)
        self.table.insert(self.transaction, UsableRange.of(request.subnet), [row])
        return row

    def _row(self, address: bytes, spec: AllocateRequest | Holding) -> Row:
        return Row(
            address=address,
            owner=spec.owner,
            create_time=datetime.now(UTC).isoformat(),
            revision=self.transaction.revision,
            labels=json.dumps(dict(spec.labels)) if spec.labels else "{}",
            sticky_key=spec.sticky_key,
        )


def _exhausted(subnet: Subnet, wanted: int, seconds: float) -> SubnetExhausted:
    where, resource = f"{subnet.cidr}", f"subnet {subnet.cidr}"
    if subnet.range is not None:
        where = f"the range {subnet.range} of {where}"
    if not seconds:
        reason = f"every address of {where} is held or reserved"
        if wanted > 1:
            reason = f"fewer than {wanted} addresses of {where} are free or cooling down"
        return SubnetExhausted(f"{reason}; release some, or use a larger subnet", resource=resource)
    reason = f"every address of {where} is held, reserved or cooling down"
    if wanted > 1:
        reason = f"fewer than {wanted} addresses of {where} are free now"
    return SubnetExhausted(
        f"{reason}; enough will be free in {seconds:.1f} s, so call again then, or use a larger"
        " subnet or a shorter cooldown",
        resource=resource,
        retry_after=seconds,
    )


def _in_use(address: IPAddress, holder: str) -> AddressInUse:
    return AddressInUse(
        f"{address} is held by {holder or 'an unnamed owner'}; ask for another, or for any",
        resource=f"address {address}",
        holder=holder,
    )


def _once(owners: Sequence[str]) -> Iterator[str]:
    """Yield each owner the first time it is listed, and an empty owner every time."""
    pending = set(owners)
    for owner in owners:
        if not owner or owner in pending:
            pending.discard(owner)
            yield owner

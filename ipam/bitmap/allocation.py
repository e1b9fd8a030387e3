"""What is done to a book: allocating, releasing, loading. Each raises before it changes anything.

Which address is chosen: the one that the sticky key had; else the next that is unused, behind the
one that was chosen last; else of those that have cooled down the one that was released first.
"""

import json
from collections.abc import Iterator, Sequence
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
from mynet.ipam.bitmap import cooldown
from mynet.ipam.bitmap.book import Book, Row, Turn
from mynet.ipam.bitmap.clock import elapsed
from mynet.ipam.bitmap.ranges import Pool, packed
from mynet.ipam.errors import AddressInUse, AllocationNotFound, OwnerMismatch, SubnetExhausted


def allocate(book: Book, turn: Turn, request: AllocateRequest) -> Row:
    """Allocate the address asked for, what the owner has already, or any."""
    if request.address is not None:
        return _allocate_this(book, turn, request, request.address)
    held = book.first_of(turn, request.owner) if request.owner else None
    if held:
        return held
    pool = Pool.of(request.subnet)
    position = _remembered(book, turn, pool, request)
    if position is None:
        (address,) = _choose(book, turn, request.subnet, 1)
    else:
        address = pool.packed(position)
    return _insert_one(book, turn, pool, _row(turn, address, request))


def allocate_batch(book: Book, turn: Turn, request: BatchRequest) -> Sequence[Row]:
    """Allocate an address for each owner that has none, all or none."""
    found = {
        owner: row
        for owner in set(filter(None, request.owners))
        if (row := book.first_of(turn, owner))
    }
    template = _row(turn, b"", Holding(request.subnet.cidr[0], labels=request.labels))
    newcomers = [owner for owner in _once(request.owners) if owner not in found]
    addresses = _choose(book, turn, request.subnet, len(newcomers))
    made = [
        template._replace(address=address, owner=owner)
        for address, owner in zip(addresses, newcomers, strict=True)
    ]
    book.insert(turn, Pool.of(request.subnet), made)
    found |= {row.owner: row for row in made}
    nameless = iter([row for row in made if not row.owner])
    return [found[owner] if owner else next(nameless) for owner in request.owners]


def release(book: Book, turn: Turn, request: ReleaseRequest) -> Row:
    """Let an address rest; return its allocation as it was."""
    Pool.of(request.subnet).require(request.address)
    held = book.held(turn, packed(request.address))
    if held is None:
        raise AllocationNotFound(
            f"nobody has {request.address} of {request.subnet.cidr}, so it is released already",
            resource=f"address {request.address}",
        )
    if request.owner is not None and request.owner != held.owner:
        raise OwnerMismatch(
            f"{request.address} is held by {held.owner or 'nobody by name'}, not by"
            f" {request.owner or 'nobody by name'}; it was not released",
            resource=f"address {request.address}",
            holder=held.owner,
        )
    book.let_rest(turn, [held])
    return held


def plan(book: Book, turn: Turn, holdings: Holdings) -> Sequence[Row]:
    """Return the allocations that are to be inserted so that these hold what they are to hold."""
    pool = Pool.of(holdings.subnet)
    planned: dict[bytes, Row] = {}
    for holding in holdings.held:
        pool.position_of_any(holding.address)
        address = packed(holding.address)
        held = book.held(turn, address) or planned.get(address)
        if held is None:
            pool.position(holding.address)
            planned[address] = _row(turn, address, holding)
        elif held.owner != holding.owner:
            raise _in_use(holding.address, held.owner)
    return list(planned.values())


def _allocate_this(book: Book, turn: Turn, request: AllocateRequest, address: IPAddress) -> Row:
    pool = Pool.of(request.subnet)
    pool.position_of_any(address)
    held = book.held(turn, packed(address))
    if held is None:
        pool.position(address)
        return _insert_one(book, turn, pool, _row(turn, packed(address), request))
    if request.owner and held.owner == request.owner:
        return held
    if request.take_from and held.owner == request.take_from:
        row = _row(turn, packed(address), request)
        book.replace(turn, row)
        return row
    raise _in_use(address, held.owner)


def _remembered(book: Book, turn: Turn, pool: Pool, request: AllocateRequest) -> int | None:
    """Return the position that the request's sticky key leads to, if it is to be had."""
    if not request.sticky_key:
        return None
    retention = request.subnet.retention
    address = cooldown.recall(turn.connection, book.id, request.sticky_key, retention, turn.now)
    if address is None or book.held(turn, address):
        return None
    position = pool.place(address)
    return None if pool.is_reserved(position) else position


def _insert_one(book: Book, turn: Turn, pool: Pool, row: Row) -> Row:
    book.insert(turn, pool, [row])
    return row


def _choose(book: Book, turn: Turn, subnet: Subnet, count: int) -> Sequence[bytes]:
    """Choose addresses to hand out, and let the next search begin behind them.

    Raises SubnetExhausted.
    """
    pool = Pool.of(subnet)
    unused = list(islice(book.unused(pool), count))
    rested = _rested(book, turn, subnet, count, count - len(unused))
    if unused:
        book.search_behind(unused[-1])
    return [*map(pool.packed, unused), *rested]


def _rested(book: Book, turn: Turn, subnet: Subnet, wanted: int, count: int) -> Sequence[bytes]:
    """Choose ``count`` of those that have cooled down, the rest of ``wanted``.

    Raises SubnetExhausted.
    """
    if not count:
        return []
    resting = cooldown.longest(turn.connection, book.id, Pool.of(subnet), count)
    if len(resting) < count:
        raise _exhausted(subnet, wanted, 0.0)
    seconds = subnet.cooldown - elapsed(resting[-1].since, turn.now)
    if seconds > 0:  # the last of them was released last
        raise _exhausted(subnet, wanted, seconds)
    return [one.address for one in resting]


def _exhausted(subnet: Subnet, wanted: int, seconds: float) -> SubnetExhausted:
    where, resource = f"{subnet.cidr}", f"subnet {subnet.cidr}"
    if subnet.range is not None:
        where = f"the range {subnet.range} of {where}"
    if not seconds:
        what = f"every address of {where} is held or reserved"
        if wanted > 1:
            what = f"all but fewer than {wanted} addresses of {where} are held or reserved"
        return SubnetExhausted(f"{what}; release some, or use a larger subnet", resource=resource)
    what = f"every address of {where} is held, reserved or cooling down"
    if wanted > 1:
        what = f"fewer than {wanted} addresses of {where} are free now"
    return SubnetExhausted(
        f"{what}; there are enough in {seconds:.1f} s: call again then, or use a larger subnet or a"
        " shorter cooldown",
        resource=resource,
        retry_after=seconds,
    )


def _row(turn: Turn, address: bytes, spec: AllocateRequest | Holding) -> Row:
    return Row(
        address=address,
        owner=spec.owner,
        create_time=datetime.now(UTC).isoformat(),
        revision=turn.revision,
        labels=json.dumps(dict(spec.labels)) if spec.labels else "{}",
        sticky_key=spec.sticky_key,
    )


def _in_use(address: IPAddress, holder: str) -> AddressInUse:
    return AddressInUse(
        f"{address} is held by {holder or 'somebody without a name'}; ask for another, or for any",
        resource=f"address {address}",
        holder=holder,
    )


def _once(owners: Sequence[str]) -> Iterator[str]:
    """Yield each owner the first time it is named, and those without a name every time."""
    pending = set(owners)
    for owner in owners:
        if not owner or owner in pending:
            pending.discard(owner)
            yield owner

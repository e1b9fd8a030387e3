"""The invariants of ``bitmap.db``, checked in a file that no process has open.

A bit is set for each address that is allocated or in the release queue, and for no other. The
counters of a subnet match its rows. No address is in two states, or outside every open subnet. An
address cannot be allocated twice, because it is a key.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from mynet.ipam.api import Audit, BackendContext, Holding, Holdings, IPAddress, IPNetwork, Subnet
from mynet.ipam.bitmap.backend import FILE
from mynet.ipam.bitmap.bits import PAGE_BITS
from mynet.ipam.bitmap.ranges import unpacked
from mynet.ipam.bitmap.schema import MIGRATIONS
from mynet.ipam.sqlite.inspection import Inspection, inspected

PositionsBySubnet = dict[int, set[int]]  # by the subnet's row id


@dataclass(frozen=True, slots=True)
class _Open:
    """An open subnet, with its counters."""

    id: int
    cidr: IPNetwork
    allocated: int
    released: int

    def address(self, position: int) -> IPAddress | str:
        """Return the address at a position, or a description if it is outside the subnet."""
        inside = position < self.cidr.num_addresses
        return self.cidr.network_address + position if inside else f"position {position}"


def audit(context: BackendContext) -> Audit:
    """Check the file in a state directory."""
    with inspected(context.state_dir / FILE, len(MIGRATIONS)) as inspection:
        subnets = {subnet.id: subnet for subnet in _subnets(inspection)}
        holdings = _holdings(inspection, subnets)
        bits, released = _bits(inspection), _positions(inspection, "resting", subnets)
        allocated = _positions(inspection, "allocations", subnets)
        for subnet in subnets.values():
            _compare(inspection, subnet, bits, allocated, released)
        _check_sticky_keys(inspection, subnets)
        _check_revisions(inspection)
    return Audit(inspection.findings, holdings, inspection.complete)


def _subnets(inspection: Inspection) -> Iterator[_Open]:
    for subnet_id, cidr, allocated, released in inspection.select(
        "SELECT id, cidr, allocated, resting FROM subnets", int, str, int, int
    ):
        try:
            yield _Open(subnet_id, ip_network(cidr), allocated, released)
        except ValueError:
            inspection.report_unreadable(f"lists {cidr!r} as a subnet, which it is not")


def _holdings(inspection: Inspection, subnets: dict[int, _Open]) -> list[Holdings]:
    held: dict[int, list[Holding]] = {subnet_id: [] for subnet_id in subnets}
    for subnet_id, packed_address, owner, key, labels in inspection.select(
        "SELECT subnet, address, owner, sticky_key, labels FROM allocations",
        *(int, bytes, str, str, str),
    ):
        if subnet := subnets.get(subnet_id):
            try:
                address = unpacked(subnet.cidr, packed_address)
                held[subnet_id].append(Holding(address, owner, key, json.loads(labels)))
            except ValueError as error:
                inspection.report_unreadable(
                    f"has an allocation in {subnet.cidr} that cannot be read: {error}"
                )
    return [Holdings(Subnet(subnets[id_].cidr), allocated) for id_, allocated in held.items()]


def _bits(inspection: Inspection) -> PositionsBySubnet:
    """Return the positions of the bits that are set."""
    positions: PositionsBySubnet = defaultdict(set)
    for subnet_id, number, data in inspection.select(
        "SELECT subnet, number, bits FROM pages", int, bytes, bytes
    ):
        page, first = int.from_bytes(data, "little"), int.from_bytes(number, "big") * PAGE_BITS
        if not page:
            inspection.report("keeps a page in which no bit is set")
        while page:
            lowest = page & -page
            positions[subnet_id].add(first + lowest.bit_length() - 1)
            page ^= lowest
    return positions


def _positions(inspection: Inspection, table: str, subnets: dict[int, _Open]) -> PositionsBySubnet:
    """Return the positions of a table's addresses; report addresses outside every open subnet."""
    positions: PositionsBySubnet = defaultdict(set)
    for subnet_id, address in inspection.select(f"SELECT subnet, address FROM {table}", int, bytes):
        subnet = subnets.get(subnet_id)
        position = int.from_bytes(address, "big") - int(subnet.cidr[0]) if subnet else -1
        if subnet is None or not 0 <= position < subnet.cidr.num_addresses:
            inspection.report(f"has an address in its table {table} that is in no open subnet")
        positions[subnet_id].add(position)
    return positions


def _compare(
    inspection: Inspection,
    subnet: _Open,
    bits: PositionsBySubnet,
    allocated: PositionsBySubnet,
    released: PositionsBySubnet,
) -> None:
    """Compare a subnet's bits with its rows, and its counters with both."""
    held, queued, is_set = allocated[subnet.id], released[subnet.id], bits[subnet.id]
    contradictions = {
        "is allocated, and is in the release queue too": held & queued,
        "is allocated, and its bit is not set": held - is_set,
        "is in the release queue, and its bit is not set": queued - is_set,
        "has its bit set, and is neither allocated nor in the release queue": is_set
        - held
        - queued,
    }
    for contradiction, positions in contradictions.items():
        inspection.report(
            *(
                f"{subnet.address(position)} of {subnet.cidr} {contradiction}"
                for position in sorted(positions)
            )
        )
    for counted, state, actual in (
        (subnet.allocated, "allocated", len(held)),
        (subnet.released, "released", len(queued)),
    ):
        if counted != actual:
            inspection.report(f"counts {counted} {state} addresses in {subnet.cidr}, not {actual}")


def _check_sticky_keys(inspection: Inspection, subnets: dict[int, _Open]) -> None:
    """Report remembered keys that are in use, and those that lead outside their subnet."""
    in_use = set(inspection.select("SELECT subnet, address, sticky_key FROM allocations"))
    for subnet_id, key, packed_address in inspection.select(
        "SELECT subnet, sticky_key, address FROM remembered", int, str, bytes
    ):
        subnet = subnets.get(subnet_id)
        address = int.from_bytes(packed_address, "big")
        if subnet is None or not int(subnet.cidr[0]) <= address <= int(subnet.cidr[-1]):
            inspection.report(f"remembers for key {key!r} an address that is in no open subnet")
        elif not key:
            inspection.report(f"remembers an address of {subnet.cidr} for an empty key")
        elif (subnet_id, packed_address, key) in in_use:
            inspection.report(
                f"remembers for key {key!r} an address of {subnet.cidr} that it has in use"
            )


def _check_revisions(inspection: Inspection) -> None:
    revisions = inspection.select("SELECT revision FROM allocations", int)
    newest = max((revision for (revision,) in revisions), default=0)
    for (last,) in inspection.select("SELECT value FROM revision", int):
        if newest > last:
            inspection.report(f"has an allocation of commit {newest}, and {last} was the last")

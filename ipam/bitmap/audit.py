"""What always holds in ``bitmap.db``, asked of a file that nobody has open.

A bit is set for each address that is allocated or rests, and for no other; the counters count what
is there; nothing is in two states, or of a subnet that is not open. An address cannot be allocated
twice: it is a key.
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
from mynet.ipam.sqlite.audit import Look, looked_at

Positions = dict[int, set[int]]  # of addresses, by the number of their subnet


@dataclass(frozen=True, slots=True)
class _Open:
    """An open subnet, with what it counts."""

    number: int
    cidr: IPNetwork
    allocated: int
    resting: int

    def address(self, position: int) -> IPAddress | str:
        """Name the address at a position."""
        inside = position < self.cidr.num_addresses
        return self.cidr.network_address + position if inside else f"position {position}"


def audit(context: BackendContext) -> Audit:
    """Check the books in a folder."""
    with looked_at(context.state_dir / FILE, len(MIGRATIONS)) as look:
        subnets = {each.number: each for each in _subnets(look)}
        holdings = _holdings(look, subnets)
        bits, resting = _bits(look), _positions(look, "resting", subnets)
        allocated = _positions(look, "allocations", subnets)
        for subnet in subnets.values():
            _compare(look, subnet, bits, allocated, resting)
        _check_remembered(look, subnets)
        _check_revisions(look)
    return Audit(look.findings, holdings, look.whole)


def _subnets(look: Look) -> Iterator[_Open]:
    for number, cidr, allocated, resting in look.select(
        "SELECT id, cidr, allocated, resting FROM subnets"
    ):
        try:
            yield _Open(number, ip_network(cidr), allocated, resting)
        except ValueError:
            look.miss(f"has {cidr!r} among its subnets, which is none")


def _holdings(look: Look, subnets: dict[int, _Open]) -> list[Holdings]:
    held: dict[int, list[Holding]] = {number: [] for number in subnets}
    for number, address, owner, key, labels in look.select(
        "SELECT subnet, address, owner, sticky_key, labels FROM allocations"
    ):
        if subnet := subnets.get(number):
            try:
                where = unpacked(subnet.cidr.version, address)
                held[number].append(Holding(where, owner, key, json.loads(labels)))
            except ValueError as error:
                look.miss(f"has an allocation in {subnet.cidr} that cannot be read: {error}")
    return [Holdings(Subnet(subnets[number].cidr), each) for number, each in held.items()]


def _bits(look: Look) -> Positions:
    """Return which bits are set."""
    found: Positions = defaultdict(set)
    for subnet, number, data in look.select("SELECT subnet, number, bits FROM pages"):
        page, first = int.from_bytes(data, "little"), int.from_bytes(number, "big") * PAGE_BITS
        if not page:
            look.find("keeps a page in which no bit is set")
        while page:
            lowest = page & -page
            found[subnet].add(first + lowest.bit_length() - 1)
            page ^= lowest
    return found


def _positions(look: Look, table: str, subnets: dict[int, _Open]) -> Positions:
    """Return where the addresses of a table are; what lies in no open subnet is found."""
    found: Positions = defaultdict(set)
    for number, address in look.select(f"SELECT subnet, address FROM {table}"):
        subnet = subnets.get(number)
        position = int.from_bytes(address, "big") - int(subnet.cidr[0]) if subnet else -1
        if subnet is None or not 0 <= position < subnet.cidr.num_addresses:
            look.find(f"has an address among its {table} that lies in no subnet that is open")
        found[number].add(position)
    return found


def _compare(
    look: Look, subnet: _Open, bits: Positions, allocated: Positions, resting: Positions
) -> None:
    """Compare a subnet's bits with its rows, and its counters with both."""
    number, cidr = subnet.number, subnet.cidr
    held, rested, is_set = allocated[number], resting[number], bits[number]
    kinds = {
        "is allocated, and rests from its release": held & rested,
        "is allocated, and its bit is not set": held - is_set,
        "rests, and its bit is not set": rested - is_set,
        "has its bit set, and is neither allocated nor rests": is_set - held - rested,
    }
    for said, positions in kinds.items():
        look.find(*(f"{subnet.address(each)} of {cidr} {said}" for each in sorted(positions)))
    for counted, what, there in (
        (subnet.allocated, "allocated", len(held)),
        (subnet.resting, "resting", len(rested)),
    ):
        if counted != there:
            look.find(f"counts {counted} {what} addresses in {cidr}, and has {there}")


def _check_remembered(look: Look, subnets: dict[int, _Open]) -> None:
    """Find keys that are remembered and in use, and what they lead to outside the subnet."""
    used = set(look.select("SELECT subnet, address, sticky_key FROM allocations"))
    for number, key, address in look.select("SELECT subnet, sticky_key, address FROM remembered"):
        subnet = subnets.get(number)
        where = int.from_bytes(address, "big")
        if subnet is None or not int(subnet.cidr[0]) <= where <= int(subnet.cidr[-1]):
            look.find(f"remembers for key {key!r} an address that lies in no subnet that is open")
        elif not key:
            look.find(f"remembers an address of {subnet.cidr} for no key")
        elif (number, address, key) in used:
            look.find(f"remembers for key {key!r} an address of {subnet.cidr} that it has in use")


def _check_revisions(look: Look) -> None:
    newest = look.select("SELECT max(revision) FROM allocations")
    last = look.select("SELECT value FROM revision")
    if newest and last and (newest[0][0] or 0) > last[0][0]:
        look.find(f"has an allocation of commit {newest[0][0]}, and {last[0][0]} was the last")

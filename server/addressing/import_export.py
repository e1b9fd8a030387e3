"""Export and import: whole subnets with all who hold addresses of them.

An import goes into one backend, whose book takes it in one commit, as the last step. The registry
has the subnets before that: a crash in between leaves some without an address. The next start drops
them, but for those that are to be kept; importing again fills these.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from mynet.ipam.api import (
    Allocation,
    AllocationQuery,
    Backend,
    Holding,
    Holdings,
    IPNetwork,
    Subnet,
    usable,
)
from mynet.ipam.errors import AddressInUse, AddressReserved
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import best_effort, on_completion, rollback
from mynet.server.errors import InvalidArgument, PluginTimeout, Violation
from mynet.server.model.endpoints import is_own
from mynet.server.model.subnets import LONGEST, MOST_SPANS, RegisteredSubnet, Rules, SubnetDump
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.store.subnets import Loaded, overlap

_PAGE = 10_000


class ImportExport:
    """Takes subnets out of the book and into it."""

    def __init__(
        self, store: Store, backends: Catalog[Backend], locks: KeyedLocks, registry: SubnetRegistry
    ) -> None:
        self._store = store
        self._backends = backends
        self._locks = locks
        self._registry = registry

    def export(self, call: Call, cidr: IPNetwork | None) -> Sequence[SubnetDump]:
        """Return a subnet, or all of them, as they are. Raises SubnetNotFound."""
        subnets = [self._store.subnets.find(cidr)] if cidr else self._store.subnets.all()
        return [self._dump(call, subnet) for subnet in subnets]

    def check(self, call: Call, dumps: Sequence[SubnetDump], backend: str) -> None:
        """Raise what :meth:`load` would raise, and change nothing."""
        _refuse_faults(dumps)
        self._backends.get(backend)
        for dump in dumps:
            other = self._store.subnets.overlapping(dump.cidr)
            if other is None:
                continue
            if (other.cidr, other.backend) != (dump.cidr, backend):
                raise overlap(dump.cidr, other)
            _refuse_held(dump, self._dump(call, other), self._registry.complete(other))

    def load(self, call: Call, dumps: Sequence[SubnetDump], backend: str) -> None:
        """Take subnets into the book, all or none.

        One that is there already gets the allocations that it lacks, and keeps its rules. Raises
        InvalidArgument, SubnetOverlap, AddressInUse and AddressReserved; then nothing was changed.
        """
        _refuse_faults(dumps)
        plugin = self._backends.get(backend)
        ordered = sorted(dumps, key=lambda dump: (dump.cidr.version, int(dump.cidr[0])))
        with ExitStack() as held:
            for dump in ordered:
                held.enter_context(self._locks.exclusive(call, "subnet", str(dump.cidr)))
            booked = self._store.subnets.load(ordered, backend, datetime.now(UTC))
            try:
                holdings = [Holdings(self._registry.rules(each.cidr), each.held) for each in dumps]
                plugin.run(call, Backend.load, holdings)
            except Exception as error:
                # Nobody comes to these subnets before it is known what became of them.
                on_completion(
                    error, partial(self._settle, call, plugin, booked, error, held.pop_all())
                )
                raise
            self._drop_empty(call, booked)

    def _settle(
        self,
        call: Call,
        backend: Plugin[Backend],
        booked: Loaded,
        error: Exception,
        held: ExitStack,
    ) -> None:
        """Take back what the registry has of an import that failed.

        One that only took longer than its caller waited is there by now, whole.
        """
        with held:
            if isinstance(error, PluginTimeout) and error.pending and not error.pending.exception():
                self._drop_empty(call.for_rollback(), booked)
                return
            with rollback(error, "import subnets"):
                self._store.subnets.unkeep(booked.kept)
                for cidr in booked.new:
                    self._registry.drop(call.for_rollback(), backend, cidr)

    def _drop_empty(self, call: Call, booked: Loaded) -> None:
        """Drop those of the new subnets that have no address and are not kept."""
        for cidr in booked.new:
            with best_effort(f"drop subnet {cidr}"):
                self._registry.drop_unused_held(call, cidr)

    def _dump(self, call: Call, subnet: RegisteredSubnet) -> SubnetDump:
        backend = self._backends.get(subnet.backend)
        held: list[Allocation] = []
        while len(held) % _PAGE == 0:
            on_completion = (held[-1].subnet, held[-1].address) if held else None
            query = AllocationQuery(subnet=subnet.cidr, after=on_completion, limit=_PAGE)
            page = backend.run(call, Backend.allocations, query)
            if not page:
                break
            held += page
        holdings = [
            Holding(each.address, each.owner, each.sticky_key, each.labels) for each in held
        ]
        return SubnetDump(subnet.cidr, subnet.backend, subnet.rules, subnet.kept, holdings)


def _refuse_faults(dumps: Sequence[SubnetDump]) -> None:
    """Raise InvalidArgument with every fault that the subnets have in themselves."""
    faults = [*_shared(dumps), *(fault for dump in dumps for fault in _faults(dump))]
    if faults:
        raise InvalidArgument(faults)


def _shared(dumps: Sequence[SubnetDump]) -> Iterator[Violation]:
    cidrs = sorted((dump.cidr for dump in dumps), key=lambda cidr: (cidr.version, int(cidr[0])))
    for one, other in pairwise(cidrs):
        if one.overlaps(other):
            yield Violation("document", f"{one} and {other} share addresses")


def _faults(dump: SubnetDump) -> Iterator[Violation]:
    field, rules = f"document[{dump.cidr}]", dump.rules
    if len(rules.reserved) > MOST_SPANS:
        yield Violation(field, f"reserves more than {MOST_SPANS} spans")
        return  # to see what lies in one of them would take long
    yield from (Violation(field, said) for said in _faults_of_rules(dump.cidr, rules))
    can_be_held, seen = usable(dump.cidr), set()
    for holding in dump.held:
        if holding.address not in can_be_held:
            yield Violation(field, f"{holding.address} cannot be held in {dump.cidr}")
        elif any(holding.address in span for span in rules.reserved):
            yield Violation(field, f"{holding.address} is reserved")
        if holding.address in seen:
            yield Violation(field, f"{holding.address} stands there twice")
        if is_own(holding.owner):
            yield Violation(
                field, f"{holding.address} is of {holding.owner}, which only mynetd itself gives"
            )
        seen.add(holding.address)


def _faults_of_rules(cidr: IPNetwork, rules: Rules) -> Iterator[str]:
    for span in (*rules.reserved, *([rules.range] if rules.range else [])):
        inside = span.first in cidr and span.last in cidr
        if not inside or int(span.first) > int(span.last):
            yield f"{span.first} to {span.last} are no addresses of {cidr}"
    for seconds in (rules.cooldown, rules.retention):
        if seconds is not None and not 0 <= seconds <= LONGEST:
            yield f"{seconds} s is not from 0 to {LONGEST} s"


def _refuse_held(dump: SubnetDump, there: SubnetDump, rules: Subnet) -> None:
    """Raise what the backend would, of addresses that the subnet that is there does not give."""
    holders = {holding.address: holding.owner for holding in there.held}
    for holding in dump.held:
        address, resource = holding.address, f"address {holding.address}"
        holder = holders.get(address)
        if holder is None and any(address in span for span in rules.reserved):
            raise AddressReserved(f"{address} is reserved in {there.cidr}", resource=resource)
        if holder not in (None, holding.owner):
            raise AddressInUse(
                f"{address} is held by {holder or 'somebody without a name'}",
                resource=resource,
                holder=holder or "",
            )

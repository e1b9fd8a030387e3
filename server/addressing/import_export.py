"""Export and import of whole subnets with their allocations.

An import goes into one backend, which commits all of it as the last step. The subnets are
registered before that. A crash in between leaves subnets without an address: the next start drops
them, except those that are kept, and importing again fills those.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from mynet.ipam import api as ipam
from mynet.ipam.errors import AddressInUse, AddressReserved
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.rollback import best_effort, on_completion, rollback
from mynet.server.errors import InvalidArgument, PluginTimeout, Violation
from mynet.server.model import subnets as model
from mynet.server.model.endpoints import is_own
from mynet.server.model.special_purpose import why_unusable
from mynet.server.model.subnet_room import has_room
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.store import Store
from mynet.server.store.subnet_errors import overlap
from mynet.server.store.visible import Visible

_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class ImportExport:
    """Exports subnets and imports them."""

    store: Store
    backends: Catalog[ipam.Backend]
    locks: KeyedLocks
    registry: SubnetRegistry

    def export(self, call: Call, cidr: ipam.IPNetwork | None) -> Sequence[model.SubnetDump]:
        """Return a subnet, or all subnets, with their allocations. Raises SubnetNotFound."""
        visible = Visible(self.store, call.caller.scope)
        subnets = [visible.subnet(cidr)] if cidr else visible.subnets()
        return [self._dump(call, subnet) for subnet in subnets]

    def check(self, call: Call, dumps: Sequence[model.SubnetDump], backend: str) -> None:
        """Raise the errors that :meth:`load` would raise, and change nothing."""
        _refuse_violations(dumps)
        self.backends.get(backend)
        for dump in dumps:
            other = self.store.subnets.overlapping(dump.cidr)
            if other is None:
                continue
            if (other.cidr, other.backend) != (dump.cidr, backend):
                raise overlap(dump.cidr, other)
            _refuse_held(dump, self._dump(call, other), self.registry.complete(other))

    def load(self, call: Call, dumps: Sequence[model.SubnetDump], backend: str) -> None:
        """Import subnets, all or none.

        A subnet that exists gets the allocations that it lacks, and keeps its rules. Raises
        InvalidArgument, SubnetOverlap, AddressInUse and AddressReserved; then nothing was changed.
        """
        _refuse_violations(dumps)
        plugin = self.backends.get(backend)
        ordered = sorted(dumps, key=lambda dump: (dump.cidr.version, int(dump.cidr[0])))
        with ExitStack() as held:
            for dump in ordered:
                held.enter_context(self.locks.exclusive(call, "subnet", str(dump.cidr)))
            imported = self.store.subnets.load(ordered, backend, datetime.now(UTC))
            try:
                holdings = [
                    ipam.Holdings(self.registry.rules(dump.cidr), dump.held) for dump in dumps
                ]
                plugin.run(call, ipam.Backend.load, holdings)
            except Exception as error:
                # The locks stay held until the backend's verb has ended.
                on_completion(
                    error, partial(self._settle, call, plugin, imported, error, held.pop_all())
                )
                raise
            self._drop_empty(call, imported)

    def _settle(
        self,
        call: Call,
        backend: Plugin[ipam.Backend],
        imported: model.Imported,
        error: Exception,
        held: ExitStack,
    ) -> None:
        """Drop the subnets of an import that failed.

        An import that only took longer than its caller waited is complete by now, and stays.
        """
        with held:
            if isinstance(error, PluginTimeout) and error.pending and not error.pending.exception():
                self._drop_empty(call.for_rollback(), imported)
                return
            with rollback(error, "import subnets"):
                self.store.subnets.unkeep(imported.kept)
                for cidr in imported.new:
                    self.registry.drop(call.for_rollback(), backend, cidr)

    def _drop_empty(self, call: Call, imported: model.Imported) -> None:
        """Drop the new subnets that have no address and are not kept."""
        for cidr in imported.new:
            with best_effort(f"drop subnet {cidr}"):
                self.registry.drop_unused_held(call, cidr)

    def _dump(self, call: Call, subnet: model.RegisteredSubnet) -> model.SubnetDump:
        backend = self.backends.get(subnet.backend)
        held: list[ipam.Allocation] = []
        while len(held) % _PAGE == 0:
            after = (held[-1].subnet, held[-1].address) if held else None
            query = ipam.AllocationQuery(subnet=subnet.cidr, after=after, limit=_PAGE)
            page = backend.run(call, ipam.Backend.allocations, query)
            if not page:
                break
            held += page
        holdings = [
            ipam.Holding(holder.address, holder.owner, holder.sticky_key, holder.labels)
            for holder in held
        ]
        return model.SubnetDump(subnet.cidr, subnet.backend, subnet.rules, subnet.kept, holdings)


def _refuse_violations(dumps: Sequence[model.SubnetDump]) -> None:
    """Raise InvalidArgument with every violation of the document by itself."""
    violations = [*_overlaps(dumps), *(fault for dump in dumps for fault in _violations(dump))]
    if violations:
        raise InvalidArgument(violations)


def _overlaps(dumps: Sequence[model.SubnetDump]) -> Iterator[Violation]:
    cidrs = sorted((dump.cidr for dump in dumps), key=lambda cidr: (cidr.version, int(cidr[0])))
    for cidr, following in pairwise(cidrs):
        if cidr.overlaps(following):
            yield Violation("document", f"{cidr} and {following} share addresses")


def _violations(dump: model.SubnetDump) -> Iterator[Violation]:
    field, rules = f"document[{dump.cidr}]", dump.rules
    if len(rules.reserved) > model.MAX_SPANS:
        yield Violation(field, f"reserves more than {model.MAX_SPANS} spans")
        return  # checking each address against so many spans would take long
    if reason := why_unusable(dump.cidr):
        yield Violation(field, f"cannot be a subnet: {reason}")
    yield from (Violation(field, sentence) for sentence in _rule_violations(dump.cidr, rules))
    can_be_held, seen = ipam.usable(dump.cidr), set()
    for holding in dump.held:
        if holding.address not in can_be_held:
            yield Violation(field, f"{holding.address} cannot be held in {dump.cidr}")
        elif any(holding.address in span for span in rules.reserved):
            yield Violation(field, f"{holding.address} is reserved")
        if holding.address in seen:
            yield Violation(field, f"{holding.address} is listed twice")
        if is_own(holding.owner):
            yield Violation(
                field, f"{holding.address} has the owner {holding.owner}, which is mynetd's own"
            )
        seen.add(holding.address)


def _rule_violations(cidr: ipam.IPNetwork, rules: model.Rules) -> Iterator[str]:
    spans = (*rules.reserved, *([rules.range] if rules.range else []))
    for span in spans:
        if not _is_within(span, cidr):
            yield f"{span.first} to {span.last} is not within {cidr}"
    if rules.range and all(_is_within(span, cidr) for span in spans) and not has_room(cidr, rules):
        yield f"the range {rules.range} has no address that could be chosen"
    for seconds in (rules.cooldown, rules.retention):
        if seconds is not None and not 0 <= seconds <= model.LONGEST:
            yield f"{seconds} s is not from 0 to {model.LONGEST} s"


def _is_within(span: ipam.Span, cidr: ipam.IPNetwork) -> bool:
    inside = span.first in cidr and span.last in cidr
    return inside and int(span.first) <= int(span.last)


def _refuse_held(dump: model.SubnetDump, existing: model.SubnetDump, rules: ipam.Subnet) -> None:
    """Raise the backend's errors for addresses that the existing subnet cannot give."""
    holders = {holding.address: holding.owner for holding in existing.held}
    for holding in dump.held:
        address, resource = holding.address, f"address {holding.address}"
        holder = holders.get(address)
        if holder is None and any(address in span for span in rules.reserved):
            raise AddressReserved(
                f"{address} is reserved in {existing.cidr}; take it out of the document",
                resource=resource,
            )
        if holder not in (None, holding.owner):
            raise AddressInUse(
                f"{address} is held by {holder or 'an owner without a name'}; release it first, or"
                " take it out of the document",
                resource=resource,
                holder=holder or "",
            )

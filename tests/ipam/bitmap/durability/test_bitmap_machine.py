"""Any calls in any order: the bitmap backend answers as the ReferenceBackend does.

Subnets of both families and of every prefix length and by rules that change, time that passes, the
backend closed and opened again, the host rebooted; and at the end of each run its file is in order.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    BatchRequest,
    Call,
    Holding,
    Holdings,
    IPAddress,
    IPNetwork,
    MapQuery,
    ReleaseRequest,
    Span,
    Subnet,
)
from mynet.ipam.bitmap import BitmapBackend, allocation_table
from mynet.ipam.testing import SampleCall
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.support.answers import outcome
from tests.ipam.support.audit import audit
from tests.ipam.support.clocks import FakeClock
from tests.ipam.support.strategies import (
    KEYS,
    LABELS,
    OWNERS,
    SECONDS,
    addresses,
    apart,
    holdings,
    rules,
    subnets_of,
)

T = TypeVar("T")


class BitmapMachine(RuleBasedStateMachine):
    """Does the same to both and compares the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.context = BackendContext(instance="machine", state_dir=Path(self.folder.name))
        self.clock = FakeClock()
        self.bitmap = BitmapBackend(self.context, self.clock)
        self.reference = ReferenceBackend(self.context, self.clock)
        self.subnets: dict[IPNetwork, Subnet] = {}
        self.bound = mock.patch.object(
            allocation_table, "MOST_RELEASED", allocation_table.MOST_RELEASED
        )
        self.bound.start()

    @initialize(
        data=st.data(),
        cidrs=st.lists(subnets_of(32) | subnets_of(128), min_size=1, max_size=4).map(apart),
        most_released=st.sampled_from([0, 1, 3, 65536]),
    )
    def begin(self, data: st.DataObject, cidrs: list[IPNetwork], most_released: int) -> None:
        self.reference.most_released = allocation_table.MOST_RELEASED = most_released
        for cidr in cidrs:
            self.subnets[cidr] = data.draw(rules(cidr), "rules")
            self.both(Backend.open_subnet, cidr)

    def both(self, verb: Callable[[Any, Call, T], object], request: T) -> None:
        """Ask both, and compare."""
        assert outcome(self.bitmap, verb, request) == outcome(self.reference, verb, request)

    def any_subnet(self, data: st.DataObject) -> Subnet:
        """Draw a subnet; now and then its rules change."""
        cidr = data.draw(st.sampled_from(list(self.subnets)), "subnet")
        if data.draw(st.integers(0, 4), "change") == 0:
            self.subnets[cidr] = data.draw(rules(cidr, self.known(cidr)), "rules")
        return self.subnets[cidr]

    def known(self, cidr: IPNetwork) -> list[IPAddress]:
        """Return the addresses of a subnet that are held or rest."""
        table = self.reference.state.tables.get(cidr)
        return [*table.held, *table.released] if table else []

    def held(self) -> list[Allocation]:
        return list(self.reference.allocations(SampleCall(), AllocationQuery()))

    @rule(data=st.data(), owner=OWNERS, key=KEYS, labels=LABELS)
    def allocate_any(
        self, data: st.DataObject, owner: str, key: str, labels: dict[str, str]
    ) -> None:
        subnet = self.any_subnet(data)
        request = AllocateRequest(subnet, owner, sticky_key=key, labels=labels)
        self.both(Backend.allocate, request)

    @rule(data=st.data(), count=st.integers(2, 8), together=st.booleans(), key=KEYS)
    def allocate_some(self, data: st.DataObject, count: int, key: str, *, together: bool) -> None:
        subnet = self.any_subnet(data)
        if together:
            self.both(Backend.allocate_batch, BatchRequest(subnet, [""] * count))
        for _ in range(0 if together else count):
            self.both(Backend.allocate, AllocateRequest(subnet, sticky_key=key))

    @rule(data=st.data(), owner=OWNERS, take_from=OWNERS, key=KEYS)
    def allocate_this(self, data: st.DataObject, owner: str, take_from: str, key: str) -> None:
        subnet = self.any_subnet(data)
        address = data.draw(addresses(subnet.cidr, self.known(subnet.cidr)), "address")
        self.both(Backend.allocate, AllocateRequest(subnet, owner, address, take_from, key))

    @rule(data=st.data(), owner=OWNERS, key=KEYS)
    def hand_over(self, data: st.DataObject, owner: str, key: str) -> None:
        if held := self.held():
            allocation = data.draw(st.sampled_from(held), "held")
            subnet = self.subnets[allocation.subnet]
            request = AllocateRequest(subnet, owner, allocation.address, allocation.owner, key)
            self.both(Backend.allocate, request)

    @rule(data=st.data(), owners=st.lists(OWNERS, max_size=8), labels=LABELS)
    def allocate_batch(
        self, data: st.DataObject, owners: list[str], labels: dict[str, str]
    ) -> None:
        self.both(Backend.allocate_batch, BatchRequest(self.any_subnet(data), owners, labels))

    @rule(data=st.data(), owner=OWNERS | st.none())
    def release_any(self, data: st.DataObject, owner: str | None) -> None:
        subnet = self.any_subnet(data)
        address = data.draw(addresses(subnet.cidr, self.known(subnet.cidr)), "address")
        self.both(Backend.release, ReleaseRequest(subnet, address, owner))

    @rule(data=st.data(), count=st.integers(1, 4), pause=st.sampled_from([0.0, 0.5]))
    def release_what_is_held(self, data: st.DataObject, count: int, pause: float) -> None:
        for _ in range(count):
            if held := self.held():
                allocation = data.draw(st.sampled_from(held), "held")
                self.both(
                    Backend.release,
                    ReleaseRequest(self.subnets[allocation.subnet], allocation.address),
                )
                self.clock.advance(pause)

    @rule(owner=st.sampled_from(["a", "b"]))
    def release_owner(self, owner: str) -> None:
        self.both(Backend.release_owner, owner)

    @rule(data=st.data(), count=st.integers(0, 3))
    def load(self, data: st.DataObject, count: int) -> None:
        subnets = [self.any_subnet(data) for _ in range(count)]
        request = []
        for subnet in subnets:
            known = [
                Holding(allocation.address, allocation.owner)
                for allocation in self.held()
                if allocation.subnet == subnet.cidr
            ]
            drawn = data.draw(st.lists(holdings(subnet.cidr, known), max_size=3), "held")
            request.append(Holdings(subnet, drawn * data.draw(st.integers(1, 2), "times")))
        self.both(Backend.load, request)

    @rule(data=st.data())
    def open_or_close(self, data: st.DataObject) -> None:
        verb = data.draw(st.sampled_from([Backend.open_subnet, Backend.close_subnet]), "verb")
        self.both(verb, self.any_subnet(data).cidr)

    @rule(data=st.data(), owner=OWNERS, reserved=st.booleans())
    def come_back(self, data: st.DataObject, owner: str, *, reserved: bool) -> None:
        remembered = [
            (self.subnets[table.subnet], key, address)
            for table in self.reference.state.in_order()
            for key, (address, _) in table.remembered.items()
        ]
        if remembered:
            subnet, key, address = data.draw(st.sampled_from(remembered), "remembered")
            if reserved:
                subnet = replace(subnet, reserved=(*subnet.reserved, Span(address, address)))
            self.both(Backend.allocate, AllocateRequest(subnet, owner, sticky_key=key))

    @rule(data=st.data(), owner=OWNERS, limit=st.integers(0, 4))
    def list_a_page(self, data: st.DataObject, owner: str, limit: int) -> None:
        subnet = data.draw(st.none() | st.sampled_from(list(self.subnets)), "only")
        behind = self.any_subnet(data).cidr
        places: list[tuple[IPNetwork, IPAddress]] = [
            (behind, data.draw(addresses(behind), "behind")),
            *((allocation.subnet, allocation.address) for allocation in self.held()),
        ]
        after = data.draw(st.none() | st.sampled_from(places), "after")
        self.both(
            Backend.allocations, AllocationQuery(subnet, owner=owner, after=after, limit=limit)
        )

    @rule(data=st.data())
    def map(self, data: st.DataObject) -> None:
        subnet = self.any_subnet(data)
        lengths = st.integers(subnet.cidr.prefixlen, subnet.cidr.max_prefixlen)
        self.both(Backend.parts, MapQuery(subnet, data.draw(lengths, "prefixlen")))

    @rule(seconds=SECONDS | st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(reboot=st.none() | SECONDS)
    def restart(self, reboot: float | None) -> None:
        self.bitmap.close()
        if reboot is not None:
            self.clock.reboot(reboot)
        self.bitmap = BitmapBackend(self.context, self.clock)

    @invariant()
    def they_list_and_count_the_same(self) -> None:
        self.both(Backend.allocations, AllocationQuery())
        for subnet in self.subnets.values():
            self.both(Backend.usage, subnet)
            self.both(Backend.parts, MapQuery(subnet, subnet.cidr.prefixlen))

    def teardown(self) -> None:
        self.bitmap.close()
        self.bound.stop()
        ReferenceBackend.disk.pop(self.context.state_dir)
        audit(self.context.state_dir)
        self.folder.cleanup()


BitmapMachine.TestCase.settings = settings(stateful_step_count=50)
test_the_bitmap_backend_answers_like_the_reference_backend = BitmapMachine.TestCase

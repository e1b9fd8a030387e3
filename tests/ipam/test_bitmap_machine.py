"""Any calls in any order: the bitmap backend answers as the dictionaries of PlainBackend do.

Subnets of both families and of every prefix length, the backend closed and opened again in between;
and at the end of each run its file is in order.
"""

import tempfile
from collections.abc import Callable
from ipaddress import ip_network
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
    Call,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
)
from mynet.ipam.bitmap import BitmapBackend, book
from mynet.ipam.errors import IpamError
from mynet.ipam.testing import SampleCall
from tests.ipam.audit import audit
from tests.ipam.plain import PlainBackend

OWNERS = st.sampled_from(["", "a", "b", "ä\0'%"])
PAGE = 4096

T = TypeVar("T")


def subnets_of(bits: int) -> st.SearchStrategy[IPNetwork]:
    """Any subnet; half of them so small that they are soon exhausted."""
    lengths = st.integers(0, bits) | st.integers(bits - 3, bits)
    numbers = st.integers(0, 2**bits - 1)
    kind = type(ip_network("0.0.0.0/0" if bits == 32 else "::/0"))
    return st.builds(
        lambda number, length: kind((number >> bits - length << bits - length, length)),
        numbers,
        lengths,
    )


def apart(subnets: list[IPNetwork]) -> list[IPNetwork]:
    """Leave out what overlaps: the daemon sees to that."""
    kept: list[IPNetwork] = []
    for subnet in subnets:
        if not any(subnet.version == each.version and subnet.overlaps(each) for each in kept):
            kept.append(subnet)
    return kept


def outcome(backend: Backend, verb: Callable[[Any, Call, T], object], request: T) -> object:
    """Return what it answers or raises, without what differs from one backend to another."""
    try:
        answer = getattr(backend, verb.__name__)(SampleCall(), request)
    except IpamError as error:
        return type(error), error.resource, error.holder
    if isinstance(answer, Allocation):
        return essence(answer)
    return [essence(each) for each in answer] if isinstance(answer, list) else answer


def essence(allocation: Allocation) -> object:
    return allocation.subnet, allocation.address, allocation.owner, allocation.instance


class BitmapMachine(RuleBasedStateMachine):
    """Does the same to both and compares the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.context = BackendContext(instance="machine", state_dir=Path(self.folder.name))
        self.bitmap = BitmapBackend(self.context)
        self.plain = PlainBackend(self.context)
        self.subnets: list[IPNetwork] = []
        self.bound = mock.patch.object(book, "MOST_RESTING", book.MOST_RESTING)
        self.bound.start()

    @initialize(
        subnets=st.lists(subnets_of(32) | subnets_of(128), min_size=1, max_size=4).map(apart),
        most_resting=st.sampled_from([0, 1, 3, 65536]),
    )
    def begin(self, subnets: list[IPNetwork], most_resting: int) -> None:
        self.subnets = subnets
        self.plain.most_resting = book.MOST_RESTING = most_resting
        for subnet in subnets:
            self.both(Backend.open_subnet, subnet)

    def both(self, verb: Callable[[Any, Call, T], object], request: T) -> None:
        """Ask both, and compare."""
        assert outcome(self.bitmap, verb, request) == outcome(self.plain, verb, request)

    def any_subnet(self, data: st.DataObject) -> IPNetwork:
        return data.draw(st.sampled_from(self.subnets), "subnet")

    def any_address(self, data: st.DataObject, subnet: IPNetwork) -> IPAddress:
        """Draw one around the subnet's edges and around the edge of a page, or any at all."""
        first, last = int(subnet[0]), int(subnet[-1])
        near = [at + by for at in (first, first + PAGE, last) for by in range(-3, 5)]
        most = 2**subnet.max_prefixlen - 1
        possible = [number for number in near if 0 <= number <= most]
        number = data.draw(st.sampled_from(possible) | st.integers(0, most), "address")
        return type(subnet[0])(number)

    def held_places(self) -> list[tuple[IPNetwork, IPAddress]]:
        held = self.plain.allocations(SampleCall(), AllocationQuery())
        return [(each.subnet, each.address) for each in held]

    @rule(data=st.data(), owner=OWNERS)
    def allocate_any(self, data: st.DataObject, owner: str) -> None:
        request = AllocateRequest(self.any_subnet(data), owner)
        self.both(Backend.allocate, request)

    @rule(data=st.data(), count=st.integers(2, 5))
    def allocate_some(self, data: st.DataObject, count: int) -> None:
        request = AllocateRequest(self.any_subnet(data))
        for _ in range(count):
            self.both(Backend.allocate, request)

    @rule(data=st.data(), owner=OWNERS, take_from=OWNERS)
    def allocate_this(self, data: st.DataObject, owner: str, take_from: str) -> None:
        subnet = self.any_subnet(data)
        request = AllocateRequest(subnet, owner, self.any_address(data, subnet), take_from)
        self.both(Backend.allocate, request)

    @rule(data=st.data(), owner=OWNERS | st.none())
    def release_any(self, data: st.DataObject, owner: str | None) -> None:
        subnet = self.any_subnet(data)
        request = ReleaseRequest(subnet, self.any_address(data, subnet), owner)
        self.both(Backend.release, request)

    @rule(data=st.data())
    def release_what_is_held(self, data: st.DataObject) -> None:
        if places := self.held_places():
            self.both(Backend.release, ReleaseRequest(*data.draw(st.sampled_from(places), "held")))

    @rule(data=st.data())
    def open_or_close(self, data: st.DataObject) -> None:
        subnet = self.any_subnet(data)
        if data.draw(st.booleans(), "open"):
            self.both(Backend.open_subnet, subnet)
        else:
            self.both(Backend.close_subnet, subnet)

    @rule(data=st.data(), owner=OWNERS, limit=st.integers(0, 4))
    def list_a_page(self, data: st.DataObject, owner: str, limit: int) -> None:
        subnet = data.draw(st.none() | st.sampled_from(self.subnets), "only")
        behind = self.any_subnet(data)
        places = [(behind, self.any_address(data, behind)), *self.held_places()]
        after = data.draw(st.none() | st.sampled_from(places), "after")
        query = AllocationQuery(subnet, owner=owner, after=after, limit=limit)
        self.both(Backend.allocations, query)

    @rule()
    def restart(self) -> None:
        self.bitmap.close()
        self.bitmap = BitmapBackend(self.context)

    @invariant()
    def they_list_and_count_the_same(self) -> None:
        self.both(Backend.allocations, AllocationQuery())
        for subnet in self.subnets:
            self.both(Backend.usage, subnet)

    def teardown(self) -> None:
        self.bitmap.close()
        self.bound.stop()
        PlainBackend.disk.pop(self.context.state_dir)
        audit(self.context.state_dir)
        self.folder.cleanup()


BitmapMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40)
test_the_bitmap_backend_answers_as_dictionaries_do = BitmapMachine.TestCase

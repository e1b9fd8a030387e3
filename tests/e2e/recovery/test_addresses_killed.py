"""kill -9 among thirty-two callers loses nothing acknowledged, and gives no address twice."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import pytest

from mynet.v1 import ipam_pb2
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.testbed import Testbed
from tests.support.matrix import matrix

CALLERS, ANSWERS = 32, 120
POOL, OTHER = "10.64.0.0/16", "fd64::/64"


@dataclass
class Known:
    """What the callers know. Each writes of its own owners alone."""

    held: dict[str, str] = field(default_factory=dict)  # addresses that were acknowledged
    released: set[str] = field(default_factory=set)  # owners whose release was acknowledged
    asked: set[str] = field(default_factory=set)  # owners whose request was not answered
    nameless: set[str] = field(default_factory=set)  # addresses that have no owner
    answers: int = 0


class Caller:
    """A caller, which calls until the daemon is gone."""

    def __init__(self, daemon: Daemon, known: Known, number: int, storm: int) -> None:
        self._ipam, self._known = daemon.ipam, known
        self._name = f"{storm}/{number}"
        self._subnet = (POOL, OTHER)[number % 2]

    def run(self) -> None:
        for turn in range(10**9):
            try:
                self._call(f"{self._name}/{turn}", turn % 5)
            except grpc.RpcError:
                return
            self._known.answers += 1

    def _call(self, owner: str, kind: int) -> None:
        if kind == 1:
            self._batch([f"{owner}/{place}" for place in range(3)])
        elif kind == 3:
            request = ipam_pb2.AllocateAddressRequest(subnet=self._subnet)
            self._known.nameless.add(self._ipam.AllocateAddress(request).allocation.address)
        else:
            self._one(owner)
            if kind == 4:
                self._release(owner)

    def _one(self, owner: str) -> None:
        self._known.asked.add(owner)
        request = ipam_pb2.AllocateAddressRequest(subnet=self._subnet, owner=owner)
        self._known.held[owner] = self._ipam.AllocateAddress(request).allocation.address
        self._known.asked.discard(owner)

    def _batch(self, owners: list[str]) -> None:
        self._known.asked.update(owners)
        request = ipam_pb2.BatchAllocateAddressesRequest(subnet=self._subnet, owners=owners)
        for made in self._ipam.BatchAllocateAddresses(request).allocations:
            self._known.held[made.owner] = made.address
        self._known.asked.difference_update(owners)

    def _release(self, owner: str) -> None:
        address = self._known.held.pop(owner)
        request = ipam_pb2.ReleaseAddressRequest(subnet=self._subnet, address=address, owner=owner)
        self._ipam.ReleaseAddress(request)
        self._known.released.add(owner)


def listed(daemon: Daemon) -> Iterator[ipam_pb2.Allocation]:
    """Yield every allocation."""
    request = ipam_pb2.ListAllocationsRequest(page_size=1000)
    while True:
        page = daemon.ipam.ListAllocations(request)
        yield from page.allocations
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def kill_among_callers(daemon: Daemon, known: Known, storm: int) -> None:
    """Start the callers, and kill the daemon when it has answered ``ANSWERS`` calls."""
    before = known.answers
    with ThreadPoolExecutor(CALLERS) as callers:
        for number in range(CALLERS):
            callers.submit(Caller(daemon, known, number, storm).run)
        eventually(lambda: known.answers > before + ANSWERS)
        daemon.signal(signal.SIGKILL)
    daemon.wait()
    daemon.channel.close()


def check(daemon: Daemon, known: Known) -> None:
    """Compare the allocations with what the callers know. Ask again where no answer came."""
    everything = list(listed(daemon))
    owners = {allocation.owner: allocation for allocation in everything if allocation.owner}
    assert len({allocation.address for allocation in everything}) == len(everything), (
        "an address is there twice"
    )
    assert len(owners) == sum(1 for allocation in everything if allocation.owner), (
        "an owner is there twice"
    )
    for owner, address in known.held.items():
        assert owners[owner].address == address
    assert not known.released & owners.keys()
    assert known.nameless <= {
        allocation.address for allocation in everything if not allocation.owner
    }
    for owner in known.asked:
        subnet = (POOL, OTHER)[int(owner.split("/")[1]) % 2]
        request = ipam_pb2.AllocateAddressRequest(subnet=subnet, owner=owner)
        made = daemon.ipam.AllocateAddress(request).allocation
        assert owner not in owners or made == owners[owner]
        known.held[owner] = made.address
    known.asked.clear()


@pytest.mark.parametrize("rounds", matrix([2, 5], short=2))
def test_what_was_acknowledged_outlives_the_daemon_and_what_was_not_is_found_by_its_owner(
    empty_testbed: Testbed, rounds: int
) -> None:
    known = Known()
    daemon = Daemon(empty_testbed)
    for storm in range(rounds):
        kill_among_callers(daemon, known, storm)
        assert empty_testbed.findings() == []
        daemon = Daemon(empty_testbed)
        check(daemon, known)
    assert len(known.held) > rounds * ANSWERS / 2
    check(daemon, known)
    daemon.stop()

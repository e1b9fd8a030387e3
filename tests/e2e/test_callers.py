"""Thirty-two callers at once are all served, and leave nothing."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from mynet.v1.ipam_pb2 import AllocateAddressRequest
from mynet.v1.network_pb2 import DisconnectRequest, Endpoint
from tests.e2e.support.daemon import Daemon, create
from tests.e2e.support.testbed import Sandbox

T = TypeVar("T")

CALLERS = 32


def at_once(call: Callable[[int], T]) -> list[T]:
    """Make the call of every caller, by its number, in the same instant; return the results."""
    gate = threading.Barrier(CALLERS)

    def wait_and_call(number: int) -> T:
        gate.wait()
        return call(number)

    with ThreadPoolExecutor(CALLERS) as executor:
        return list(executor.map(wait_and_call, range(CALLERS)))


def bare(address: str) -> str:
    """Return an address without its prefix length."""
    return address.partition("/")[0]


@pytest.fixture
def boxes(new_sandbox: Callable[[str], Sandbox]) -> Sequence[Sandbox]:
    return [new_sandbox(f"c{number}") for number in range(CALLERS)]


def test_callers_on_one_network_get_an_address_each_and_leave_nothing(
    daemon: Daemon, boxes: Sequence[Sandbox]
) -> None:
    before = daemon.everything()
    daemon.create("blue")
    only_the_network = daemon.everything()

    made = at_once(lambda number: daemon.connect(f"c{number}"))
    given = {address for endpoint in made for address in endpoint.addresses}
    assert len(given) == 2 * CALLERS
    assert {bare(address) for address in given} | {"10.88.0.1", "fd88::1"} == set(
        daemon.allocations()
    )
    for here, there in ((0, 31), (31, 0), (7, 16)):
        assert [boxes[here].pings(bare(address)) for address in made[there].addresses] == [
            True,
            True,
        ]
    assert [daemon.problems(endpoint) for endpoint in made] == [[]] * CALLERS

    at_once(lambda number: daemon.disconnect(f"c{number}"))
    assert daemon.everything() == only_the_network
    assert {name for box in boxes for name in box.links()} == {"lo"}
    daemon.delete("blue")
    assert daemon.everything() == before


def test_callers_on_eight_networks_do_not_hinder_each_other(
    daemon: Daemon, boxes: Sequence[Sandbox]
) -> None:
    before = daemon.everything()

    def join(number: int) -> Endpoint:
        """Create the network, which four callers share, and connect to it."""
        lan = number % 8
        request = create(f"lan{lan}", f"10.{lan}.0.0/24", f"fd00:{lan}::/64")
        request.allow_existing = True
        network = daemon.net.CreateNetwork(request).network
        return daemon.connect(f"c{number}", network=network.id)

    def leave(number: int) -> None:
        """Disconnect, or delete the network: one caller a network does that."""
        if number < 8:
            daemon.delete(f"lan{number}")
        else:
            daemon.net.Disconnect(DisconnectRequest(container_id=f"c{number}", allow_missing=True))

    made = at_once(join)
    assert len(daemon.networks()) == 8
    assert len({address for endpoint in made for address in endpoint.addresses}) == 2 * CALLERS
    for number in (0, 6):
        neighbour, stranger = (bare(made[place].addresses[0]) for place in (number + 8, number + 1))
        assert boxes[number].pings(neighbour)
        assert not boxes[number].pings(stranger, within=0.3)

    at_once(leave)
    assert daemon.everything() == before
    assert {name for box in boxes for name in box.links()} == {"lo"}


def test_callers_for_one_sandbox_get_one_endpoint(daemon: Daemon, one: Sandbox) -> None:
    daemon.create("blue")
    made = at_once(lambda _: daemon.connect("one"))
    assert len({endpoint.id for endpoint in made}) == 1
    assert one.links().keys() == {"lo", "eth0"}


def test_callers_for_one_subnet_get_an_address_each(daemon: Daemon) -> None:
    request = AllocateAddressRequest(subnet="10.9.0.0/24")
    made = at_once(lambda _: daemon.ipam.AllocateAddress(request).allocation.address)
    assert len(set(made)) == CALLERS
    assert set(made) == set(daemon.allocations())

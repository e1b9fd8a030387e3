"""Endpoints and allocations by 32 callers at once: no address twice, and nothing left."""

import random
from collections.abc import Callable

import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.daemon import Daemon
from tests.server.support.faulty.stress import CALLERS, ROUNDS, Holders, Run, allowed, stress
from tests.server.support.stack import Stack
from tests.server.support.world import World

POOL = "10.9.0.0/24"


@pytest.mark.parametrize("networks", [1, 8])
def test_connecting_and_allocating_at_once(daemon: World | Stack, networks: int) -> None:
    before = daemon.state()
    holders = Holders()
    for number in range(networks):
        made = daemon.network(f"n{number}", f"10.{number}.0.0/24", f"fd00:{number}::/64")
        holders.take(*(subnet.gateway for subnet in made.subnets))

    def work(caller: int) -> None:
        name, network = f"c{caller}", f"n{caller % networks}"
        for turn in range(ROUNDS):
            endpoint = daemon.connect(name, network=network)
            taken = [address.partition("/")[0] for address in endpoint.addresses]
            holders.take(*taken)
            held = daemon.allocate(f"10.{caller % networks}.0.0/24", owner=f"vm-{caller}-{turn}")
            holders.take(held.address)
            if caller % 8 == turn:
                look(daemon)
            holders.give(*taken)
            daemon.disconnect(name)
            holders.give(held.address)
            daemon.release(held.subnet, held.address, owner=held.owner)

    stress(work)
    assert daemon.endpoints() == []
    for number in range(networks):
        daemon.delete(f"n{number}")
    assert daemon.state() == before


def look(daemon: Daemon) -> None:
    """Lists never fail, whatever comes and goes at that moment."""
    daemon.subnets()
    daemon.networks()
    daemon.endpoints()
    daemon.ipam.ListAllocations(ipam_pb2.ListAllocationsRequest())


def test_one_subnet_is_added_and_dropped_at_once(daemon: World | Stack) -> None:
    before = daemon.state()
    holders = Holders()

    def work(caller: int) -> None:
        for _ in range(ROUNDS):
            held = daemon.allocate(POOL)
            holders.take(held.address)
            daemon.subnets()
            holders.give(held.address)
            daemon.release(POOL, held.address)

    stress(work)
    assert daemon.state() == before


def test_a_full_subnet_gives_no_address_twice(daemon: World | Stack) -> None:
    before = daemon.state()
    daemon.network("web", "10.1.0.0/28")
    holders = Holders()
    run = allowed("SUBNET_EXHAUSTED")

    def work(caller: int) -> None:
        def once() -> None:
            [address] = daemon.connect(f"c{caller}").addresses
            holders.take(address)
            holders.give(address)
            daemon.disconnect(f"c{caller}")

        for _ in range(ROUNDS):
            run(once)

    stress(work)
    assert daemon.endpoints() == []
    daemon.delete()
    assert daemon.state() == before


def test_concurrent_connects_of_one_container_get_one_endpoint(daemon: World | Stack) -> None:
    daemon.network()
    ids: set[str] = set()
    stress(lambda _: ids.add(daemon.connect("c1").id))
    assert ids == {endpoint.id for endpoint in daemon.endpoints()}
    assert len(ids) == 1


def test_connecting_and_disconnecting_one_container_at_once(daemon: World | Stack) -> None:
    before = daemon.state()
    daemon.network()

    def work(caller: int) -> None:
        for turn in range(ROUNDS):
            if (caller + turn) % 2:
                daemon.connect("c1")
            else:
                daemon.disconnect("c1", allow_missing=True)

    stress(work)
    daemon.disconnect("c1", allow_missing=True)
    daemon.delete()
    assert daemon.state() == before


def test_everything_at_once(daemon: World | Stack) -> None:
    """Networks come and go under those who use them; only refusals that say so are answers."""
    before = daemon.state()
    dice = [random.Random(caller) for caller in range(CALLERS)]  # noqa: S311 - reproducible

    def work(caller: int) -> None:
        for _ in range(8):
            run, call = step(daemon, caller, dice[caller])
            run(call)

    stress(work)
    for number in range(3):
        request = network_pb2.DeleteNetworkRequest(
            network=f"n{number}", force=True, allow_missing=True
        )
        daemon.net.DeleteNetwork(request)
    for name in (f"c{caller}" for caller in range(CALLERS)):
        daemon.disconnect(name, allow_missing=True)
    for held in daemon.ipam.ListAllocations(ipam_pb2.ListAllocationsRequest()).allocations:
        daemon.release(held.subnet, held.address)
    assert daemon.state() == before


def step(daemon: Daemon, caller: int, dice: random.Random) -> tuple[Run, Callable[[], object]]:
    """Choose what a caller does next, and which refusals are an answer to it."""
    number = dice.randrange(3)
    name, cidr, container = f"n{number}", f"10.{number}.0.0/24", f"c{caller}"
    owner = f"vm-{caller}"
    choices: list[tuple[Run, Callable[[], object]]] = [
        (
            allowed("NETWORK_EXISTS", "BUSY", "SUBNET_OVERLAP"),
            lambda: daemon.network(name, cidr),
        ),
        (
            allowed("NETWORK_NOT_FOUND", "NETWORK_IN_USE", "BUSY"),
            lambda: daemon.delete(name, force=dice.random() < 0.5),
        ),
        (
            allowed("NETWORK_NOT_FOUND", "BUSY"),
            lambda: daemon.connect(container, network=name),
        ),
        (allowed(), lambda: daemon.disconnect(container, allow_missing=True)),
        (allowed("BUSY"), lambda: daemon.allocate(cidr, owner=owner)),
        (allowed(), lambda: release_all(daemon, cidr, owner)),
        (allowed(), lambda: look(daemon)),
    ]
    return dice.choice(choices)


def release_all(daemon: Daemon, cidr: str, owner: str) -> None:
    request = ipam_pb2.ListAllocationsRequest(subnet=cidr, owner=owner)
    for held in daemon.ipam.ListAllocations(request).allocations:
        daemon.release(held.subnet, held.address, owner=owner, allow_missing=True)

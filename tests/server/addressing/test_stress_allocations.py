"""Allocations and subnets by 32 callers at once: nothing is given twice, no deadlock."""

import random
from collections.abc import Callable

import pytest

from mynet.v1 import ipam_pb2
from tests.server.support.faulty.stress import CALLERS, ROUNDS, Holders, Run, allowed, stress
from tests.server.support.samples.documents import MYNET, TUTORIAL, ask, export, load
from tests.server.support.stack import Stack
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def test_batches_and_single_addresses_at_once(daemon: World | Stack) -> None:
    before = daemon.state()
    holders = Holders()

    def work(caller: int) -> None:
        for turn in range(ROUNDS):
            batch = daemon.allocate_batch("10.8.0.0/16", count=5)
            single = daemon.allocate("10.8.0.0/16", owner=f"vm-{caller}-{turn}").address
            holders.take(*batch, single)
            daemon.subnets()
            holders.give(*batch, single)
            for address in (*batch[1:], single):
                daemon.release("10.8.0.0/16", address)

    stress(work)
    request = ipam_pb2.ListAllocationsRequest(page_size=1000)
    left = daemon.ipam.ListAllocations(request).allocations
    assert len(left) == CALLERS * ROUNDS
    for each in left:
        daemon.release(each.subnet, each.address)
    assert daemon.state() == before


def test_equal_batches_at_once_allocate_once(daemon: World | Stack) -> None:
    answers: list[tuple[str, ...]] = []
    stress(lambda _: answers.append(tuple(daemon.allocate_batch(NINE, owner_prefix="a", count=9))))
    assert len(set(answers)) == 1
    assert len(set(answers[0])) == 9


def test_one_owner_allocates_and_releases_all_at_once(daemon: World | Stack) -> None:
    before = daemon.state()

    def work(caller: int) -> None:
        for turn in range(ROUNDS):
            if (caller + turn) % 2:
                daemon.allocate(f"10.{caller % 4}.0.0/24", owner="vm-7")
            else:
                daemon.release_owner("vm-7")

    stress(work)
    daemon.release_owner("vm-7")
    assert daemon.state() == before


def test_every_caller_gets_a_subnet_of_its_own(daemon: World | Stack) -> None:
    before = daemon.state()
    holders = Holders()

    def work(caller: int) -> None:
        for _ in range(ROUNDS):
            if caller % 2:
                made = [daemon.create_subnet("").cidr]
            else:
                network = daemon.network(f"n{caller}", subnets=[])
                made = [subnet.cidr for subnet in network.subnets]
            holders.take(*made)
            daemon.subnets()
            holders.give(*made)
            daemon.delete_subnet(made[0]) if caller % 2 else daemon.delete(f"n{caller}")

    stress(work)
    assert daemon.state() == before


def test_one_subnet_is_created_and_deleted_at_once(
    daemon: World | Stack,
) -> None:
    before = daemon.state()
    allocating, making = allowed("BUSY"), allowed("SUBNET_EXISTS", "BUSY")
    deleting = allowed("SUBNET_IN_USE", "SUBNET_NOT_FOUND", "BUSY")

    def work(caller: int) -> None:
        for turn in range(2 * ROUNDS):
            match (caller + turn) % 4:
                case 0:
                    making(lambda: daemon.create_subnet(NINE))
                case 1:
                    deleting(lambda: daemon.delete_subnet(NINE))
                case 2:
                    allocating(lambda: daemon.allocate(NINE, owner=f"vm-{caller}"))
                case 3:
                    daemon.release_owner(f"vm-{caller}")

    stress(work)
    for caller in range(CALLERS):
        daemon.release_owner(f"vm-{caller}")
    daemon.delete_subnet(NINE, allow_missing=True)
    assert daemon.state() == before


def test_equal_imports_at_once_import_once(daemon: World | Stack) -> None:
    document = {NINE: "11", "10.8.0.0/24": "01", "10.7.0.0/24": "0001"}
    stress(lambda _: load(daemon, TUTORIAL, document))
    assert daemon.subnets() == ["10.7.0.0/24", "10.8.0.0/24", NINE]
    request = ipam_pb2.ListAllocationsRequest()
    assert len(daemon.ipam.ListAllocations(request).allocations) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_at_once(daemon: World | Stack, seed: int) -> None:
    """Subnets come and go under those who use them; only refusals that say so are answers."""
    before = daemon.state()
    dice = [random.Random(1000 * seed + caller) for caller in range(CALLERS)]  # noqa: S311 - reproducible

    def work(caller: int) -> None:
        for _ in range(8):
            run, call = step(daemon, caller, dice[caller])
            run(call)

    stress(work)
    for caller in range(CALLERS):
        daemon.release_owner(f"vm-{caller}")
    if daemon.networks():
        daemon.delete("web", force=True)
    for cidr in daemon.subnets():
        request = ipam_pb2.ListAllocationsRequest(subnet=cidr, page_size=1000)
        for held in daemon.ipam.ListAllocations(request).allocations:
            daemon.release(cidr, held.address)
        daemon.delete_subnet(cidr, allow_missing=True)
    assert daemon.state() == before


def step(
    daemon: World | Stack, caller: int, dice: random.Random
) -> tuple[Run, Callable[[], object]]:
    """Choose what a caller does next, and which refusals are an answer to it."""
    cidr, owner = f"10.{dice.randrange(3)}.0.0/24", f"vm-{caller}"
    document = {cidr: "0" * (100 + caller) + "1"}
    checked = ask(TUTORIAL, document, validate_only=True)
    mapped = ipam_pb2.GetSubnetMapRequest(subnet=cidr)
    choices: list[tuple[Run, Callable[[], object]]] = [
        (allowed("SUBNET_EXISTS", "BUSY"), lambda: daemon.create_subnet(cidr)),
        (allowed("SUBNET_IN_USE", "SUBNET_NOT_FOUND", "BUSY"), lambda: daemon.delete_subnet(cidr)),
        (allowed("BUSY"), lambda: daemon.allocate(cidr, owner=owner)),
        (allowed("BUSY"), lambda: daemon.allocate_batch(cidr, owners=[owner, ""])),
        (allowed(), lambda: daemon.release_owner(owner)),
        (allowed("ADDRESS_IN_USE", "BUSY"), lambda: load(daemon, TUTORIAL, document)),
        (allowed("ADDRESS_IN_USE"), lambda: daemon.ipam.ImportSubnets(checked)),
        (allowed("SUBNET_NOT_FOUND"), lambda: daemon.ipam.GetSubnetMap(mapped)),
        (allowed(), lambda: export(daemon, MYNET)),
        (allowed(), daemon.subnets),
        (
            allowed("NETWORK_EXISTS", "SUBNET_OVERLAP", "ADDRESS_IN_USE", "BUSY"),
            lambda: daemon.network("web", cidr),
        ),
        (allowed("NETWORK_NOT_FOUND", "BUSY"), lambda: daemon.delete("web", force=True)),
    ]
    return dice.choice(choices)

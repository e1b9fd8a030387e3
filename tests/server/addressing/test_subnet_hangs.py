"""A backend that hangs in a call for a subnet, a batch or an import leaves nothing behind."""

import json

import pytest

from mynet.v1 import ipam_pb2
from tests.server.plugins.test_hangs import LATE, timeout
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, create_subnet
from tests.server.support.world import World

NINE = "10.9.0.0/24"
BATCH = ipam_pb2.BatchAllocateAddressesRequest
OWNER = ipam_pb2.ReleaseOwnerRequest(owner="vm-7")


def settled(world: World) -> bool:
    """Return whether no verb and no lock is under way."""
    return world.backend.trouble.idle and world.queue("subnet") == 0


@LATE
@pytest.mark.parametrize("cidr", [NINE, "", "::/80"])
@pytest.mark.parametrize("verb", ["open_subnet", "usage"])
def test_a_subnet_whose_backend_hangs_is_not_registered(
    world: World, cidr: str, verb: str, *, late: bool
) -> None:
    before = world.state()
    hang = world.backend.trouble.hang(verb, late=late)
    refused = timeout(world, world.ipam.CreateSubnet, create_subnet(cidr))
    assert f"backend bitmap did not answer {verb}" in refused.message
    hang.end()
    assert eventually(lambda: settled(world) and world.state() == before)
    assert world.create_subnet(cidr).usage.allocated == 0


@LATE
def test_a_subnet_whose_close_hangs_is_deleted(world: World, *, late: bool) -> None:
    before = world.state()
    world.create_subnet()
    hang = world.backend.trouble.hang("close_subnet", late=late)
    with world.patience(0.2):
        world.delete_subnet()
    assert world.subnets() == []
    hang.end()
    assert eventually(lambda: settled(world) and world.state() == before)
    world.create_subnet()


def test_a_subnet_of_unknown_usage_is_not_deleted(world: World) -> None:
    world.create_subnet()
    before = world.state()
    hang = world.backend.trouble.hang("usage")
    timeout(world, world.ipam.DeleteSubnet, ipam_pb2.DeleteSubnetRequest(subnet=NINE))
    hang.end()
    assert eventually(lambda: settled(world))
    assert world.state() == before


@LATE
@pytest.mark.parametrize("verb", ["open_subnet", "allocate_batch"])
def test_a_late_batch_without_owners_is_released(world: World, verb: str, *, late: bool) -> None:
    before = world.state()
    hang = world.backend.trouble.hang(verb, late=late)
    timeout(world, world.ipam.BatchAllocateAddresses, BATCH(subnet=NINE, count=9))
    hang.end()
    assert eventually(lambda: settled(world) and world.state() == before)


def test_the_owners_of_a_late_batch_keep_their_addresses(world: World) -> None:
    hang = world.backend.trouble.hang("allocate_batch", late=True)
    asked = BATCH(subnet=NINE, owners=["vm-1", "", "vm-2", ""])
    timeout(world, world.ipam.BatchAllocateAddresses, asked)
    hang.end()
    assert eventually(lambda: settled(world) and len(world.held()) == 2)
    made = world.ipam.BatchAllocateAddresses(asked).allocations
    assert (made[0].address, made[2].address) == ("10.9.0.1", "10.9.0.3")


def test_a_batch_without_owners_is_released_for_a_caller_that_left(world: World) -> None:
    world.allocate(owner="vm-7")
    before = world.state()
    hang = world.backend.trouble.hang("allocate_batch")
    call = world.ipam.BatchAllocateAddresses.future(BATCH(subnet=NINE, count=9))
    hang.await_victim()
    call.cancel()
    assert eventually(world.backend.trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: settled(world) and world.state() == before)


@pytest.mark.parametrize("cidr", ["", "0.0.0.0/26", NINE])
def test_a_subnet_is_not_created_for_a_caller_that_left(world: World, cidr: str) -> None:
    before = world.state()
    hang = world.backend.trouble.hang("open_subnet")
    call = world.ipam.CreateSubnet.future(create_subnet(cidr))
    hang.await_victim()
    call.cancel()
    assert eventually(world.backend.trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: settled(world) and world.state() == before)


@LATE
def test_subnets_are_dropped_after_a_late_release_of_their_owner(
    world: World, *, late: bool
) -> None:
    before = world.state()
    for subnet in ("10.8.0.0/24", NINE, "fd00:9::/64"):
        world.allocate(subnet, owner="vm-7")
    hang = world.backend.trouble.hang("release_owner", late=late)
    timeout(world, world.ipam.ReleaseOwner, OWNER)
    hang.end()
    assert eventually(lambda: settled(world) and world.state() == before)


@pytest.mark.parametrize("verb", ["usage", "parts"])
def test_reading_a_subnet_of_a_backend_that_hangs_is_refused(world: World, verb: str) -> None:
    world.create_subnet()
    before = world.state()
    hang = world.backend.trouble.hang(verb)
    timeout(world, world.ipam.GetSubnetMap, ipam_pb2.GetSubnetMapRequest(subnet=NINE))
    hang.end()
    assert world.state() == before


def test_an_export_whose_backend_hangs_is_refused(world: World) -> None:
    world.create_subnet()
    hang = world.backend.trouble.hang("allocations")
    asked = ipam_pb2.ExportSubnetsRequest(format=ipam_pb2.SUBNET_FORMAT_MYNET)
    timeout(world, world.ipam.ExportSubnets, asked)
    hang.end()


# --- an import --------------------------------------------------------------------------------

DOCUMENT = json.dumps({"10.8.0.0/24": "11", NINE: "01"})
IMPORT = ipam_pb2.ImportSubnetsRequest(format=ipam_pb2.SUBNET_FORMAT_TUTORIAL, document=DOCUMENT)


def test_a_late_import_is_complete(world: World) -> None:
    world.allocate(owner="vm-7", address="10.9.0.9")
    hang = world.backend.trouble.hang("load", late=True)
    timeout(world, world.ipam.ImportSubnets, IMPORT)
    hang.end()
    assert eventually(lambda: settled(world) and len(world.held()) == 4)
    assert world.subnets() == ["10.8.0.0/24", NINE]
    before = world.state()
    world.ipam.ImportSubnets(IMPORT)
    assert world.state() == before


def test_an_import_that_fails_late_leaves_nothing(world: World) -> None:
    held = world.allocate(owner="vm-7", address="10.9.0.2")
    before = world.state()
    hang = world.backend.trouble.hang("load")
    timeout(world, world.ipam.ImportSubnets, IMPORT)
    hang.end()
    assert eventually(lambda: settled(world))
    assert world.state() == before
    world.release(NINE, held.address)
    world.ipam.ImportSubnets(IMPORT)
    assert len(world.held()) == 3


def test_no_call_changes_a_subnet_during_its_import(world: World) -> None:
    hang = world.backend.trouble.hang("load")
    timeout(world, world.ipam.ImportSubnets, IMPORT)
    with world.patience(0.2):
        for asked, method in (
            (allocate(), world.ipam.AllocateAddress),
            (ipam_pb2.DeleteSubnetRequest(subnet=NINE), world.ipam.DeleteSubnet),
            (IMPORT, world.ipam.ImportSubnets),
        ):
            assert refusal(method, asked).short == ("ABORTED", "BUSY")
    hang.end()
    assert eventually(lambda: settled(world))
    assert world.held() == dict.fromkeys(("10.8.0.1", "10.8.0.2", "10.9.0.2"), "")

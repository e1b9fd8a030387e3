"""A failure at each step of the RPCs of addresses leaves nothing, and the next call succeeds.

Over the real backend, as in test_failures.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.daemon import counted_writes
from tests.server.support.faulty.failure_points import REASONS, Step, backend, case, kernel, store
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, create, create_subnet
from tests.server.support.samples.documents import MYNET, ask, holding, mynet, subnet
from tests.server.support.stack import Stack

NINE, EIGHT = "10.9.0.0/24", "10.8.0.0/24"
BATCH = ipam_pb2.BatchAllocateAddressesRequest(subnet=NINE, count=5)
OWNER = ipam_pb2.ReleaseOwnerRequest(owner="vm-7")
DELETE = ipam_pb2.DeleteSubnetRequest(subnet=NINE)
IMPORT = ask(
    MYNET,
    mynet(
        subnet(EIGHT, holding("10.8.0.1", "a"), holding("10.8.0.2"), kept=True),
        subnet("10.7.0.0/24", kept=True),
        subnet(NINE, holding("10.9.0.9", "b")),
    ),
)


def check(stack: Stack, verb: str, request: Any, step: Step) -> None:
    """See that a call that fails leaves nothing, and succeeds when it is made again."""
    before = stack.state()
    method = getattr(stack.ipam, verb)
    with step(stack):
        assert refusal(method, request).reason in REASONS
    assert stack.state() == before
    method(request)
    assert stack.state() != before


FOUND = [case("registering the subnet", store(0)), case("opening it", backend(0))]
CHOOSE = [case("looking at the host", kernel("host.occupied_subnets")), *FOUND]


@pytest.mark.parametrize("step", FOUND)
def test_a_failed_create_subnet_leaves_nothing(stack: Stack, step: Step) -> None:
    check(stack, "CreateSubnet", create_subnet(), step)


@pytest.mark.parametrize("step", CHOOSE)
@pytest.mark.parametrize("size", ["", "0.0.0.0/26", "::/80"])
def test_a_failed_create_of_a_chosen_subnet_leaves_nothing(
    stack: Stack, size: str, step: Step
) -> None:
    check(stack, "CreateSubnet", create_subnet(size), step)


@pytest.mark.parametrize("step", [*CHOOSE, case("taking the gateway", backend(1))])
def test_a_failed_create_network_with_chosen_subnets_leaves_nothing(
    stack: Stack, step: Step
) -> None:
    before = stack.state()
    with step(stack):
        assert refusal(stack.net.CreateNetwork, create("auto", subnets=[])).reason in REASONS
    assert stack.state() == before
    made = stack.network("auto", subnets=[])
    assert made.state == network_pb2.NETWORK_STATE_READY
    stack.delete("auto")
    assert stack.state() == before


ALLOCATE = [*FOUND, case("allocating", backend(1))]


@pytest.mark.parametrize("step", ALLOCATE)
@pytest.mark.parametrize(
    ("verb", "request_"),
    [
        ("AllocateAddress", allocate(NINE)),
        ("AllocateAddress", allocate(NINE, owner="vm-7", sticky_key="a")),
        ("BatchAllocateAddresses", BATCH),
    ],
    ids=["nameless", "owned", "batch"],
)
def test_a_failed_allocation_leaves_nothing(
    stack: Stack, verb: str, request_: object, step: Step
) -> None:
    check(stack, verb, request_, step)


@pytest.mark.parametrize("verb", ["AllocateAddress", "BatchAllocateAddresses"])
def test_an_existing_subnet_stays_after_a_failed_allocation(stack: Stack, verb: str) -> None:
    stack.create_subnet()
    request = BATCH if verb.startswith("Batch") else allocate(NINE)
    check(stack, verb, request, backend(0))


def test_a_release_that_failed_succeeds_when_it_is_called_again(stack: Stack) -> None:
    stack.create_subnet()
    for subnet_ in (NINE, EIGHT):
        stack.allocate(subnet_, owner="vm-7")
    check(stack, "ReleaseOwner", OWNER, backend(0))
    assert stack.subnets() == [NINE]
    stack.allocate(NINE, address="10.9.0.7")
    request = ipam_pb2.ReleaseAddressRequest(subnet=NINE, address="10.9.0.7")
    check(stack, "ReleaseAddress", request, backend(0))


AFTER = [case("dropping the subnet", store(0)), case("closing it", backend(1))]


@pytest.mark.parametrize("step", AFTER)
def test_a_release_succeeds_although_its_subnet_cannot_be_dropped(stack: Stack, step: Step) -> None:
    before = stack.state()
    stack.allocate(NINE, owner="vm-7")
    with step(stack):
        assert stack.release_owner("vm-7") == ["10.9.0.1"]
    assert stack.state()["held"] == []
    stack.allocate(NINE, owner="vm-7")
    stack.release_owner("vm-7")
    assert stack.state() == before


def test_a_failed_delete_subnet_changes_nothing(stack: Stack) -> None:
    stack.create_subnet(reserved=["10.9.0.1"])
    check(stack, "DeleteSubnet", DELETE, store(0))


def test_a_subnet_that_cannot_be_closed_is_deleted_and_can_be_created_again(stack: Stack) -> None:
    before = stack.state()
    stack.create_subnet()
    with backend(0)(stack):
        stack.delete_subnet()
    assert stack.subnets() == []
    stack.create_subnet()
    stack.delete_subnet()
    assert stack.state() == before


LOAD = [case("registering the subnets", store(0)), case("loading", backend(0))]


@pytest.mark.parametrize("step", LOAD)
def test_a_failed_import_leaves_nothing(stack: Stack, step: Step) -> None:
    check(stack, "ImportSubnets", IMPORT, step)


@pytest.mark.parametrize("step", LOAD)
@pytest.mark.parametrize("there", ["founded", "kept", "network"])
def test_a_failed_import_does_not_change_existing_subnets(
    stack: Stack, there: str, step: Step
) -> None:
    if there == "network":
        stack.network("web", EIGHT)
    elif there == "kept":
        stack.create_subnet(EIGHT)
    else:
        stack.allocate(EIGHT, owner="vm-7", address="10.8.0.7")
    request = ask(MYNET, mynet(subnet(EIGHT, holding("10.8.0.4", "a"), kept=True), subnet(NINE)))
    before = but_for_revisions(stack)
    with step(stack):
        assert refusal(stack.ipam.ImportSubnets, request).reason in REASONS
    assert but_for_revisions(stack) == before
    stack.ipam.ImportSubnets(request)
    [loaded] = stack.store.subnets.all()
    assert loaded.kept
    assert "10.8.0.4" in {str(each.address) for each in stack.state()["held"]}  # type: ignore[attr-defined]


def but_for_revisions(stack: Stack) -> Mapping[str, object]:
    """Return the state without revisions, as rolling back a change of a subnet is a change."""
    subnets = [replace(each, revision=0) for each in stack.store.subnets.all()]
    return {**stack.state(), "subnets": subnets}


UNDO = [
    case("keeping what was kept", store(1)),
    case("dropping the first", store(2)),
    case("dropping the second", store(3)),
]


@pytest.mark.parametrize("step", UNDO)
def test_after_a_failed_rollback_of_an_import_a_second_import_succeeds(
    stack: Stack, step: Step
) -> None:
    with backend(0)(stack), step(stack):
        assert refusal(stack.ipam.ImportSubnets, IMPORT).reason == "STORE_UNAVAILABLE"
    assert stack.state()["held"] == []
    assert stack.subnets() == []  # a subnet that its backend has not opened is not listed
    stack.ipam.ImportSubnets(IMPORT)
    assert stack.subnets() == ["10.7.0.0/24", EIGHT, NINE]


def test_after_a_failed_rollback_of_a_new_subnet_it_can_be_deleted(stack: Stack) -> None:
    before = stack.state()
    with backend(0)(stack), store(1)(stack):
        assert refusal(stack.ipam.CreateSubnet, create_subnet()).reason == "STORE_UNAVAILABLE"
    assert refusal(stack.ipam.CreateSubnet, create_subnet()).reason == "SUBNET_EXISTS"
    stack.delete_subnet()
    assert stack.state() == before
    stack.create_subnet()


@pytest.mark.parametrize("step", [case("opening it", backend(0)), case("allocating", backend(1))])
def test_after_a_failed_rollback_of_an_allocation_a_second_one_succeeds(
    stack: Stack, step: Step
) -> None:
    before = stack.state()
    with step(stack), store(1)(stack):
        assert refusal(stack.ipam.AllocateAddress, allocate(NINE)).reason == "STORE_UNAVAILABLE"
    assert stack.allocate(NINE).address == "10.9.0.1"
    stack.release(NINE, "10.9.0.1")
    assert stack.state() == before


def test_every_write_of_each_call_is_among_the_steps(stack: Stack) -> None:
    """So a new step fails this test until it has a failure of its own here."""
    calls: list[tuple[Callable[[], object], int, int]] = [
        (lambda: stack.network("auto", subnets=[]), 3, 4),
        (lambda: stack.create_subnet(EIGHT), 1, 1),
        (lambda: stack.delete_subnet(EIGHT), 1, 1),
        (lambda: stack.allocate(NINE, owner="vm-7"), 1, 2),
        (lambda: stack.allocate_batch(NINE, count=3), 0, 1),
        (lambda: stack.allocate_batch(EIGHT, owners=["vm-7"]), 1, 2),
        (lambda: stack.release_owner("vm-7"), 1, 2),
        (lambda: stack.ipam.ImportSubnets(IMPORT), 1, 1),
    ]
    for call, to_store, to_book in calls:
        with (
            counted_writes(stack.store._database) as store_writes,
            counted_writes(stack.bitmap._database) as book_writes,
        ):
            call()
        assert (store_writes["writes"], book_writes["writes"]) == (to_store, to_book)

"""Callers that go away: what was made for them is rolled back."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from mynet.v1 import network_pb2
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, connect, create
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")


def begin(method: Any, request: object) -> Callable[[], object]:
    """Begin a call; what is returned cancels it."""
    future: grpc.Future[Any] = method.future(request)
    return future.cancel


CALLS = pytest.mark.parametrize(
    ("verb", "plugin", "step"),
    [
        ("CreateNetwork", "driver", "create"),
        ("CreateNetwork", "backend", "open_subnet"),
        ("CreateNetwork", "backend", "allocate"),
        ("Connect", "driver", "connect"),
        ("Connect", "backend", "allocate"),
    ],
)


def request_of(verb: str) -> object:
    return create("api", "10.2.0.0/24") if verb == "CreateNetwork" else connect(netns_name="c1")


@CALLS
def test_a_cancelled_call_leaves_nothing(world: World, verb: str, plugin: str, step: str) -> None:
    before = world.state()
    hang = getattr(world, plugin).trouble.hang(step)
    leave = begin(getattr(world.net, verb), request_of(verb))
    hang.await_victim()
    leave()
    assert eventually(getattr(world, plugin).trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: world.state() == before)


@CALLS
def test_a_call_past_its_deadline_leaves_nothing(
    world: World, verb: str, plugin: str, step: str
) -> None:
    before = world.state()
    hang = getattr(world, plugin).trouble.hang(step)
    refused = refusal(getattr(world.net, verb), request_of(verb), timeout=0.1)
    assert refused.code == "DEADLINE_EXCEEDED"
    # The client gives up first; without this wait, the verb could still end in time for the server.
    # On a slow machine the call may never reach the plugin.
    eventually(getattr(world, plugin).trouble.is_abandoned, seconds=5)
    hang.end()
    assert eventually(lambda: world.state() == before)


def test_a_call_made_again_after_it_was_cancelled_succeeds(world: World) -> None:
    hang = world.driver.trouble.hang("connect")
    leave = begin(world.net.Connect, connect(netns_name="c1"))
    hang.await_victim()
    leave()
    assert eventually(world.driver.trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: world.endpoints() == [])
    assert world.connect("c1", netns_name="c1").addresses == ["10.1.0.2/24", "fd00:1::2/64"]


@pytest.mark.parametrize("plugin", ["driver", "backend"])
def test_a_cancelled_disconnect_is_finished(world: World, plugin: str) -> None:
    before = world.state()
    world.connect("c1", netns_name="c1")
    verb = {"driver": "disconnect", "backend": "release_owner"}[plugin]
    hang = getattr(world, plugin).trouble.hang(verb)
    leave = begin(world.net.Disconnect, network_pb2.DisconnectRequest(container_id="c1"))
    hang.await_victim()
    leave()
    assert eventually(getattr(world, plugin).trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: world.state() == before)


def test_a_caller_may_leave_the_queue_for_a_lock(world: World) -> None:
    hang = world.driver.trouble.hang("connect")
    first = world.net.Connect.future(connect(netns_name="c1"))
    hang.await_victim()
    leave = begin(world.net.Connect, connect(netns_name="c1"))
    assert eventually(lambda: world.queue("container") == 2)
    leave()
    hang.end()
    endpoint = first.result().endpoint
    assert eventually(lambda: world.queue("container") == 0)
    assert world.endpoints() == [endpoint]


@pytest.mark.parametrize("subnet", ["10.9.0.0/24", "10.1.0.0/24"])
def test_an_address_without_an_owner_is_released_for_a_caller_that_left(
    world: World, subnet: str
) -> None:
    before = world.state()
    hang = world.backend.trouble.hang("allocate")
    leave = begin(world.ipam.AllocateAddress, allocate(subnet))
    hang.await_victim()
    leave()
    assert eventually(world.backend.trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: world.backend.trouble.idle and world.state() == before)


def test_an_address_with_an_owner_is_kept_for_a_caller_that_left(world: World) -> None:
    hang = world.backend.trouble.hang("allocate")
    leave = begin(world.ipam.AllocateAddress, allocate(owner="vm-7"))
    hang.await_victim()
    leave()
    assert eventually(world.backend.trouble.is_abandoned)
    hang.end()
    assert eventually(lambda: world.held().get("10.9.0.1") == "vm-7")

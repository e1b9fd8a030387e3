"""UpdateNetwork that fails, hangs or meets other calls: the network stays as recorded."""

import threading
from collections.abc import Callable

import pytest

from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from tests.server.support import requests
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World


@pytest.fixture(autouse=True)
def web(world: World) -> None:
    """A network with options, and two endpoints on it."""
    world.network("web", options={"icc": "true", "vlan": "7"})
    world.connect("c1")
    world.connect("c2")


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_after_a_failure_the_driver_gets_the_network_as_it_was(world: World, *, late: bool) -> None:
    before = world.state()
    world.driver.trouble.fail("update", KernelError("no"), late=late)
    refused = refusal(
        world.net.UpdateNetwork, requests.change(options={"icc": "false"}, labels={"a": "b"})
    )
    assert refused.reason == "KERNEL_ERROR"
    assert world.state() == before
    assert world.driver.trouble.calls["update"] == 2


def test_a_change_that_cannot_be_recorded_is_rolled_back(world: World) -> None:
    before = world.state()
    with world.broken_write():
        refused = refusal(world.net.UpdateNetwork, requests.change(options={"icc": "false"}))
    assert refused.reason == "STORE_UNAVAILABLE"
    assert world.state() == before
    assert world.update(options={"icc": "false"}).options["icc"] == "false"


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_change_whose_driver_hangs_is_rolled_back_when_it_returns(
    world: World, *, late: bool
) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("update", late=late)
    with world.patience(0.2):
        refused = refusal(world.net.UpdateNetwork, requests.change(options={"icc": "false"}))
    assert refused.short == ("DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT")
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle and world.state() == before)


def test_a_late_rollback_brings_the_driver_to_the_newest_record(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    with world.patience(0.2):
        refusal(world.net.UpdateNetwork, requests.change(options={"icc": "false"}))
    world.update(labels={"team": "blue"})
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle)
    [network] = world.driver.networks.values()
    assert network.options == {"icc": "true", "vlan": "7"}
    assert world.networks()[0].labels["team"] == "blue"


def test_a_late_rollback_waits_for_calls_that_hold_the_lock(world: World) -> None:
    changing = world.driver.trouble.hang("update")
    with world.patience(0.2):
        refusal(world.net.UpdateNetwork, requests.change(options={"icc": "false"}))
    connecting = world.driver.trouble.hang("connect")
    call = world.net.Connect.future(connect("c3"))
    connecting.await_victim()
    changing.end()
    assert eventually(lambda: world.queue("network") == 2)
    assert world.driver.trouble.calls["update"] == 1
    connecting.end()
    endpoint = call.result(10).endpoint
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle)
    assert world.driver.endpoints[endpoint.id].network.options["icc"] == "true"


def test_a_network_that_is_deleted_meanwhile_is_not_brought_back(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    with world.patience(0.2):
        refusal(world.net.UpdateNetwork, requests.change(options={"icc": "false"}))
    deleting = network_pb2.DeleteNetworkRequest(network="web", force=True)
    assert refusal(world.net.DeleteNetwork, deleting).reason == "BUSY"  # but it is on its way out
    hang.end()
    assert eventually(lambda: world.driver.trouble.idle)
    world.net.DeleteNetwork(deleting)
    assert eventually(lambda: "late-rollback" not in [each.name for each in threading.enumerate()])
    assert world.driver.trouble.calls["update"] == 1
    assert world.driver.networks == {}


def test_a_change_for_a_caller_that_left_is_rolled_back(world: World) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("update")
    call = world.net.UpdateNetwork.future(requests.change(options={"icc": "false"}))
    hang.await_victim()
    call.cancel()
    assert eventually(lambda: not _caller(world)())
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle and world.state() == before)


def _caller(world: World) -> Callable[[], bool]:
    caller = world.driver.trouble.caller
    assert caller
    return caller.alive


def test_a_connect_waits_for_a_change_and_finds_it_made(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    changing = world.net.UpdateNetwork.future(requests.change(options={"icc": "false"}))
    hang.await_victim()
    connecting = world.net.Connect.future(connect("c3"))
    assert eventually(lambda: world.queue("network") == 2)
    hang.end()
    endpoint = connecting.result(10).endpoint
    assert changing.result(10).network.options["icc"] == "false"
    assert world.driver.endpoints[endpoint.id].network.options["icc"] == "false"

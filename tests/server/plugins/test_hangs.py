"""A plugin that does not answer costs its own callers a PLUGIN_TIMEOUT, and leaves nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.polling import eventually
from tests.server.support.refusals import Refusal, refusal
from tests.server.support.requests import allocate, connect, create
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")

SECONDS = 0.2


def timeout(world: World, method: Callable[..., Any], request: object) -> Refusal:
    """Make a call that meets a hang, with little time; tell how it was refused."""
    with world.patience(SECONDS):
        refused = refusal(method, request)
    assert refused.short == ("DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT")
    return refused


LATE = pytest.mark.parametrize("late", [False, True], ids=["before", "after"])


@LATE
def test_a_network_whose_driver_hangs_is_rolled_back_when_it_returns(
    world: World, *, late: bool
) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("create", late=late)
    refused = timeout(world, world.net.CreateNetwork, create("api", "10.2.0.0/24"))
    assert "driver bridge did not answer create" in refused.message
    hang.end()
    assert eventually(lambda: world.state() == before)


IN_PROGRESS = "Another call is changing it, so it was not compared with the kernel."


def test_an_endpoint_without_addresses_yet_is_not_compared(world: World) -> None:
    world.driver.problems = ("It has no MAC address.",)
    hang = world.backend.trouble.hang("allocate")
    connecting = world.net.Connect.future(connect("c1"))
    hang.await_victim()
    answer = world.net.CheckEndpoint(
        network_pb2.CheckEndpointRequest(network="web", container_id="c1")
    )
    assert answer.endpoint.state == network_pb2.ENDPOINT_STATE_CONNECTING
    assert answer.problems == []
    assert answer.notes == [IN_PROGRESS]
    assert world.driver.trouble.calls["check"] == 0, "the driver got half a record"
    hang.end()
    connecting.exception()  # the machine may have been too slow for its deadline


@pytest.mark.parametrize("fails", [True, False])
def test_an_endpoint_that_is_removed_during_its_check_is_not_compared(
    world: World, *, fails: bool
) -> None:
    endpoint = world.connect("c1")
    world.driver.problems = ("Its interface is gone.",)
    if fails:
        world.driver.trouble.fail("check", KernelError("No such device"))
    hang = world.driver.trouble.hang("check")
    request = network_pb2.CheckEndpointRequest(endpoint=endpoint.id)
    checking = world.net.CheckEndpoint.future(request, timeout=60)
    hang.await_victim()
    world.store.endpoints.remove(*world.store.endpoints.of_container("c1"))
    hang.end()
    answer = checking.result()
    assert answer.problems == []
    assert answer.notes == [IN_PROGRESS]


@LATE
@pytest.mark.parametrize("verb", ["open_subnet", "allocate"])
def test_a_network_whose_backend_hangs_is_rolled_back_when_it_returns(
    world: World, verb: str, *, late: bool
) -> None:
    before = world.state()
    hang = world.backend.trouble.hang(verb, late=late)
    refused = timeout(world, world.net.CreateNetwork, create("api", "10.2.0.0/24"))
    assert f"backend bitmap did not answer {verb}" in refused.message
    hang.end()
    assert eventually(lambda: world.state() == before)


@LATE
@pytest.mark.parametrize(("plugin", "verb"), [("driver", "connect"), ("backend", "allocate")])
def test_an_endpoint_whose_plugin_hangs_is_rolled_back_when_it_returns(
    world: World, plugin: str, verb: str, *, late: bool
) -> None:
    before = world.state()
    hang = getattr(world, plugin).trouble.hang(verb, late=late)
    timeout(world, world.net.Connect, connect(netns_name="c1"))
    hang.end()
    assert eventually(lambda: world.state() == before)
    assert world.connect("c1", netns_name="c1").addresses[0] == "10.1.0.2/24"


@LATE
def test_a_disconnect_whose_driver_hangs_is_finished_when_it_returns(
    world: World, *, late: bool
) -> None:
    before = world.state()
    world.connect("c1", netns_name="c1")
    hang = world.driver.trouble.hang("disconnect", late=late)
    request = network_pb2.DisconnectRequest(container_id="c1")
    timeout(world, world.net.Disconnect, request)
    [left] = world.endpoints()
    assert left.state == network_pb2.ENDPOINT_STATE_DISCONNECTING
    hang.end()
    assert eventually(lambda: world.state() == before)


@pytest.mark.parametrize(("plugin", "verb"), [("driver", "delete"), ("backend", "release_owner")])
def test_a_delete_whose_plugin_hangs_can_be_called_again(
    world: World, plugin: str, verb: str
) -> None:
    hang = getattr(world, plugin).trouble.hang(verb)
    request = network_pb2.DeleteNetworkRequest(network="web")
    timeout(world, world.net.DeleteNetwork, request)
    hang.end()
    assert eventually(lambda: world.driver.trouble.idle and world.backend.trouble.idle)
    world.net.DeleteNetwork(request)
    assert world.networks() == []
    assert world.held() == {}


def test_a_check_whose_driver_hangs_is_refused(world: World) -> None:
    endpoint = world.connect("c1")
    world.driver.trouble.hang("check")
    request = network_pb2.CheckEndpointRequest(endpoint=endpoint.id)
    timeout(world, world.net.CheckEndpoint, request)


@LATE
@pytest.mark.parametrize("verb", ["open_subnet", "allocate"])
def test_a_late_address_without_an_owner_is_released(
    world: World, verb: str, *, late: bool
) -> None:
    before = world.state()
    hang = world.backend.trouble.hang(verb, late=late)
    timeout(world, world.ipam.AllocateAddress, allocate())
    hang.end()
    assert eventually(lambda: world.backend.trouble.idle and world.state() == before)
    assert world.allocate().address == "10.9.0.1"


def test_a_late_address_is_found_by_its_owner(world: World) -> None:
    world.allocate(owner="vm-1")
    hang = world.backend.trouble.hang("allocate", late=True)
    timeout(world, world.ipam.AllocateAddress, allocate(owner="vm-7"))
    hang.end()
    assert world.held()["10.9.0.2"] == "vm-7"
    assert world.allocate(owner="vm-7").address == "10.9.0.2"


def test_a_subnet_is_dropped_after_a_late_release_of_its_last_address(world: World) -> None:
    before = world.state()
    held = world.allocate()
    hang = world.backend.trouble.hang("release")
    asked = ipam_pb2.ReleaseAddressRequest(subnet=held.subnet, address=held.address)
    timeout(world, world.ipam.ReleaseAddress, asked)
    hang.end()
    assert eventually(lambda: world.state() == before)


def test_an_added_subnet_stays_where_another_owner_has_an_address_of_it(
    world: World,
) -> None:
    hang = world.backend.trouble.hang("open_subnet", late=True)
    timeout(world, world.ipam.AllocateAddress, allocate())
    other = world.allocate(owner="vm-7")
    hang.end()
    assert eventually(lambda: world.backend.trouble.idle and world.queue("subnet") == 0)
    assert world.allocate(owner="vm-7") == other
    assert world.subnets()[1] == other.subnet


@pytest.mark.parametrize(("plugin", "verb"), [("driver", "create"), ("backend", "open_subnet")])
def test_other_networks_do_not_wait(world: World, plugin: str, verb: str) -> None:
    world.connect("c1", netns_name="c1")
    hang = getattr(world, plugin).trouble.hang(verb)
    slow = world.net.CreateNetwork.future(create("api", "10.2.0.0/24"))
    hang.await_victim()
    world.network("lan", "10.3.0.0/24")
    world.connect("c1", network="lan", netns_name="c1")
    world.connect("c2", network="web")
    world.disconnect("c2")
    world.allocate()
    assert world.subnets().count("10.3.0.0/24") == 1
    assert [network.name for network in world.networks()] == ["web", "api", "lan"]
    world.delete("lan", force=True)
    assert not slow.done()
    hang.end()


def test_many_callers_at_one_container_do_not_block_others(world: World) -> None:
    hang = world.driver.trouble.hang("connect")
    crowd = [world.net.Connect.future(connect()) for _ in range(200)]
    hang.await_victim()
    assert eventually(lambda: sum(call.done() for call in crowd) >= 100)
    world.net.CreateNetwork(create("api", "10.2.0.0/24"), timeout=60)
    world.net.Connect(connect("c2", network="api"), timeout=60)
    hang.end()
    answers = {call.result().endpoint.id for call in crowd if not call.exception()}
    assert len(answers) == 1


def test_a_call_for_an_object_whose_verb_still_runs_is_busy(world: World) -> None:
    hang = world.driver.trouble.hang("connect")
    timeout(world, world.net.Connect, connect(netns_name="c1"))
    refused = refusal(world.net.Connect, connect(netns_name="c1"))
    assert refused.short == ("ABORTED", "BUSY")
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 500
    asked = network_pb2.DisconnectRequest(container_id="c1")
    assert refusal(world.net.Disconnect, asked).short == ("ABORTED", "BUSY")
    hang.end()
    assert eventually(lambda: world.endpoints() == [])
    assert world.connect("c1", netns_name="c1").interface == "eth0"


def test_a_network_that_is_still_being_made_is_busy(world: World) -> None:
    hang = world.driver.trouble.hang("create")
    timeout(world, world.net.CreateNetwork, create("api", "10.2.0.0/24"))
    asked = network_pb2.DeleteNetworkRequest(network="api")
    assert refusal(world.net.DeleteNetwork, asked).short == ("ABORTED", "BUSY")
    again = refusal(world.net.CreateNetwork, create("api", "10.2.0.0/24"))
    assert again.short == ("ABORTED", "BUSY")
    hang.end()
    assert eventually(lambda: len(world.networks()) == 1)


def test_subnets_are_listed_while_one_is_being_added(world: World) -> None:
    hang = world.backend.trouble.hang("open_subnet")
    slow = world.ipam.AllocateAddress.future(allocate(owner="vm-7"))
    hang.await_victim()
    assert "10.1.0.0/24" in world.subnets()
    asked = ipam_pb2.GetSubnetRequest(subnet="10.1.0.0/24")
    assert world.ipam.GetSubnet(asked).subnet.network == "web"
    hang.end()
    assert slow.result().allocation.address == "10.9.0.1"


def test_a_subnet_whose_network_is_being_made_is_busy(world: World) -> None:
    hang = world.backend.trouble.hang("open_subnet")
    slow = world.net.CreateNetwork.future(create("api", "10.2.0.0/24"))
    hang.await_victim()
    refused = refusal(world.ipam.AllocateAddress, allocate("10.2.0.0/24"))
    assert refused.short == ("ABORTED", "BUSY")
    asked = ipam_pb2.ReleaseAddressRequest(subnet="10.2.0.0/24", address="10.2.0.9", owner="vm-7")
    assert refusal(world.ipam.ReleaseAddress, asked).code == "NOT_FOUND"
    asked.allow_missing = True
    assert not world.ipam.ReleaseAddress(asked).HasField("allocation")
    hang.end()
    assert slow.result().network.name == "api"

"""What a start makes of what a crash left: intents are undone or finished, networks restored."""

from collections.abc import Callable

import pytest

from mynet.drivers.errors import DriverError, KernelError
from mynet.server.recovery import recover
from mynet.v1 import network_pb2
from tests.server.asking import connect, create, refusal
from tests.server.world import World

Crash = Callable[[World], None]


def crash_in_create(world: World) -> None:
    world.driver.trouble.fail("create", KernelError("no"), late=True)
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.CreateNetwork, create("api", "10.2.0.0/24"))


def crash_in_delete(world: World) -> None:
    world.network("api", "10.2.0.0/24")
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="api"))


def crash_in_forced_delete(world: World) -> None:
    world.network("api", "10.2.0.0/24")
    world.connect("c7", network="api")
    world.connect("c8", network="api")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    asked = network_pb2.DeleteNetworkRequest(network="api", force=True)
    refusal(world.net.DeleteNetwork, asked)


def crash_in_connect(world: World) -> None:
    world.driver.trouble.fail("connect", KernelError("no"), late=True)
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Connect, connect("c9"))


def crash_in_disconnect(world: World) -> None:
    world.connect("c6")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Disconnect, network_pb2.DisconnectRequest(container_id="c6"))


def crash_while_a_subnet_is_dropped(world: World) -> None:
    held = world.allocate()
    with world.broken_write():
        world.release(held.subnet, held.address)


CRASHES = [
    crash_in_create,
    crash_in_delete,
    crash_in_forced_delete,
    crash_in_connect,
    crash_in_disconnect,
    crash_while_a_subnet_is_dropped,
]


@pytest.fixture(autouse=True)
def web(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    world.sandbox("c1")
    world.connect("c1", netns_name="c1")


@pytest.mark.parametrize("crash", CRASHES)
def test_what_was_half_done_is_gone_and_what_stood_stands(world: World, crash: Crash) -> None:
    before = world.state()
    crash(world)
    assert world.state() != before
    done = recover(world.store, world.core)
    assert done["failures"] == 0
    assert world.state() == before


def test_all_of_it_at_once(world: World) -> None:
    before = world.state()
    for crash in CRASHES[2:]:
        crash(world)
    done = recover(world.store, world.core)
    assert world.state() == before
    assert done["endpoints removed"] == 3
    assert done["networks removed"] == 1


def test_endpoints_that_differ_from_their_record_are_made_whole(world: World) -> None:
    world.sandbox("c2")
    world.connect("c2", netns_name="c2")
    world.connect("loose")
    before = world.state()
    world.driver.problems = ["it is not there"]
    world.host.remove_sandbox("/run/netns/c2")
    gone = world.state()
    world.driver.endpoints.clear()
    done = recover(world.store, world.core)
    assert (done["endpoints restored"], done["failures"]) == (1, 0)
    assert world.state()["endpoints"] == before["endpoints"]
    assert world.state()["held"] == gone["held"]
    assert [each.interface for each in world.driver.endpoints.values()] == ["eth0"]


def test_every_driver_restores_its_own_networks_also_when_it_has_none(world: World) -> None:
    other = world.network("lan", "10.3.0.0/24", driver="other")
    world.driver.networks.clear()
    assert recover(world.store, world.core)["drivers restored"] == 2
    assert [network.name for network in world.driver.networks.values()] == ["web"]
    assert list(world.other.networks) == [other.id]
    world.delete("lan")
    recover(world.store, world.core)
    assert world.other.trouble.calls["restore"] == 2


@pytest.mark.parametrize("crash", CRASHES[:5])
def test_a_step_that_fails_keeps_its_record_and_the_next_start_takes_it(
    world: World, crash: Crash
) -> None:
    before = world.state()
    crash(world)
    for verb in ("disconnect", "delete", "restore"):
        world.driver.trouble.fail(verb, DriverError("no"), times=9)
    left = world.store.networks.all(), world.store.endpoints.all()
    assert recover(world.store, world.core)["failures"] > 0
    assert (world.store.networks.all(), world.store.endpoints.all()) == left
    world.driver.trouble.end()
    assert recover(world.store, world.core)["failures"] == 0
    assert world.state() == before


def test_a_network_on_its_way_out_is_not_made_again_for_what_is_left_on_it(world: World) -> None:
    crash_in_forced_delete(world)
    world.driver.trouble.fail("disconnect", DriverError("no"), times=9)
    done = recover(world.store, world.core)
    assert done["failures"] > 0
    assert (done["networks settled"], world.driver.trouble.calls["update"]) == (0, 0)


def test_a_step_that_fails_does_not_keep_the_others_from_their_turn(world: World) -> None:
    for crash in (crash_in_connect, crash_in_delete):
        crash(world)
    world.driver.trouble.fail("disconnect", DriverError("no"))
    done = recover(world.store, world.core)
    assert done["failures"] == 1
    assert done["networks removed"] == 1
    assert done["drivers restored"] == 2
    assert [endpoint.container_id for endpoint in world.endpoints()] == ["c1", "c9"]

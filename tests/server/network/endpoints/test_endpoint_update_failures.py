"""UpdateEndpoint that fails, hangs or meets other calls: the endpoint stays as recorded."""

import threading

import grpc
import pytest

from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import PortMapping
from tests.server.support.faulty.stress import stress
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import change_endpoint, connect
from tests.server.support.samples.ports import WEB
from tests.server.support.world import World

TLS = PortMapping(host_port=8443, container_port=443)
LOCAL = PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=80)
MOVE = change_endpoint(ports=[TLS], remove_ports=[WEB], labels={"a": "b"})
NARROW = change_endpoint(ports=[LOCAL], remove_ports=[WEB])


@pytest.fixture(autouse=True)
def one(world: World) -> None:
    world.network("web")
    world.connect("c1", netns_path=world.sandbox("c1"), ports=[WEB])


def has_left(world: World) -> bool:
    """Disconnect the endpoint; return False while the driver still works on it."""
    try:
        world.disconnect()
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.ABORTED  # noqa: PT017 - others are faults
        return False
    return True


@pytest.mark.parametrize("asked", [MOVE, NARROW], ids=["another port", "another address"])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_after_a_failure_the_driver_gets_the_endpoint_as_it_was(
    world: World, asked: object, *, late: bool
) -> None:
    before = world.state()
    world.driver.trouble.fail("update_endpoint", KernelError("no"), late=late)
    assert refusal(world.net.UpdateEndpoint, asked).reason == "KERNEL_ERROR"
    assert world.state() == before
    assert world.driver.trouble.calls["update_endpoint"] == 2


def test_a_failed_rollback_returns_the_first_error_and_releases_the_ports(
    world: World,
) -> None:
    held = world.host.ports.taken()
    world.driver.trouble.fail("update_endpoint", KernelError("first"))
    world.driver.trouble.fail("update_endpoint", KernelError("second"), late=True)
    world.driver.trouble.fail("update_endpoint", KernelError("second"))
    refused = refusal(world.net.UpdateEndpoint, MOVE)
    assert "first" in refused.message
    assert world.host.ports.taken() == held


@pytest.mark.parametrize("asked", [MOVE, NARROW], ids=["another port", "another address"])
def test_a_change_that_cannot_be_recorded_is_rolled_back(
    world: World, asked: network_pb2.UpdateEndpointRequest
) -> None:
    before = world.state()
    with world.broken_write():
        assert refusal(world.net.UpdateEndpoint, asked).reason == "STORE_UNAVAILABLE"
    assert world.state() == before
    world.net.UpdateEndpoint(asked)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_change_whose_driver_hangs_is_rolled_back_when_it_returns(
    world: World, *, late: bool
) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("update_endpoint", late=late)
    with world.patience(0.2):
        refused = refusal(world.net.UpdateEndpoint, MOVE)
    assert refused.short == ("DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT")
    rival = connect("c2", ports=[TLS])
    assert refusal(world.net.Connect, rival).reason == "PORT_IN_USE"  # the driver may lead there
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update_endpoint"] == 2)
    assert eventually(lambda: world.driver.trouble.idle and world.state() == before)
    world.net.Connect(rival)


def test_a_late_rollback_brings_the_driver_to_the_newest_record(world: World) -> None:
    hang = world.driver.trouble.hang("update_endpoint")
    with world.patience(0.2):
        refusal(world.net.UpdateEndpoint, MOVE)
    world.update_endpoint(labels={"team": "blue"})
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update_endpoint"] == 2)
    assert eventually(lambda: world.driver.trouble.idle)
    [endpoint] = world.driver.endpoints.values()
    assert [port.host_port for port in endpoint.ports] == [8080]
    assert eventually(lambda: [each.port for each in world.host.ports.taken()] == [8080])
    assert world.endpoints()[0].labels["team"] == "blue"


def test_a_late_rollback_waits_for_calls_that_hold_the_lock(world: World) -> None:
    world.network("other", "10.2.0.0/24")
    changing = world.driver.trouble.hang("update_endpoint")
    with world.patience(0.2):
        refusal(world.net.UpdateEndpoint, MOVE)
    connecting = world.driver.trouble.hang("connect")
    call = world.net.Connect.future(connect("c1", network="other"))
    connecting.await_victim()
    changing.end()
    assert eventually(lambda: world.queue("container") == 2)
    assert world.driver.trouble.calls["update_endpoint"] == 1
    connecting.end()
    call.result(10)
    assert eventually(lambda: world.driver.trouble.calls["update_endpoint"] == 2)
    assert eventually(lambda: world.driver.trouble.idle)


def test_an_endpoint_that_is_disconnected_meanwhile_is_not_brought_back(world: World) -> None:
    hang = world.driver.trouble.hang("update_endpoint")
    with world.patience(0.2):
        refusal(world.net.UpdateEndpoint, MOVE)
    hang.end()
    assert eventually(lambda: has_left(world))
    assert eventually(lambda: "late-rollback" not in [each.name for each in threading.enumerate()])
    assert world.driver.endpoints == {}
    assert world.endpoints() == []
    assert world.host.ports.taken() == frozenset()


def test_a_change_for_a_caller_that_left_is_rolled_back(world: World) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("update_endpoint")
    call = world.net.UpdateEndpoint.future(MOVE)
    hang.await_victim()
    caller = world.driver.trouble.caller
    assert caller
    call.cancel()
    assert eventually(lambda: not caller.alive())
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update_endpoint"] == 2)
    assert eventually(lambda: world.driver.trouble.idle and world.state() == before)


def test_an_endpoint_that_is_being_disconnected_is_not_changed(world: World) -> None:
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Disconnect, network_pb2.DisconnectRequest(container_id="c1"))
    refused = refusal(world.net.UpdateEndpoint, MOVE)
    assert refused.short == ("ABORTED", "BUSY")
    assert "disconnecting" in refused.message


def test_concurrent_changes_of_one_endpoint_all_apply(world: World) -> None:
    def change(number: int) -> None:
        port = PortMapping(host_port=20000 + number, container_port=number + 1)
        world.update_endpoint(ports=[port], labels={str(number): ""})

    stress(change)
    [endpoint] = world.endpoints()
    ports = {each.host_port for each in endpoint.ports}
    assert ports - {8080} == {20000 + int(number) for number in endpoint.labels}
    assert len(ports) > 2
    assert ports == {each.port for each in world.host.ports.taken()}
    [told] = world.driver.endpoints.values()
    assert ports == {each.host_port for each in told.ports}

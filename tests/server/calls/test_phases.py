"""Health and reflection, and the replies while the daemon starts and stops."""

import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from mynet.v1 import network_pb2
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect, create
from tests.server.support.world import World

NAMES = ("", "mynet.v1.NetworkService", "mynet.v1.IPAMService")


def health(world: World) -> set[str]:
    """Ask for the health of the daemon and of each service."""
    stub: Any = health_pb2_grpc.HealthStub(world.channel)
    answers = [stub.Check(health_pb2.HealthCheckRequest(service=name)) for name in NAMES]
    return {health_pb2.HealthCheckResponse.ServingStatus.Name(each.status) for each in answers}


def test_the_daemon_is_healthy_when_it_serves_and_not_before(
    make_world: Callable[..., World],
) -> None:
    world = make_world(serving=False)
    assert health(world) == {"NOT_SERVING"}
    world.server.serve()
    assert health(world) == {"SERVING"}


def test_an_unknown_service_has_no_health(still_world: World) -> None:
    stub: Any = health_pb2_grpc.HealthStub(still_world.channel)
    request = health_pb2.HealthCheckRequest(service="mynet.v1.Nothing")
    assert refusal(stub.Check, request).code == "NOT_FOUND"


def test_health_can_be_watched(make_world: Callable[..., World]) -> None:
    world = make_world(serving=False)
    stub: Any = health_pb2_grpc.HealthStub(world.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    world.server.serve()
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


@pytest.mark.parametrize("verb", ["CreateNetwork", "ListNetworks", "ListDrivers"])
def test_calls_are_refused_before_the_daemon_serves(
    make_world: Callable[..., World], verb: str
) -> None:
    world = make_world(serving=False)
    before = world.state()
    request = create() if verb == "CreateNetwork" else getattr(network_pb2, f"{verb}Request")()
    refused = refusal(getattr(world.net, verb), request)
    assert refused.short == ("UNAVAILABLE", "STARTING")
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 1000
    assert world.state() == before


def test_a_daemon_that_stops_lets_calls_end_and_takes_no_new_ones(world: World) -> None:
    hang = world.driver.trouble.hang("create")
    running = world.net.CreateNetwork.future(create())
    hang.await_victim()
    drained: list[bool] = []
    stopping = threading.Thread(target=lambda: drained.append(world.server.stop(10)))
    stopping.start()
    assert eventually(lambda: health(world) == {"NOT_SERVING"})
    refused = refusal(world.net.CreateNetwork, create("late", "10.2.0.0/24"))
    assert refused.short == ("UNAVAILABLE", "SHUTTING_DOWN")
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 2000
    hang.end()
    assert running.result().network.name == "web"
    stopping.join()
    assert drained == [True]
    assert [network.name for network in world.store.networks.all()] == ["web"]


def test_a_plugin_that_hangs_does_not_keep_the_daemon_from_stopping(world: World) -> None:
    world.network()
    hang = world.driver.trouble.hang("connect")
    running = world.net.Connect.future(connect())
    hang.await_victim()
    assert not world.server.stop(0.05)
    assert not world.drivers.close(0.05)
    with pytest.raises(grpc.RpcError):
        running.result(10)


def test_an_idle_daemon_stops_at_once(world: World) -> None:
    assert world.server.stop(60)


def test_reflection_lists_the_services_and_describes_them(still_world: World) -> None:
    database = ProtoReflectionDescriptorDatabase(still_world.channel)
    assert {*NAMES[1:], "grpc.health.v1.Health"} <= set(database.get_services())
    pool = DescriptorPool(database)
    connect_verb = pool.FindMethodByName("mynet.v1.NetworkService.Connect")
    assert connect_verb.input_type.full_name == "mynet.v1.ConnectRequest"


def test_reflection_describes_the_details_of_errors(still_world: World) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(still_world.channel))
    for name in ("ErrorInfo", "BadRequest", "ResourceInfo", "RetryInfo"):
        assert pool.FindMessageTypeByName(f"google.rpc.{name}").full_name.endswith(name)

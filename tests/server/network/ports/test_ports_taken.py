"""Ports that are taken: refused, and the error names the holder."""

import threading
import time
from typing import Any

import pytest

from mynet.drivers.linux.values.ports import Binding
from mynet.v1.network_pb2 import PROTOCOL_UDP, PortMapping
from tests.server.support.faulty.stress import stress
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.samples.ports import CHOSEN, NGINX, TCP, WEB, numbers
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")
MANY = PortMapping(host_port=8070, container_port=8070, count=11)

HOLDERS = [
    (WEB, WEB),
    (WEB, PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=1)),
    (PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=1), WEB),
    (WEB, PortMapping(host_ip="::", host_port=8080, container_port=1)),
    (WEB, PortMapping(host_port=8070, container_port=1, count=20)),
    (PortMapping(host_port=8070, container_port=1, count=11), WEB),
]
STRANGERS = [
    (WEB, PortMapping(protocol=PROTOCOL_UDP, host_port=8080, container_port=80)),
    (WEB, PortMapping(host_port=8081, container_port=80)),
    (
        PortMapping(host_ip="127.0.0.1", host_port=8080, container_port=1),
        PortMapping(host_ip="127.0.0.2", host_port=8080, container_port=1),
    ),
    (
        PortMapping(host_ip="0.0.0.0", host_port=8080, container_port=1),  # noqa: S104 - as asked
        PortMapping(host_ip="::", host_port=8080, container_port=1),
    ),
    (PortMapping(host_port=8070, container_port=1, count=10), WEB),
]


@pytest.mark.parametrize(("first", "second"), HOLDERS)
def test_a_port_of_another_endpoint_is_refused_and_its_holder_named(
    world: World, first: PortMapping, second: PortMapping
) -> None:
    holder = world.connect("c1", ports=[first])
    before = world.state()
    refused = refusal(world.net.Connect, connect("c2", ports=[second]))
    assert refused.short == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert refused.metadata == {"endpoint": holder.id, "container_id": "c1"}
    resource_info = refused.details["ResourceInfo"]
    assert (resource_info.resource_type, resource_info.resource_name) == ("port", "8080/tcp")
    assert resource_info.owner == f"endpoint {holder.id[:12]} of container c1"
    assert world.state() == before


@pytest.mark.parametrize(("first", "second"), HOLDERS)
def test_a_port_on_record_that_is_not_held_is_refused_by_the_record(
    world: World, first: PortMapping, second: PortMapping
) -> None:
    holder = world.connect("c1", ports=[first])
    world.core.endpoint_updates.ports.release(holder.id)  # a start found it taken
    before = world.state()
    refused = refusal(world.net.Connect, connect("c2", ports=[second]))
    assert refused.short == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert refused.metadata == {"endpoint": holder.id, "container_id": "c1"}
    assert world.state() == before


@pytest.mark.parametrize(("first", "second"), STRANGERS)
def test_ports_that_do_not_clash_are_accepted(
    world: World, first: PortMapping, second: PortMapping
) -> None:
    world.connect("c1", ports=[first])
    world.connect("c2", ports=[second])
    assert len(world.endpoints()) == 2


def test_a_port_of_another_program_is_refused_and_the_program_named(world: World) -> None:
    world.host.ports.take(Binding(TCP, 8080, frozenset({6})), NGINX)
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", ports=[CHOSEN, WEB]))
    assert refused.short == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert "TCP port 8080 of this host is taken by nginx (pid 77)" in refused.message
    assert refused.metadata == {"pid": "77", "program": "nginx"}
    assert refused.details["ResourceInfo"].owner == "nginx (pid 77)"
    assert world.state() == before


@pytest.mark.parametrize("asked", [[WEB], [WEB, CHOSEN], [MANY]], ids=["one", "two", "a range"])
def test_of_concurrent_calls_for_a_port_one_gets_it(world: World, asked: list[PortMapping]) -> None:
    won: list[str] = []
    refused: list[Any] = []

    def race(number: int) -> None:
        request = connect(f"r{number}", ports=asked)
        future = world.net.Connect.future(request)
        if future.exception():
            refused.append(refusal(world.net.Connect, request))
        else:
            won.append(future.result().endpoint.id)

    stress(race)
    assert len(won) == 1
    assert {each.reason for each in refused} == {"PORT_IN_USE"}
    assert {each.metadata["endpoint"] for each in refused} == set(won)
    assert [each.id for each in world.endpoints()] == won


def test_a_port_on_record_is_not_chosen_though_no_program_has_it(world: World) -> None:
    holder = world.connect("c1", ports=[WEB])
    world.core.endpoint_updates.ports.release(holder.id)  # as after a start that found it taken
    world.host.ports.choosable = [range(8079, 8082)]
    pair = PortMapping(container_port=80, count=2)
    assert refusal(world.net.Connect, connect("c2", ports=[pair])).reason == "PORTS_EXHAUSTED"
    assert not world.host.ports.taken()
    assert sorted(numbers(world.connect("c2", ports=[CHOSEN, CHOSEN]))) == [8079, 8081]


def test_the_kernel_is_asked_for_one_port_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, alone = world.host.ports.reserve, threading.Lock()

    def slow(binding: Binding) -> object:
        assert alone.acquire(blocking=False)
        time.sleep(0.001)
        try:
            return hold(binding)
        finally:
            alone.release()

    monkeypatch.setattr(world.host.ports, "reserve", slow)
    stress(lambda number: world.connect(f"r{number}", ports=[CHOSEN]))
    assert len(world.endpoints()) == len(world.host.ports.taken())

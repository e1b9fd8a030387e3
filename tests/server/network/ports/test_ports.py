"""Published ports: reserved, given to the driver, kept, and released with their endpoint."""

import resource
from dataclasses import replace
from ipaddress import ip_address

import pytest

from mynet.drivers.linux.values.ports import Binding
from mynet.server.network import port_rules
from mynet.v1.network_pb2 import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP, PortMapping
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.samples.ports import BOTH, CHOSEN, SCTP, TCP, UDP, WEB, held, numbers
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")


def test_ports_are_reserved_given_to_the_driver_and_returned(world: World) -> None:
    asked = [
        PortMapping(protocol=PROTOCOL_TCP, host_port=8080, container_port=80, count=1),
        PortMapping(
            protocol=PROTOCOL_UDP, host_ip="127.0.0.1", host_port=53, container_port=53, count=2
        ),
        PortMapping(protocol=PROTOCOL_SCTP, host_ip="::", host_port=99, container_port=98, count=1),
    ]
    endpoint = world.connect("c1", ports=asked)
    assert list(endpoint.ports) == asked
    assert list(world.endpoints()[0].ports) == asked
    loopback = ip_address("127.0.0.1")
    assert world.host.ports.taken() == {
        Binding(TCP, 8080, BOTH),
        Binding(UDP, 53, frozenset({4}), loopback),
        Binding(UDP, 54, frozenset({4}), loopback),
        Binding(SCTP, 99, frozenset({6})),
    }
    told = world.driver.endpoints[endpoint.id].ports
    assert [(each.protocol, each.host_port, each.count) for each in told] == [
        (TCP, 8080, 1),
        (UDP, 53, 2),
        (SCTP, 99, 1),
    ]


def test_only_families_of_the_network_are_held(world: World) -> None:
    world.network("v4", "10.4.0.0/24")
    world.connect("c1", network="v4", ports=[WEB])
    assert world.host.ports.taken() == {Binding(TCP, 8080, frozenset({4}))}


def test_ports_go_with_their_endpoint(world: World) -> None:
    before = world.state()
    world.connect("c1", ports=[WEB, CHOSEN])
    world.disconnect("c1")
    assert world.state() == before
    assert numbers(world.connect("c2", ports=[WEB])) == [8080]


def test_the_same_specs_again_find_the_same_ports(world: World) -> None:
    first = world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN])
    before = world.state()
    assert world.connect("c1", netns_name="c1", ports=[CHOSEN, WEB]) == first
    assert world.state() == before
    for others in ([WEB], [WEB, CHOSEN, CHOSEN], []):
        refused = refusal(world.net.Connect, connect("c1", netns_name="c1", ports=others))
        assert refused.reason == "ENDPOINT_EXISTS"


def test_an_endpoint_that_moves_keeps_its_ports(world: World) -> None:
    first = world.connect("c1", netns_name="c1", ports=[CHOSEN])
    world.sandbox("c1")
    again = world.connect("c1", netns_name="c1", ports=[CHOSEN])
    assert (again.id, list(again.ports)) == (first.id, list(first.ports))
    assert held(world) == {("tcp", number) for number in numbers(first)}


def test_without_descriptors_for_all_ports_none_is_reserved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect("c2", ports=[WEB])
    before = world.state()
    limit = port_rules._SPARE + 3
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    many = PortMapping(host_port=9000, container_port=9000, count=3)
    refused = refusal(world.net.Connect, connect("c1", ports=[many]))
    assert refused.short == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    assert "3 more ports" in refused.message
    assert refused.metadata == {"limit": str(limit), "held": "1"}
    assert world.state() == before
    many.count = 2
    world.connect("c1", ports=[many])


def test_a_driver_without_the_capability_publishes_nothing(world: World) -> None:
    world.other._info = replace(world.other.info, capabilities=frozenset())
    world.network("lan", "10.3.0.0/24", driver="other")
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", network="lan", ports=[WEB]))
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert "driver other of network lan publishes no ports" in refused.message
    assert world.state() == before
    world.connect("c1", network="lan")

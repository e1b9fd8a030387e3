"""Automatic choice of ports: from those of the host, each for one endpoint."""

from ipaddress import ip_address

import pytest

from mynet.drivers.linux.values.ports import Binding
from mynet.server.network import port_rules
from mynet.v1.network_pb2 import PROTOCOL_UDP, PortMapping
from tests.server.support.faulty.stress import CALLERS, stress
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.samples.ports import BOTH, CHOSEN, NGINX, TCP, numbers
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")


def test_a_port_that_is_left_open_is_chosen_from_those_of_the_host(world: World) -> None:
    world.host.ports.choosable = [range(50000, 50002), range(50009, 50010)]
    world.host.ports.take(Binding(TCP, 50000, frozenset({4}), ip_address("192.0.2.1")), NGINX)
    found = [numbers(world.connect(name, ports=[CHOSEN])) for name in ("c1", "c2")]
    assert sorted(found) == [[50001], [50009]]
    refused = refusal(world.net.Connect, connect("c3", ports=[CHOSEN]))
    assert refused.short == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    assert "ip_local_port_range" in refused.message
    assert "QuotaFailure" in refused.kinds
    other = PortMapping(protocol=PROTOCOL_UDP, container_port=80)
    assert numbers(world.connect("c3", ports=[other]))[0] in (50000, 50001, 50009)


def test_a_range_that_is_left_open_is_chosen_in_one_piece(world: World) -> None:
    world.host.ports.choosable = [range(50000, 50004), range(50010, 50020)]
    taken = Binding(TCP, 50015, BOTH)
    world.host.ports.take(taken, NGINX)
    many = PortMapping(container_port=80, count=5)
    assert numbers(world.connect("c1", ports=[many])) == [50010]
    refused = refusal(world.net.Connect, connect("c2", ports=[many]))
    assert refused.reason == "PORTS_EXHAUSTED"
    assert "no 5 ports in a row" in refused.message
    assert world.host.ports.taken() - {taken} == {Binding(TCP, 50010 + n, BOTH) for n in range(5)}


def test_a_rejected_range_is_released_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mynet.server.network.port_rules.secrets.randbelow", lambda _: 0)
    world.host.ports.choosable = [range(50010, 50020)]
    taken = Binding(TCP, 50012, BOTH)
    world.host.ports.take(taken, NGINX)
    many = PortMapping(container_port=80, count=5)
    assert numbers(world.connect("c1", ports=[many])) == [50013]
    assert world.host.ports.taken() - {taken} == {Binding(TCP, 50013 + n, BOTH) for n in range(5)}
    assert numbers(world.connect("c2", ports=[PortMapping(container_port=80, count=2)])) == [50010]


def test_mappings_that_differ_only_in_the_address_get_the_same_port(world: World) -> None:
    world.host.ports.choosable = [range(50000, 50008)]
    taken = Binding(TCP, 50003, frozenset({6}), ip_address("2001:db8::1"))
    world.host.ports.take(taken, NGINX)
    here, there = (
        PortMapping(host_ip=address, container_port=80, count=2)
        for address in ("127.0.0.1", "2001:db8::1")
    )
    udp = PortMapping(protocol=PROTOCOL_UDP, host_ip="127.0.0.1", container_port=80, count=2)
    for _ in range(2):
        endpoint = world.connect("c1", ports=[here, udp, CHOSEN, here, there, CHOSEN])
        first, other_protocol, single, again, second, another = numbers(endpoint)
        assert first == second not in {50002, 50003}
        assert len({first, single, again, another}) == 4
        assert other_protocol in range(50000, 50007)
        bound = {each for each in world.host.ports.taken() - {taken} if each.port == first}
        assert {each.address for each in bound if each.protocol is TCP} == {
            ip_address("127.0.0.1"),
            ip_address("2001:db8::1"),
        }


def test_automatic_choice_does_not_take_a_named_port(world: World) -> None:
    world.host.ports.choosable = [range(50000, 50002)]
    asked = [CHOSEN, PortMapping(host_port=50001, container_port=81)]
    assert numbers(world.connect("c1", ports=asked)) == [50000, 50001]


def test_concurrent_choices_get_different_ports(world: World) -> None:
    world.host.ports.choosable = [range(50000, 50000 + CALLERS)]
    found: list[int] = []
    stress(lambda number: found.extend(numbers(world.connect(f"r{number}", ports=[CHOSEN]))))
    assert sorted(found) == list(range(50000, 50000 + CALLERS))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("length", [3, 4, 9])
def test_every_place_is_a_candidate_once(count: int, length: int) -> None:
    spans = [range(10, 10 + length), range(100, 102), range(200, 203)]
    found = list(port_rules.candidates(spans, count))
    expected = {
        first
        for span in spans
        for first in span
        if all(first + number in span for number in range(count))
    }
    assert sorted(found) == sorted(expected)


def test_spans_that_are_too_short_have_no_candidate() -> None:
    assert list(port_rules.candidates([range(5), range(0)], 6)) == []

"""Published ports: chosen, held, unique, the same again, and gone with their endpoint."""

import resource
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.ports import Binding, Program
from mynet.server import ports
from mynet.server.recovery import recover
from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP, PortMapping
from tests.server.asking import connect, refusal
from tests.server.examining import mended
from tests.server.test_storm import storm
from tests.server.world import World

TCP, UDP, SCTP = PortProtocol
BOTH = frozenset({4, 6})
NGINX = Program(77, "nginx")
WEB = PortMapping(host_port=8080, container_port=80)
CHOSEN = PortMapping(container_port=80)


@pytest.fixture(autouse=True)
def web(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    world.sandbox("c1")
    world.sandbox("c2")


def numbers(endpoint: network_pb2.Endpoint) -> list[int]:
    return [port.host_port for port in endpoint.ports]


def held(world: World) -> set[tuple[str, int]]:
    return {(each.protocol.value, each.port) for each in world.host.held()}


def test_what_was_asked_for_is_held_told_to_the_driver_and_answered(world: World) -> None:
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
    assert world.host.held() == {
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
    assert world.host.held() == {Binding(TCP, 8080, frozenset({4}))}


def test_ports_go_with_their_endpoint(world: World) -> None:
    before = world.state()
    world.connect("c1", ports=[WEB, CHOSEN])
    world.disconnect("c1")
    assert world.state() == before
    assert numbers(world.connect("c2", ports=[WEB])) == [8080]


def test_a_port_that_is_left_open_is_chosen_from_those_of_the_host(world: World) -> None:
    world.host.choosable = [range(50000, 50002), range(50009, 50010)]
    world.host.take_port(Binding(TCP, 50000, frozenset({4}), ip_address("192.0.2.1")), NGINX)
    found = [numbers(world.connect(name, ports=[CHOSEN])) for name in ("c1", "c2")]
    assert sorted(found) == [[50001], [50009]]
    refused = refusal(world.net.Connect, connect("c3", ports=[CHOSEN]))
    assert refused.short == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    assert "ip_local_port_range" in refused.message
    assert "QuotaFailure" in refused.kinds
    other = PortMapping(protocol=PROTOCOL_UDP, container_port=80)
    assert numbers(world.connect("c3", ports=[other]))[0] in (50000, 50001, 50009)


def test_a_range_that_is_left_open_is_chosen_in_one_piece(world: World) -> None:
    world.host.choosable = [range(50000, 50004), range(50010, 50020)]
    taken = Binding(TCP, 50015, BOTH)
    world.host.take_port(taken, NGINX)
    many = PortMapping(container_port=80, count=5)
    assert numbers(world.connect("c1", ports=[many])) == [50010]
    refused = refusal(world.net.Connect, connect("c2", ports=[many]))
    assert refused.reason == "PORTS_EXHAUSTED"
    assert "no 5 ports in a row" in refused.message
    assert world.host.held() - {taken} == {Binding(TCP, 50010 + n, BOTH) for n in range(5)}


def test_of_a_place_that_does_not_do_nothing_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mynet.server.ports.secrets.randbelow", lambda _: 0)
    world.host.choosable = [range(50010, 50020)]
    taken = Binding(TCP, 50012, BOTH)
    world.host.take_port(taken, NGINX)
    many = PortMapping(container_port=80, count=5)
    assert numbers(world.connect("c1", ports=[many])) == [50013]
    assert world.host.held() - {taken} == {Binding(TCP, 50013 + n, BOTH) for n in range(5)}
    assert numbers(world.connect("c2", ports=[PortMapping(container_port=80, count=2)])) == [50010]


def test_what_differs_in_nothing_but_the_address_gets_the_same_port(world: World) -> None:
    world.host.choosable = [range(50000, 50008)]
    taken = Binding(TCP, 50003, frozenset({6}), ip_address("2001:db8::1"))
    world.host.take_port(taken, NGINX)
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
        bound = {each for each in world.host.held() - {taken} if each.port == first}
        assert {each.address for each in bound if each.protocol is TCP} == {
            ip_address("127.0.0.1"),
            ip_address("2001:db8::1"),
        }


def test_a_choice_takes_nothing_that_is_named_beside_it(world: World) -> None:
    world.host.choosable = [range(50000, 50002)]
    asked = [CHOSEN, PortMapping(host_port=50001, container_port=81)]
    assert numbers(world.connect("c1", ports=asked)) == [50000, 50001]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("length", [3, 4, 9])
def test_every_place_is_a_candidate_once(count: int, length: int) -> None:
    spans = [range(10, 10 + length), range(100, 102), range(200, 203)]
    found = list(ports.candidates(spans, count))
    expected = {
        first
        for span in spans
        for first in span
        if all(first + number in span for number in range(count))
    }
    assert sorted(found) == sorted(expected)


def test_where_nothing_fits_there_is_no_candidate() -> None:
    assert list(ports.candidates([range(5), range(0)], 6)) == []


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
    world.core.endpoints._ports.release(holder.id)  # as after a start at which it was another's
    before = world.state()
    refused = refusal(world.net.Connect, connect("c2", ports=[second]))
    assert refused.short == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert refused.metadata == {"endpoint": holder.id, "container_id": "c1"}
    assert world.state() == before


@pytest.mark.parametrize(("first", "second"), STRANGERS)
def test_other_ports_are_in_nobodys_way(
    world: World, first: PortMapping, second: PortMapping
) -> None:
    world.connect("c1", ports=[first])
    world.connect("c2", ports=[second])
    assert len(world.endpoints()) == 2


def test_a_port_of_another_program_is_refused_and_the_program_named(world: World) -> None:
    world.host.take_port(Binding(TCP, 8080, frozenset({6})), NGINX)
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", ports=[CHOSEN, WEB]))
    assert refused.short == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert "TCP port 8080 of this host is taken by nginx (pid 77)" in refused.message
    assert refused.metadata == {"pid": "77", "program": "nginx"}
    assert refused.details["ResourceInfo"].owner == "nginx (pid 77)"
    assert world.state() == before


MANY = PortMapping(host_port=8070, container_port=8070, count=11)


@pytest.mark.parametrize("asked", [[WEB], [WEB, CHOSEN], [MANY]], ids=["one", "two", "a range"])
def test_of_those_who_want_a_port_at_once_one_gets_it(
    world: World, asked: list[PortMapping]
) -> None:
    won: list[str] = []
    refused: list[Any] = []

    def race(number: int) -> None:
        request = connect(f"r{number}", ports=asked)
        future = world.net.Connect.future(request)
        if future.exception():
            refused.append(refusal(world.net.Connect, request))
        else:
            won.append(future.result().endpoint.id)

    storm(race)
    assert len(won) == 1
    assert {each.reason for each in refused} == {"PORT_IN_USE"}
    assert {each.metadata["endpoint"] for each in refused} == set(won)
    assert [each.id for each in world.endpoints()] == won


def test_whoever_is_chosen_for_at_once_gets_a_port_of_its_own(world: World) -> None:
    world.host.choosable = [range(50000, 50032)]
    found: list[int] = []
    storm(lambda number: found.extend(numbers(world.connect(f"r{number}", ports=[CHOSEN]))))
    assert sorted(found) == list(range(50000, 50032))


def test_the_same_wishes_again_find_the_same_ports(world: World) -> None:
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


def end(world: World) -> None:
    """Let go of every socket, as a daemon that ends does."""
    for endpoint in world.store.endpoints.all():
        world.core.endpoints._ports.release(endpoint.id)
    assert not world.host.held()


def test_after_a_start_the_ports_are_held_and_published_again(world: World) -> None:
    first = world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN])
    before = world.host.held()
    end(world)
    assert recover(world.core.doctor) == []
    assert world.host.held() == before
    [restored] = world.driver.restored
    assert restored.ports == world.store.endpoints.all()[0].ports
    assert world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN]) == first
    world.disconnect("c1")
    assert not world.host.held()


def test_a_port_that_was_taken_meanwhile_is_shown_and_does_not_stop_the_start(
    world: World,
) -> None:
    endpoint = world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN])
    end(world)
    nginx = world.host.take_port(Binding(TCP, 8080, BOTH), NGINX)
    assert nginx
    (found,) = recover(world.core.doctor)
    assert found.problem.startswith("TCP port 8080 is not held: nginx (pid 77) has it.")
    assert not found.repaired
    assert [each.id for each in world.driver.restored] == [endpoint.id]
    assert world.problems(endpoint.id) == ["TCP port 8080 is not held: nginx (pid 77) has it."]

    # It stays the endpoint's: nobody else is given it, neither by name nor by choice.
    asked = connect("c2", ports=[WEB])
    assert refusal(world.net.Connect, asked).metadata["endpoint"] == endpoint.id
    world.host.choosable = [range(8080, 8082)]
    assert numbers(world.connect("c3", ports=[CHOSEN])) == [8081]
    assert refusal(world.net.Connect, connect("c4", ports=[CHOSEN])).reason == "PORTS_EXHAUSTED"

    again = connect("c1", netns_name="c1", ports=[WEB, CHOSEN])
    assert refusal(world.net.Connect, again).reason == "PORT_IN_USE"
    nginx.close()
    assert world.problems(endpoint.id) == ["TCP port 8080 is not held."]
    assert refusal(world.net.Connect, connect("c4", ports=[CHOSEN])).reason == "PORTS_EXHAUSTED"
    assert world.net.Connect(again).endpoint == endpoint
    assert world.problems(endpoint.id) == []
    world.disconnect("c1")
    assert numbers(world.connect("c4", ports=[CHOSEN])) == [8080]


def test_an_endpoint_whose_port_is_lost_gives_it_up(world: World) -> None:
    world.connect("c1", ports=[WEB])
    end(world)
    nginx = world.host.take_port(Binding(TCP, 8080, BOTH), NGINX)
    assert nginx
    recover(world.core.doctor)
    world.disconnect("c1")
    refused = refusal(world.net.Connect, connect("c2", ports=[WEB]))
    assert refused.metadata == {"pid": "77", "program": "nginx"}
    nginx.close()
    world.connect("c2", ports=[WEB])


def test_an_endpoint_that_cannot_have_its_port_back_does_not_move(world: World) -> None:
    endpoint = world.connect("c1", netns_name="c1", ports=[WEB])
    end(world)
    world.host.take_port(Binding(TCP, 8080, BOTH), NGINX)
    world.sandbox("c1")
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", netns_name="c1", ports=[WEB]))
    assert refused.reason == "PORT_IN_USE"
    assert world.state() == before
    assert world.endpoints() == [endpoint]


def test_what_a_crash_left_half_made_holds_nothing_after_the_start(world: World) -> None:
    before = world.state()
    world.driver.trouble.fail("connect", KernelError("no"), late=True)
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Connect, connect("c1", netns_name="c1", ports=[WEB]))
    assert held(world) == {("tcp", 8080)}  # as long as there is a record that has it
    end(world)
    assert mended(recover(world.core.doctor)) == ["container c1"]
    assert world.state() == before


def test_without_descriptors_for_all_of_them_none_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect("c2", ports=[WEB])
    before = world.state()
    limit = ports._SPARE + 3
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

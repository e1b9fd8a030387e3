"""UpdateEndpoint: ports and labels of an endpoint."""

from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.values.ports import Binding
from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import PROTOCOL_TCP, PROTOCOL_UDP, PortMapping
from tests.server.support.refusals import refusal
from tests.server.support.requests import change_endpoint, connect, shown
from tests.server.support.samples.ports import NGINX, TCP
from tests.server.support.world import World

LABELS = {"team": "red", "tier": "web"}
WEB = PortMapping(protocol=PROTOCOL_TCP, host_port=8080, container_port=80, count=1)
TLS = PortMapping(protocol=PROTOCOL_TCP, host_port=8443, container_port=443, count=1)
DNS = PortMapping(protocol=PROTOCOL_UDP, host_port=53, container_port=53, count=1)
ANY = PortMapping(container_port=443)
RANGE = PortMapping(protocol=PROTOCOL_TCP, host_port=9000, container_port=9000, count=10)
LOCAL = PortMapping(
    protocol=PROTOCOL_TCP, host_ip="127.0.0.1", host_port=8080, container_port=80, count=1
)


@pytest.fixture(autouse=True)
def one(world: World) -> network_pb2.Endpoint:
    """An endpoint with labels and two ports, on a network with another."""
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    world.connect("c2", ports=[PortMapping(host_port=7000, container_port=7000)])
    sandbox = world.sandbox("c1")
    return world.connect("c1", netns_path=sandbox, labels=LABELS, ports=[WEB, DNS])


def held(world: World) -> set[tuple[str, int]]:
    return {(each.protocol.value, each.port) for each in world.host.ports.taken()} - {("tcp", 7000)}


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ({}, LABELS),
        ({"labels": {"team": "blue"}}, {"team": "blue", "tier": "web"}),
        ({"remove_labels": ["team", "none"]}, {"tier": "web"}),
        ({"labels": {"a": "b"}, "remove_labels": ["team"]}, {"tier": "web", "a": "b"}),
        ({"labels": {"a": "b"}, "replace_labels": True}, {"a": "b"}),
        ({"replace_labels": True}, {}),
    ],
    ids=shown,
)
def test_labels_are_set_and_removed_and_others_stay(
    world: World, change: dict[str, Any], labels: dict[str, str]
) -> None:
    for _ in range(2):
        changed = world.update_endpoint(**change)
        assert dict(changed.labels) == labels
        assert list(changed.ports) == [WEB, DNS]
        assert world.endpoints()[1] == changed
    assert world.driver.trouble.calls["update_endpoint"] == 0


@pytest.mark.parametrize(
    ("change", "ports"),
    [
        ({"ports": [TLS]}, [WEB, DNS, TLS]),
        ({"ports": [WEB]}, [WEB, DNS]),
        ({"ports": [RANGE, DNS]}, [WEB, DNS, RANGE]),
        ({"remove_ports": [WEB]}, [DNS]),
        ({"remove_ports": [TLS]}, [WEB, DNS]),
        ({"remove_ports": [PortMapping(container_port=80)]}, [DNS]),
        ({"remove_ports": [PortMapping(container_port=53)]}, [WEB, DNS]),
        ({"remove_ports": [PortMapping(container_port=80, count=2)]}, [WEB, DNS]),
        ({"remove_ports": [PortMapping(host_port=80, container_port=80)]}, [WEB, DNS]),
        ({"remove_ports": [LOCAL]}, [WEB, DNS]),
        ({"remove_ports": [WEB], "ports": [TLS]}, [DNS, TLS]),
        ({"remove_ports": [WEB], "ports": [WEB]}, [DNS, WEB]),
        ({"replace_ports": True}, []),
        ({"replace_ports": True, "ports": [TLS]}, [TLS]),
        ({"replace_ports": True, "ports": [TLS, WEB]}, [TLS, WEB]),
        ({"remove_ports": [WEB], "ports": [LOCAL]}, [DNS, LOCAL]),
    ],
    ids=shown,
)
def test_ports_are_published_and_removed_and_others_stay(
    world: World, change: dict[str, Any], ports: list[PortMapping]
) -> None:
    for _ in range(2):
        changed = world.update_endpoint(**change)
        assert list(changed.ports) == ports
        assert dict(changed.labels) == LABELS
        assert world.endpoints()[1] == changed
        told = [each.host_port for each in world.driver.endpoints[changed.id].ports]
        assert told == [each.host_port for each in ports]
        names = {1: "tcp", 2: "udp"}
        assert held(world) == {
            (names[each.protocol], each.host_port + n) for each in ports for n in range(each.count)
        }
    assert world.driver.trouble.calls["update_endpoint"] == 2
    assert world.driver.trouble.calls["connect"] == 2


def test_a_second_update_changes_nothing(world: World, one: network_pb2.Endpoint) -> None:
    changed = world.update_endpoint(ports=[TLS], labels={"a": "b"})
    assert changed.revision > one.revision
    again = world.update_endpoint(ports=[TLS], labels={"a": "b"})
    assert again == changed
    assert world.driver.trouble.calls["update_endpoint"] == 2  # what is damaged is mended


def test_a_port_that_was_chosen_is_kept(world: World) -> None:
    [*_, chosen] = world.update_endpoint(ports=[ANY]).ports
    assert chosen.host_port in range(32768, 61000)
    [*_, again] = world.update_endpoint(ports=[ANY, TLS]).ports[:-1]
    assert again == chosen
    assert list(world.update_endpoint(ports=[ANY], replace_ports=True).ports) == [chosen]
    assert list(world.update_endpoint(ports=[chosen]).ports) == [chosen]
    both = world.update_endpoint(ports=[ANY, ANY]).ports
    assert both[0] == chosen
    assert len({each.host_port for each in both}) == 2


def test_a_choice_does_not_take_a_port_named_beside_it(world: World) -> None:
    world.host.ports.choosable = [range(50000, 50002)]
    named = PortMapping(host_port=50001, container_port=1)
    assert [each.host_port for each in world.update_endpoint(ports=[ANY, named]).ports[2:]] == [
        50000,
        50001,
    ]


def test_a_port_may_get_another_address_in_one_call(world: World) -> None:
    world.update_endpoint(remove_ports=[WEB, DNS], ports=[LOCAL])
    [binding] = [each for each in world.host.ports.taken() if each.port == 8080]
    assert str(binding.address) == "127.0.0.1"
    world.update_endpoint(remove_ports=[LOCAL], ports=[WEB])
    [binding] = [each for each in world.host.ports.taken() if each.port == 8080]
    assert binding == Binding(TCP, 8080, frozenset({4, 6}))


def test_a_range_may_move_by_less_than_its_length(world: World) -> None:
    world.update_endpoint(ports=[RANGE], replace_ports=True)
    moved = PortMapping(host_port=9005, container_port=9005, count=10)
    world.update_endpoint(ports=[moved], replace_ports=True)
    assert held(world) == {("tcp", number) for number in range(9005, 9015)}


def test_a_connect_compares_with_the_updated_spec(world: World) -> None:
    changed = world.update_endpoint(remove_ports=[DNS], labels={"a": "b"})
    path = changed.netns_path
    labels = {**LABELS, "a": "b"}
    assert world.connect("c1", netns_path=path, labels=labels, ports=[WEB]) == changed
    former = connect("c1", netns_path=path, labels=LABELS, ports=[WEB, DNS])
    assert refusal(world.net.Connect, former).reason == "ENDPOINT_EXISTS"


def test_a_removed_port_is_free_for_other_endpoints(world: World) -> None:
    world.update_endpoint(remove_ports=[WEB])
    assert list(world.update_endpoint("c2", ports=[WEB]).ports)[-1] == WEB
    assert refusal(world.net.UpdateEndpoint, change_endpoint(ports=[WEB])).reason == "PORT_IN_USE"


def test_an_endpoint_is_found_by_its_id(world: World, one: network_pb2.Endpoint) -> None:
    request = network_pb2.UpdateEndpointRequest(endpoint=one.id[:9], replace_labels=True)
    assert not world.net.UpdateEndpoint(request).endpoint.labels


TAKEN = PortMapping(host_port=7000, container_port=1)


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"ports": [TAKEN]}, "PORT_IN_USE", ""),
        ({"ports": [TLS, TAKEN], "remove_ports": [WEB]}, "PORT_IN_USE", ""),
        ({"ports": [LOCAL, TAKEN], "remove_ports": [WEB]}, "PORT_IN_USE", ""),
        ({"ports": [LOCAL]}, "INVALID_ARGUMENT", "ports"),
        (
            {"ports": [PortMapping(host_port=8080, container_port=81)]},
            "INVALID_ARGUMENT",
            "ports",
        ),
        ({"ports": [PortMapping(host_port=1)]}, "INVALID_ARGUMENT", "ports[0].container_port"),
        ({"remove_ports": [PortMapping()]}, "INVALID_ARGUMENT", "remove_ports[0].container_port"),
        ({"ports": [PortMapping(host_ip="::1", container_port=1)]}, "CAPABILITY_UNSUPPORTED", ""),
        ({"replace_ports": True, "remove_ports": [WEB]}, "INVALID_ARGUMENT", "remove_ports"),
        ({"replace_labels": True, "remove_labels": ["a"]}, "INVALID_ARGUMENT", "remove_labels"),
        ({"labels": {"a": ""}, "remove_labels": ["a"]}, "INVALID_ARGUMENT", "remove_labels[0]"),
        ({"labels": {f"l{n}": "" for n in range(63)}}, "INVALID_ARGUMENT", "labels"),
        (
            {"ports": [PortMapping(host_port=n, container_port=n) for n in range(1, 256)]},
            "INVALID_ARGUMENT",
            "ports",
        ),
        ({"network": ""}, "INVALID_ARGUMENT", "network"),
        ({"endpoint": "1"}, "INVALID_ARGUMENT", "endpoint"),
        ({"network": "gone"}, "NETWORK_NOT_FOUND", ""),
        ({"container": "gone"}, "ENDPOINT_NOT_FOUND", ""),
    ],
    ids=shown,
)
def test_a_refusal_changes_nothing(
    world: World, change: dict[str, Any], reason: str, field: str
) -> None:
    before = world.state()
    refused = refusal(world.net.UpdateEndpoint, change_endpoint(**change))
    assert refused.reason == reason
    if field:
        assert field in refused.faults
    assert world.state() == before
    assert world.driver.trouble.calls["update_endpoint"] == 0


def test_all_violations_are_returned_at_once(world: World) -> None:
    asked = change_endpoint(
        ports=[PortMapping(host_port=1), PortMapping(container_port=70000)],
        remove_ports=[PortMapping()],
        labels={"": "x"},
        network="",
    )
    refused = refusal(world.net.UpdateEndpoint, asked)
    assert set(refused.faults) == {
        *("network", "labels", "ports[0].container_port", "ports[1].container_port"),
        "remove_ports[0].container_port",
    }


def test_all_violations_against_the_network_are_returned_at_once(world: World) -> None:
    world.network("half", "10.8.0.0/24")
    world.connect("c3", network="half", ports=[PortMapping(host_port=9, container_port=9)])
    strange = PortMapping(host_ip="::", host_port=10, container_port=9)
    again = PortMapping(host_port=9, container_port=10)
    asked = change_endpoint(network="half", container="c3", ports=[strange, again])
    before = world.state()
    refused = refusal(world.net.UpdateEndpoint, asked)
    assert refused.faults == ["ports[0].host_ip", "ports"]
    assert world.state() == before


def test_an_address_that_the_host_does_not_have_is_named_by_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hold(binding: Binding) -> None:
        raise KernelError(f"no {binding}", metadata={"errno": "EADDRNOTAVAIL"})

    monkeypatch.setattr(world.host.ports, "reserve", hold)
    before = world.state()
    strange = PortMapping(host_ip="192.0.2.9", host_port=1, container_port=1)
    refused = refusal(world.net.UpdateEndpoint, change_endpoint(ports=[WEB, strange]))
    assert refused.faults == ["ports[1].host_ip"]
    assert world.state() == before


def test_ports_where_the_network_has_none_are_refused(world: World) -> None:
    world.network("inner", "10.3.0.0/24", internal=True)
    world.connect("c3", network="inner")
    asked = change_endpoint("c3", network="inner", ports=[WEB])
    assert refusal(world.net.UpdateEndpoint, asked).faults == ["ports"]
    left = world.update_endpoint("c3", network="inner", replace_ports=True, labels={"a": "b"})
    assert dict(left.labels) == {"a": "b"}


def test_a_port_that_another_program_took_does_not_prevent_updates(world: World) -> None:
    """As after a start at which it was taken: it may go, and others may come."""
    [one] = [each for each in world.store.endpoints.all() if each.spec.container_id == "c1"]
    world.core.endpoint_updates.ports.release(one.id)
    world.host.ports.take(Binding(TCP, 8080, frozenset({4})), NGINX)
    network = world.store.networks.find("web")
    assert len(world.core.endpoint_updates.ports.reacquire(network, one)) == 1
    changed = world.update_endpoint(ports=[TLS])
    assert list(changed.ports) == [WEB, DNS, TLS]
    assert world.problems(changed.id) == [
        "TCP port 8080 is not held: nginx (pid 77) has it.",
    ]
    changed = world.update_endpoint(remove_ports=[WEB])
    assert world.problems(changed.id) == []

"""Published ports after a start: held and published again, but for those that others took."""

import pytest

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.values.ports import Binding
from tests.server.support.findings import repaired
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.samples.ports import BOTH, CHOSEN, NGINX, TCP, WEB, held, numbers
from tests.server.support.world import World

pytestmark = pytest.mark.usefixtures("web")


def end(world: World) -> None:
    """Close every socket, as a daemon that stops does."""
    for endpoint in world.store.endpoints.all():
        world.core.endpoint_updates.ports.release(endpoint.id)
    assert not world.host.ports.taken()


def test_a_start_reserves_and_publishes_ports_again(world: World) -> None:
    first = world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN])
    before = world.host.ports.taken()
    end(world)
    assert world.core.doctor.recover() == []
    assert world.host.ports.taken() == before
    [restored] = world.driver.restored
    assert restored.ports == world.store.endpoints.all()[0].ports
    assert world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN]) == first
    world.disconnect("c1")
    assert not world.host.ports.taken()


def test_a_port_that_another_program_has_is_reported_and_does_not_prevent_the_start(
    world: World,
) -> None:
    endpoint = world.connect("c1", netns_name="c1", ports=[WEB, CHOSEN])
    end(world)
    nginx = world.host.ports.take(Binding(TCP, 8080, BOTH), NGINX)
    assert nginx
    (found,) = world.core.doctor.recover()
    assert found.problem.startswith("TCP port 8080 is not held: nginx (pid 77) has it.")
    assert not found.repaired
    assert [each.id for each in world.driver.restored] == [endpoint.id]
    assert world.problems(endpoint.id) == ["TCP port 8080 is not held: nginx (pid 77) has it."]

    # It stays the endpoint's: no other endpoint gets it, whether by name or by choice.
    asked = connect("c2", ports=[WEB])
    assert refusal(world.net.Connect, asked).metadata["endpoint"] == endpoint.id
    world.host.ports.choosable = [range(8080, 8082)]
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


def test_an_endpoint_with_a_lost_port_can_be_disconnected(world: World) -> None:
    world.connect("c1", ports=[WEB])
    end(world)
    nginx = world.host.ports.take(Binding(TCP, 8080, BOTH), NGINX)
    assert nginx
    world.core.doctor.recover()
    world.disconnect("c1")
    refused = refusal(world.net.Connect, connect("c2", ports=[WEB]))
    assert refused.metadata == {"pid": "77", "program": "nginx"}
    nginx.close()
    world.connect("c2", ports=[WEB])


def test_an_endpoint_that_cannot_have_its_port_back_does_not_move(world: World) -> None:
    endpoint = world.connect("c1", netns_name="c1", ports=[WEB])
    end(world)
    world.host.ports.take(Binding(TCP, 8080, BOTH), NGINX)
    world.sandbox("c1")
    before = world.state()
    refused = refusal(world.net.Connect, connect("c1", netns_name="c1", ports=[WEB]))
    assert refused.reason == "PORT_IN_USE"
    assert world.state() == before
    assert world.endpoints() == [endpoint]


def test_an_interrupted_connect_has_no_port_after_the_start(world: World) -> None:
    before = world.state()
    world.driver.trouble.fail("connect", KernelError("no"), late=True)
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Connect, connect("c1", netns_name="c1", ports=[WEB]))
    assert held(world) == {("tcp", 8080)}  # as long as there is a record that has it
    end(world)
    assert repaired(world.core.doctor.recover()) == ["container c1"]
    assert world.state() == before

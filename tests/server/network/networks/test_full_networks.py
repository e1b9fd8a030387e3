"""A full network: refused before anything is made, and one call gets the last place."""

from dataclasses import replace

import grpc
import pytest

from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import BRIDGE_PORTS, Veth
from tests.server.support.faulty.stress import CALLERS, stress
from tests.server.support.refusals import refusal, unpacked
from tests.server.support.requests import connect
from tests.server.support.samples.ports import CHOSEN
from tests.server.support.samples.records import endpoint
from tests.server.support.stack import Stack
from tests.server.support.world import World

FULL = ("RESOURCE_EXHAUSTED", "BRIDGE_FULL")


@pytest.fixture
def small(world: World) -> World:
    """A world whose driver takes two endpoints a network."""
    world.driver._info = replace(world.driver.info, most_endpoints=2)
    world.network("web")
    return world


@pytest.fixture
def crowded(stack: Stack) -> Stack:
    """A bridge on which strangers have left one place."""
    made = stack.network("web").interface
    (bridge,) = [link for link in stack.kernel.links.list_marked() if link.name == made]
    for number in range(BRIDGE_PORTS - 1):
        mac = mac_from(f"stranger {number}")
        tap = f"tap{number}", f"mynet:other:{number}", mac
        master = bridge.name, bridge.mark, bridge.mac
        stack.kernel.links.attach(Veth(*tap, *master, 1450, f"vm{number}", mac))
    return stack


def race(daemon: World | Stack) -> list[str]:
    """Connect many containers at once; return the reasons of the refusals."""
    reasons: list[str] = []

    def work(caller: int) -> None:
        try:
            daemon.connect(f"racer-{caller}", ports=[CHOSEN])
        except grpc.RpcError as error:
            reasons.append(unpacked(error).reason)

    stress(work)
    return reasons


def test_a_connect_to_a_full_network_is_refused_before_anything_is_made(small: World) -> None:
    for name in ("one", "two"):
        small.connect(name)
    before = small.state()
    for trouble in (small.driver.trouble, small.backend.trouble):
        trouble.calls.clear()
    refused = refusal(small.net.Connect, connect("three", ports=[CHOSEN]))
    assert refused.short == FULL
    assert refused.message == (
        "network web has 2 endpoints, and takes no more than 2; disconnect one, or use a second"
        " network"
    )
    assert refused.metadata == {"limit": "2"}
    assert refused.details["QuotaFailure"].violations[0].subject == "network web"
    assert small.state() == before
    assert not small.driver.trouble.calls + small.backend.trouble.calls


def test_a_container_on_a_full_network_can_connect_again(small: World) -> None:
    first = [small.connect(name).id for name in ("one", "two")]
    assert [small.connect(name).id for name in ("one", "two")] == first


def test_a_disconnect_frees_a_place(small: World) -> None:
    for name in ("one", "two"):
        small.connect(name)
    small.disconnect("one")
    small.connect("three")
    assert refusal(small.net.Connect, connect("four")).short == FULL


def test_an_endpoint_that_is_being_disconnected_keeps_its_place(small: World) -> None:
    network = small.store.networks.find("web")
    for number in (1, 2):
        small.store.endpoints.add(endpoint(network, number))
    assert refusal(small.net.Connect, connect("three")).short == FULL


def test_other_networks_have_places_of_their_own(small: World) -> None:
    small.network("blue", "10.2.0.0/24")
    for name in ("one", "two"):
        small.connect(name)
    small.connect("one", network="blue")


def test_of_many_connects_at_once_one_gets_the_last_place(small: World) -> None:
    small.connect("one")
    assert race(small) == ["BRIDGE_FULL"] * (CALLERS - 1)
    assert len(small.endpoints()) == len(small.driver.endpoints) == 2
    assert len(small.held()) == 3  # with the gateway's
    assert len(small.host.ports.taken()) == 1


def test_a_connect_to_a_bridge_full_of_foreign_ports_leaves_nothing(crowded: Stack) -> None:
    before = crowded.state()
    assert race(crowded) == ["BRIDGE_FULL"] * (CALLERS - 1)
    (winner,) = crowded.endpoints()
    crowded.disconnect(winner.container_id)
    assert crowded.state() == before


def test_the_kernels_refusal_names_the_limit(crowded: Stack) -> None:
    crowded.connect("one")
    refused = refusal(crowded.net.Connect, connect("two"))
    assert refused.short == FULL
    assert (refused.metadata["errno"], refused.metadata["limit"]) == ("EXFULL", "1023")
    assert "the bridge has 1023 ports" in refused.message

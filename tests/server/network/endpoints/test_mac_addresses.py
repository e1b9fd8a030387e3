"""A MAC address is that of one endpoint on a network, asked for or derived."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from mynet.drivers.linux.links.mac import mac_from
from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal, unpacked
from tests.server.support.requests import connect
from tests.server.support.world import World

MAC = "02:42:0a:01:00:07"


@pytest.mark.parametrize("again", [MAC, MAC.upper()])
def test_a_mac_address_is_given_once_on_a_network(world: World, again: str) -> None:
    world.network("web")
    world.connect("c1", mac_address=MAC)
    before = world.state()
    refused = refusal(world.net.Connect, connect("c2", mac_address=again))
    assert refused.short == ("ALREADY_EXISTS", "ADDRESS_IN_USE")
    assert f"the MAC address {MAC} is that of container c1 on network web" in refused.message
    assert refused.details["ResourceInfo"].owner == "c1"
    assert world.state() == before


def test_a_derived_mac_address_is_not_given_to_another(world: World) -> None:
    world.network("web")
    derived = world.connect("c1").mac_address
    refused = refusal(world.net.Connect, connect("c2", mac_address=derived))
    assert refused.short == ("ALREADY_EXISTS", "ADDRESS_IN_USE")


def test_another_is_derived_where_the_first_was_asked_for(world: World) -> None:
    network = world.network("web")
    wanted = mac_from(f"{network.id} 10.1.0.9")
    world.connect("c1", mac_address=wanted)
    other = world.connect("c2", addresses=["10.1.0.9"])
    assert other.mac_address not in ("", wanted)
    assert world.connect("c2", addresses=["10.1.0.9"]).mac_address == other.mac_address


def test_a_mac_address_may_be_on_two_networks(world: World) -> None:
    for name, cidr in (("web", "10.1.0.0/24"), ("db", "10.2.0.0/24")):
        world.network(name, cidr)
        assert world.connect("c1", network=name, mac_address=MAC).mac_address == MAC


def test_a_mac_address_is_free_after_a_disconnect(world: World) -> None:
    world.network("web")
    world.connect("c1", mac_address=MAC)
    world.net.Disconnect(network_pb2.DisconnectRequest(container_id="c1"))
    assert world.connect("c2", mac_address=MAC).mac_address == MAC


def test_a_label_does_not_take_a_mac_address(world: World) -> None:
    world.network("web")
    world.connect("c1", labels={"mac_address": MAC, "x": f'"mac_address":"{MAC}"'})
    assert world.connect("c2", mac_address=MAC).mac_address == MAC


def test_of_many_callers_one_gets_the_mac_address(world: World) -> None:
    world.network("web")

    def ask(number: int) -> str:
        try:
            world.connect(f"c{number}", mac_address=MAC)
        except grpc.RpcError as error:
            return unpacked(error).reason
        return "connected"

    with ThreadPoolExecutor(8) as callers:
        answers = sorted(callers.map(ask, range(8)))
    assert answers == ["ADDRESS_IN_USE"] * 7 + ["connected"]

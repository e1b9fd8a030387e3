"""Connect: its reply field by field, and the driver's request."""

import re
import time
from ipaddress import ip_address, ip_interface

import pytest

from mynet.drivers.api import Sandbox
from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World

MAC = re.compile("02(:[0-9a-f]{2}){5}")


def test_the_daemon_fills_in_what_the_request_leaves_open(world: World) -> None:
    network = world.network("web", "10.1.0.0/24", "fd00:1::/64", mtu=1400)
    path = world.sandbox("c1")
    endpoint = world.connect("c1", netns_name="c1")
    assert re.fullmatch("[0-9a-f]{64}", endpoint.id)
    assert MAC.fullmatch(endpoint.mac_address)
    assert abs(endpoint.create_time.ToSeconds() - time.time()) < 5
    assert endpoint.revision > network.revision
    assert endpoint == network_pb2.Endpoint(
        network="web",
        network_id=network.id,
        container_id="c1",
        netns_path=path,
        interface="eth0",
        host_interface="veth" + endpoint.id[:11],
        addresses=["10.1.0.2/24", "fd00:1::2/64"],
        gateways=["10.1.0.1", "fd00:1::1"],
        mtu=1400,
        state=network_pb2.ENDPOINT_STATE_READY,
        id=endpoint.id,
        mac_address=endpoint.mac_address,
        create_time=endpoint.create_time,
        revision=endpoint.revision,
    )


def test_the_request_is_fulfilled_field_by_field(world: World) -> None:
    world.network()
    world.sandbox("c1")
    endpoint = world.connect(
        netns_path="/run/netns/c1",
        interface="lan0",
        addresses=["10.1.0.77"],
        mac_address="02:42:0A:01:00:4D",
        labels={"a": "b"},
        options={"rate": "5"},
    )
    assert endpoint.interface == "lan0"
    assert endpoint.addresses == ["10.1.0.77/24"]
    assert endpoint.mac_address == "02:42:0a:01:00:4d"
    assert endpoint.labels == {"a": "b"}
    assert endpoint.options == {"rate": "5"}


def test_the_driver_gets_every_field(world: World) -> None:
    network = world.network("web", "10.1.0.0/24", "fd00:1::/64")
    path = world.sandbox("c1")
    endpoint = world.connect("c1", netns_name="c1", options={"rate": "5"})
    told = world.driver.endpoints[endpoint.id]
    assert told.network == world.driver.networks[network.id]
    assert (told.interface, told.host_interface) == ("eth0", endpoint.host_interface)
    assert told.mac_address == endpoint.mac_address
    assert told.addresses == (ip_interface("10.1.0.2/24"), ip_interface("fd00:1::2/64"))
    assert told.gateways == (ip_address("10.1.0.1"), ip_address("fd00:1::1"))
    assert told.sandbox == Sandbox(path, world.host.paths[path])
    assert told.options == {"rate": "5"}


def test_addresses_are_allocations_of_the_endpoint(world: World) -> None:
    network = world.network()
    endpoint = world.connect()
    assert world.held() == {
        "10.1.0.1": f"network:{network.id}",
        "10.1.0.2": f"endpoint:{endpoint.id}",
    }


def test_a_process_names_its_namespace(world: World) -> None:
    world.network()
    world.host.move_sandbox(world.sandbox("c1"), "/proc/4711/ns/net")
    endpoint = world.connect("c1", pid=4711)
    assert (endpoint.pid, endpoint.netns_path) == (4711, "/proc/4711/ns/net")


def test_without_a_sandbox_the_device_waits_on_the_host(world: World) -> None:
    world.network()
    endpoint = world.connect("c1")
    assert endpoint.interface == "cif-" + endpoint.id[:11]
    assert (endpoint.netns_path, endpoint.pid) == ("", 0)
    assert endpoint.addresses == ["10.1.0.2/24"]
    assert endpoint.gateways == ["10.1.0.1"]
    assert world.driver.endpoints[endpoint.id].sandbox is None


def test_without_a_sandbox_the_device_has_the_name_asked_for(world: World) -> None:
    world.network()
    assert world.connect("c1", interface="tap7").interface == "tap7"


def test_an_endpoint_of_an_internal_network_has_no_gateway(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64", internal=True)
    endpoint = world.connect()
    assert endpoint.gateways == []
    assert world.driver.endpoints[endpoint.id].gateways == ()


@pytest.mark.parametrize("selector", ["web", "id", "beginning"])
def test_the_network_is_selected_by_name_id_or_id_prefix(world: World, selector: str) -> None:
    network = world.network()
    chosen = {"web": "web", "id": network.id, "beginning": network.id[:9]}[selector]
    assert world.connect(network=chosen).network_id == network.id


def test_the_first_free_name_is_taken_in_the_sandbox(world: World) -> None:
    for number in range(4):
        world.network(f"net{number}", f"10.{number}.0.0/24")
    world.sandbox("c1", "eth1")
    names = [
        world.connect("c1", network=f"net{number}", netns_name="c1").interface
        for number in range(3)
    ]
    assert names == ["eth0", "eth2", "eth3"]
    world.disconnect("c1", network="net0")
    assert world.connect("c1", network="net3", netns_name="c1").interface == "eth0"


def test_a_name_on_record_is_not_taken_though_the_kernel_has_lost_the_device(
    world: World,
) -> None:
    world.network("web")
    world.network("api", "10.2.0.0/24")
    world.sandbox("c1")
    first = world.connect("c1", netns_name="c1")
    world.host.give(first.id)
    assert world.connect("c1", network="api", netns_name="c1").interface == "eth1"


def test_two_containers_of_one_sandbox_do_not_race_for_a_name(world: World) -> None:
    world.network()
    world.sandbox("pod")
    calls = [world.net.Connect.future(connect(f"c{n}", netns_name="pod")) for n in range(8)]
    names = {call.result().endpoint.interface for call in calls}
    assert names == {f"eth{number}" for number in range(8)}


def test_a_name_that_is_taken_in_the_sandbox_is_refused(world: World) -> None:
    world.network()
    world.sandbox("c1", "lan0")
    before = world.state()
    refused = refusal(world.net.Connect, connect(netns_name="c1", interface="lan0"))
    assert refused.short == ("FAILED_PRECONDITION", "INTERFACE_EXISTS")
    assert world.state() == before


def test_the_mac_address_follows_from_the_address(world: World) -> None:
    world.network()
    first = world.connect("c1", addresses=["10.1.0.9"])
    other = world.connect("c2")
    world.disconnect("c1")
    again = world.connect("c3", addresses=["10.1.0.9"])
    assert again.mac_address == first.mac_address != other.mac_address


def test_the_same_address_on_another_network_has_another_mac_address(world: World) -> None:
    world.network("web")
    first = world.connect("c1", addresses=["10.1.0.9"])
    world.delete("web", force=True)
    world.network("web")
    assert world.connect("c1", addresses=["10.1.0.9"]).mac_address != first.mac_address

"""DeleteNetwork: what it removes, what prevents it, and unfinished networks."""

from mynet.drivers.errors import KernelError
from mynet.ipam.errors import IpamError
from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World


def request(name: str = "web", **fields: bool) -> network_pb2.DeleteNetworkRequest:
    return network_pb2.DeleteNetworkRequest(network=name, **fields)


def test_a_deleted_network_leaves_nothing(world: World) -> None:
    before = world.state()
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    answer = world.net.DeleteNetwork(request())
    assert answer == network_pb2.DeleteNetworkResponse()
    assert world.state() == before


def test_delete_selects_a_network_by_id_prefix(world: World) -> None:
    network = world.network()
    world.net.DeleteNetwork(request(network.id[:10]))
    assert world.networks() == []


def test_a_network_with_endpoints_stays(world: World) -> None:
    world.network()
    for number in range(5):
        world.connect(f"c{number}")
    before = world.state()
    refused = refusal(world.net.DeleteNetwork, request())
    assert refused.short == ("FAILED_PRECONDITION", "NETWORK_IN_USE")
    assert "of c0" in refused.message
    assert "and 2 more" in refused.message
    assert refused.metadata == {"endpoints": "5"}
    assert world.state() == before


def test_with_force_its_endpoints_go_first(world: World) -> None:
    before = world.state()
    world.network()
    for number in range(3):
        world.connect(f"c{number}")
    world.net.DeleteNetwork(request(force=True))
    assert world.state() == before
    assert world.driver.trouble.calls["disconnect"] == 3


def test_a_missing_network_is_success_with_allow_missing(still_world: World) -> None:
    still_world.net.DeleteNetwork(request("blue", allow_missing=True))
    refused = refusal(still_world.net.DeleteNetwork, request("blue"))
    assert refused.short == ("NOT_FOUND", "NETWORK_NOT_FOUND")


def test_other_allocations_keep_the_subnet_registered(world: World) -> None:
    world.network()
    held = world.allocate("10.1.0.0/24", owner="vm-7")
    world.net.DeleteNetwork(request())
    assert world.held() == {held.address: "vm-7"}
    assert world.subnets() == ["10.1.0.0/24"]
    world.release("10.1.0.0/24", held.address)
    assert world.subnets() == []


def test_a_delete_that_failed_can_be_called_again(world: World) -> None:
    before = world.state()
    world.network()
    world.driver.trouble.fail("delete", KernelError("no", metadata={"errno": "EBUSY"}))
    refused = refusal(world.net.DeleteNetwork, request())
    assert refused.short == ("INTERNAL", "KERNEL_ERROR")
    [network] = world.networks()
    assert network.state == network_pb2.NETWORK_STATE_DELETING
    world.net.DeleteNetwork(request())
    assert world.state() == before


def test_a_connect_to_a_network_that_is_being_deleted_is_refused(world: World) -> None:
    world.network()
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.DeleteNetwork, request())
    before = world.state()
    refused = refusal(world.net.Connect, connect())
    assert refused.short == ("ABORTED", "BUSY")
    assert "deleting" in refused.message
    assert world.state() == before


def test_a_forced_delete_that_failed_half_way_can_be_called_again(world: World) -> None:
    before = world.state()
    world.network()
    for number in range(3):
        world.connect(f"c{number}")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refused = refusal(world.net.DeleteNetwork, request(force=True))
    assert refused.reason == "KERNEL_ERROR"
    assert len(world.endpoints()) == 1  # the others went
    world.net.DeleteNetwork(request(force=True))
    assert world.state() == before


def test_a_network_is_gone_although_its_subnet_could_not_be_dropped(world: World) -> None:
    world.network()
    world.backend.trouble.fail("close_subnet", IpamError("no"))
    world.net.DeleteNetwork(request())
    assert world.networks() == []
    assert world.held() == {}

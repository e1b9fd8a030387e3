"""A failure at each step of Connect, Disconnect, CreateNetwork and DeleteNetwork.

The driver and the backend are the real ones. If the kernel, the store or the backend fails, nothing
is left of what was begun, and the next call succeeds.
"""

from collections.abc import Callable

import pytest

from mynet.v1 import network_pb2
from tests.server.support.daemon import counted_writes
from tests.server.support.faulty.failure_points import REASONS, Step, backend, case, kernel, store
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect, create
from tests.server.support.stack import Stack

CREATE = [
    case("choosing the device", kernel("links.has_device")),
    case("choosing the MTU", kernel("host.uplink_mtu")),
    case("recording the intent", store(0)),
    case("opening the first subnet", backend(0)),
    case("taking the first gateway", backend(1)),
    case("opening the second subnet", backend(2)),
    case("taking the second gateway", backend(3)),
    case("recording the gateways", store(1)),
    case("making the bridge", kernel("links.ensure_bridge")),
    case("marking the bridge", kernel("links.ensure_bridge.mark")),
    case("telling the firewall", kernel("firewall.add")),
    case("forwarding", kernel("host.enable_forwarding")),
    case("recording that it is ready", store(2)),
]
CONNECT = [
    case("finding the sandbox", kernel("sandboxes.identify")),
    case("choosing the device", kernel("sandboxes.free_name")),
    case("looking for a port", kernel("ports.choosable_ports")),
    case("holding a port", kernel("ports.reserve")),
    case("recording the intent", store(0)),
    case("taking the first address", backend(0)),
    case("taking the second address", backend(1)),
    case("making the pair", kernel("links.attach")),
    case("marking the pair", kernel("links.attach.mark")),
    case("finishing the inner end", kernel("links.attach.inner")),
    case("opening the loopback", kernel("links.open_loopback")),
    case("publishing the ports", kernel("firewall.add_endpoint")),
    case("forgetting flows", kernel("firewall.add_endpoint.forget")),
    case("recording that it is ready", store(1)),
]
DISCONNECT = [
    case("recording the intent", store(0)),
    case("ending the ports", kernel("firewall.remove_endpoint")),
    case("taking the pair away", kernel("links.detach")),
    case("giving the addresses back", backend(0)),
    case("forgetting it", store(1)),
]
DELETE = [
    case("recording the intent", store(0)),
    case("looking whose the bridge is", kernel("links.inspect_bridge")),
    case("telling the firewall", kernel("firewall.remove")),
    case("taking the bridge away", kernel("links.delete_bridge")),
    case("giving the gateways back", backend(0)),
    case("forgetting it", store(1)),
]
AFTER_DELETE = [
    case("dropping the first subnet", store(2)),
    case("closing the first subnet", backend(1)),
    case("dropping the second subnet", store(3)),
    case("closing the second subnet", backend(2)),
]

API = create("api", "10.2.0.0/24", "fd00:2::/64")
PORTS = [
    network_pb2.PortMapping(host_port=8080, container_port=80),
    network_pb2.PortMapping(protocol=network_pb2.PROTOCOL_UDP, container_port=53),
]
C1 = connect("c1", netns_name="c1", ports=PORTS)


@pytest.fixture(autouse=True)
def web(stack: Stack) -> None:
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")


@pytest.mark.parametrize("step", CREATE)
def test_a_failed_create_network_leaves_nothing(stack: Stack, step: Step) -> None:
    before = stack.state()
    with step(stack):
        assert refusal(stack.net.CreateNetwork, API).reason in REASONS
    assert stack.state() == before
    network = stack.net.CreateNetwork(API).network
    assert network.state == network_pb2.NETWORK_STATE_READY
    stack.delete("api")
    assert stack.state() == before


@pytest.mark.parametrize("step", CONNECT)
def test_a_failed_connect_leaves_nothing(stack: Stack, step: Step) -> None:
    before = stack.state()
    with step(stack):
        assert refusal(stack.net.Connect, C1).reason in REASONS
    assert stack.state() == before
    endpoint = stack.net.Connect(C1).endpoint
    assert stack.problems(endpoint.id) == []
    assert len(stack.kernel.ports.taken()) == len(PORTS)
    stack.disconnect("c1")
    assert stack.state() == before


@pytest.mark.parametrize("step", DISCONNECT)
def test_a_disconnect_that_failed_succeeds_when_it_is_called_again(
    stack: Stack, step: Step
) -> None:
    before = stack.state()
    stack.net.Connect(C1)
    request = network_pb2.DisconnectRequest(container_id="c1")
    with step(stack):
        assert refusal(stack.net.Disconnect, request).reason in REASONS
    assert len(stack.endpoints()) == 1
    stack.net.Disconnect(request)
    assert stack.state() == before


@pytest.mark.parametrize("step", DISCONNECT)
def test_after_a_disconnect_that_failed_connecting_again_succeeds(stack: Stack, step: Step) -> None:
    before = stack.state()
    stack.net.Connect(C1)
    with step(stack):
        request = network_pb2.DisconnectRequest(container_id="c1")
        assert refusal(stack.net.Disconnect, request).reason in REASONS
    [endpoint] = [stack.net.Connect(C1).endpoint]
    assert stack.endpoints() == [endpoint]
    assert stack.problems(endpoint.id) == []
    stack.disconnect("c1")
    assert stack.state() == before


@pytest.mark.parametrize("step", DELETE)
def test_a_delete_that_failed_succeeds_when_it_is_called_again(stack: Stack, step: Step) -> None:
    before = stack.state()
    stack.net.CreateNetwork(API)
    request = network_pb2.DeleteNetworkRequest(network="api")
    with step(stack):
        assert refusal(stack.net.DeleteNetwork, request).reason in REASONS
    assert len(stack.networks()) == 2
    stack.net.DeleteNetwork(request)
    assert stack.state() == before


@pytest.mark.parametrize("step", AFTER_DELETE)
def test_a_network_is_deleted_although_its_subnets_cannot_be_dropped(
    stack: Stack, step: Step
) -> None:
    before = stack.state()
    stack.net.CreateNetwork(API)
    with step(stack):
        stack.delete("api")
    assert stack.state()["networks"] == before["networks"]
    assert stack.state()["held"] == before["held"]
    stack.net.CreateNetwork(API)
    stack.delete("api")
    assert stack.state() == before


UNDO_CREATE = [
    case("looking whose the bridge is", kernel("links.inspect_bridge")),
    case("telling the firewall", kernel("firewall.remove")),
    case("taking the bridge away", kernel("links.delete_bridge")),
    case("giving the gateways back", backend(4)),
    case("forgetting it", store(2)),
]
UNDO_CONNECT = [
    case("ending the ports", kernel("firewall.remove_endpoint")),
    case("taking the pair away", kernel("links.detach")),
    case("giving the addresses back", backend(2)),
    case("forgetting it", store(1)),
]


@pytest.mark.parametrize("step", UNDO_CREATE)
def test_after_a_failed_rollback_a_second_create_network_succeeds(stack: Stack, step: Step) -> None:
    before = stack.state()
    stack.kernel.control.fail("host.enable_forwarding")
    with step(stack):
        assert refusal(stack.net.CreateNetwork, API).reason == "KERNEL_ERROR"
    assert len(stack.networks()) == 2
    network = stack.net.CreateNetwork(API).network
    assert stack.networks()[1:] == [network]
    stack.delete("api")
    assert stack.state() == before


@pytest.mark.parametrize("step", UNDO_CONNECT)
def test_after_a_failed_rollback_a_second_connect_succeeds(stack: Stack, step: Step) -> None:
    before = stack.state()
    stack.kernel.control.fail("links.attach.inner")
    with step(stack):
        assert refusal(stack.net.Connect, C1).reason == "KERNEL_ERROR"
    assert len(stack.endpoints()) == 1
    endpoint = stack.net.Connect(C1).endpoint
    assert stack.endpoints() == [endpoint]
    assert stack.problems(endpoint.id) == []
    stack.disconnect("c1")
    assert stack.state() == before


def test_every_write_of_each_call_is_among_the_steps(stack: Stack) -> None:
    """So a new step fails this test until it has a failure of its own here."""
    calls: list[tuple[Callable[[], object], int, int]] = [
        (lambda: stack.net.CreateNetwork(API), 3, 4),
        (lambda: stack.delete("api"), 4, 3),
        (lambda: stack.net.Connect(C1), 2, 2),
        (lambda: stack.disconnect("c1"), 2, 1),
    ]
    for call, to_store, to_book in calls:
        with (
            counted_writes(stack.store._database) as store_writes,
            counted_writes(stack.bitmap._database) as book_writes,
        ):
            call()
        assert (store_writes["writes"], book_writes["writes"]) == (to_store, to_book)

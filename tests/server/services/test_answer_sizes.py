"""No answer is larger than the 4 MiB that a gRPC client accepts by default."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from mynet.server.services import answers
from mynet.server.services.answers import LARGEST_BYTES, fitting, fitting_texts
from mynet.server.services.front.methods import SERVICES
from mynet.v1 import ipam_pb2, ipam_pb2_grpc, network_pb2, network_pb2_grpc
from tests.server.support import requests
from tests.server.support.refusals import require_violations
from tests.server.support.world import World

LARGEST = {f"{number}": "ü" * 4096 for number in range(64)}  # labels of half a MiB

# How each method that returns several things keeps to the limit.
PAGED = {"ListNetworks", "ListEndpoints", "ListSubnets", "ListAllocations"}
STREAMED = {"ExportSubnets", "Backup"}
CUT = {
    *("Disconnect", "BatchConnect", "BatchDisconnect"),
    *("ReleaseOwner", "ImportSubnets", "Doctor"),
}
BOUNDED = {
    "BatchAllocateAddresses",  # labels and number of a request are limited together
    "GetSubnetMap",  # up to 4096 parts
    "ListDrivers",  # what is installed
    "ListBackends",
}


@pytest.fixture
def net(world: World) -> Iterator[network_pb2_grpc.NetworkServiceStub]:
    """The service, for a client with gRPC's own limits."""
    with grpc.insecure_channel(world.address) as channel:
        yield network_pb2_grpc.NetworkServiceStub(channel)


@pytest.fixture
def ipam(world: World) -> Iterator[ipam_pb2_grpc.IPAMServiceStub]:
    with grpc.insecure_channel(world.address) as channel:
        yield ipam_pb2_grpc.IPAMServiceStub(channel)


def returns_several(method: MethodDescriptor) -> bool:
    return method.server_streaming or any(
        field.is_repeated and field.message_type for field in method.output_type.fields
    )


def test_each_method_that_returns_several_things_has_a_limit() -> None:
    methods = (method for service in SERVICES for method in service.methods)
    several = {method.name for method in methods if returns_several(method)}
    assert several == PAGED | STREAMED | CUT | BOUNDED


def test_a_container_on_many_networks_is_disconnected_by_one_call(
    world: World, net: network_pb2_grpc.NetworkServiceStub
) -> None:
    for number in range(12):
        world.network(f"n{number}", f"10.{number}.0.0/24")
        world.connect("c1", network=f"n{number}", labels=LARGEST)
    answer = net.Disconnect(network_pb2.DisconnectRequest(container_id="c1"))
    assert 1 <= len(answer.endpoints) < 12
    assert len(answer.endpoints) + answer.omitted_endpoints == 12
    assert world.endpoints() == []


def test_a_batch_with_the_largest_labels_has_an_answer(
    world: World, net: network_pb2_grpc.NetworkServiceStub
) -> None:
    world.network()
    parts = [requests.connect(f"c{number}", labels=LARGEST) for number in range(7)]
    made = net.BatchConnect(network_pb2.BatchConnectRequest(requests=parts))
    assert made.shortened_endpoints == 4
    selectors = [network_pb2.DisconnectRequest(container_id=f"c{number}") for number in range(7)]
    gone = net.BatchDisconnect(network_pb2.BatchDisconnectRequest(requests=selectors))
    assert gone.shortened_endpoints == 4
    assert world.endpoints() == []


def test_an_owner_of_many_addresses_is_released_by_one_call(
    world: World, ipam: ipam_pb2_grpc.IPAMServiceStub
) -> None:
    for number in range(12):
        world.allocate(f"10.{number}.0.0/24", owner="vm-7", labels=LARGEST)
    answer = ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner="vm-7"))
    assert len(answer.allocations) + answer.omitted_allocations == 12
    assert answer.omitted_allocations
    assert world.held() == {}


def test_lists_of_the_largest_labels_are_read_page_by_page(
    world: World,
    net: network_pb2_grpc.NetworkServiceStub,
    ipam: ipam_pb2_grpc.IPAMServiceStub,
) -> None:
    for number in range(10):
        world.network(f"n{number}", f"10.{number}.0.0/24", labels=LARGEST)
        world.connect("c1", network=f"n{number}", labels=LARGEST)
        world.allocate(f"10.{number}.0.0/24", labels=LARGEST)
    listed = {
        "networks": (net.ListNetworks, network_pb2.ListNetworksRequest),
        "endpoints": (net.ListEndpoints, network_pb2.ListEndpointsRequest),
        "allocations": (ipam.ListAllocations, ipam_pb2.ListAllocationsRequest),
    }
    for field, (method, request) in listed.items():
        found, token = 0, ""
        while True:
            page: Any = method(request(page_size=1000, page_token=token))  # type: ignore[operator]
            found += len(getattr(page, field))
            token = page.next_page_token
            if not token:
                break
        assert found >= 10
    exported = ipam.ExportSubnets(ipam_pb2.ExportSubnetsRequest(format=1))  # type: ignore[arg-type]
    assert sum(len(part.document) for part in exported) > 10 * 64 * 4096


def test_subnets_with_many_reserved_spans_are_read_page_by_page(
    world: World, ipam: ipam_pb2_grpc.IPAMServiceStub
) -> None:
    spans = [f"fd00::{4 * n:x}-fd00::{4 * n + 1:x}" for n in range(1000)]
    for number in range(80):
        reserved = [span.replace("fd00:", f"fd00:{number:x}:") for span in spans]
        world.create_subnet(f"fd00:{number:x}::/64", reserved=reserved)
    found, token = 0, ""
    while True:
        page = ipam.ListSubnets(ipam_pb2.ListSubnetsRequest(page_size=1000, page_token=token))
        found += len(page.subnets)
        token = page.next_page_token
        if not token:
            break
    assert found == 80


def test_a_batch_whose_answer_would_be_too_large_is_refused(world: World) -> None:
    """Its labels are repeated for each address."""
    request = ipam_pb2.BatchAllocateAddressesRequest(subnet="10.0.0.0/16", count=4096)
    request.labels.update(LARGEST)
    require_violations(world, world.ipam.BatchAllocateAddresses, request, ["labels"])
    request.labels.clear()
    request.labels["app"] = "web"
    assert len(world.ipam.BatchAllocateAddresses(request).allocations) == 4096


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [network_pb2.Finding(problem="x" * (LARGEST_BYTES // 3)) for _ in range(5)]
    assert fitting(parts) == (parts[:2], 3)
    assert fitting([]) == ([], 0)
    monkeypatch.setattr(answers, "LARGEST_BYTES", 40)
    assert fitting_texts(["one", "two"]) == ["one", "two"]
    assert fitting_texts(["one", "twothree", "four", "five"]) == ["one", "3 more are not listed"]


def test_a_request_has_no_object_that_alone_is_too_large(
    world: World, net: network_pb2_grpc.NetworkServiceStub
) -> None:
    largest = {f"{number}{'k' * 250}": "\U0001f600" * 4096 for number in range(64)}
    request = requests.create("big", labels=largest)
    created = net.CreateNetwork(request).network
    assert created.ByteSize() < LARGEST_BYTES
    assert net.GetNetwork(network_pb2.GetNetworkRequest(network="big")).network.name == "big"

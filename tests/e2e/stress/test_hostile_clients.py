"""Clients that hold what they never use: everybody else is served as if they were not there."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support import http2
from tests.e2e.support.daemon import EXECUTED, SOCKET, Daemon, create, eventually
from tests.e2e.support.http2 import STREAMS, HostileClient, message
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Testbed

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
HEALTH = "/grpc.health.v1.Health/"


@pytest.fixture
def path(daemon: Daemon) -> Path:
    return daemon.testbed.root / SOCKET


@pytest.fixture(autouse=True)
def _others_are_served(daemon: Daemon) -> Iterator[None]:
    """After the test, the daemon serves a new client, and nothing is left over."""
    yield
    assert_served(daemon)


def assert_served(daemon: Daemon) -> None:
    """Assert that a client with a connection of its own is served."""
    with grpc.insecure_channel(f"unix:{daemon.testbed.root / SOCKET}") as channel:
        list_networks = channel.unary_unary(
            http2.LIST,
            request_serializer=network_pb2.ListNetworksRequest.SerializeToString,
            response_deserializer=network_pb2.ListNetworksResponse.FromString,
        )
        list_networks(network_pb2.ListNetworksRequest(), timeout=PATIENCE)
    assert daemon.health() == "SERVING"


@pytest.mark.parametrize(
    "method",
    [http2.LIST, f"{HEALTH}Check", f"{HEALTH}Watch", REFLECTION, f"{http2.IPAM}ImportSubnets"],
)
def test_calls_without_a_request_stop_no_other_call(
    daemon: Daemon, path: Path, method: str
) -> None:
    with http2.clients(path, 5) as clients:
        for client in clients:
            for _ in range(STREAMS):
                client.open(method)
        assert_served(daemon)
        daemon.create("during")
    daemon.delete("during")


def test_silent_watches_and_reflections_stop_no_other_call(daemon: Daemon, path: Path) -> None:
    with http2.clients(path, 4) as clients:
        for client in clients:
            for _ in range(STREAMS // 2):
                client.call(f"{HEALTH}Watch")
                client.send(client.open(REFLECTION), message(b"\x3a\x00"))
        assert_served(daemon)


def test_requests_that_arrive_in_part_stop_no_other_call(daemon: Daemon, path: Path) -> None:
    with http2.clients(path, 3) as clients:
        for client in clients:
            for _ in range(STREAMS):
                client.send(client.open(), message(b"\x00" * 1_000_000)[:300])
        assert_served(daemon)


def test_streams_that_are_reset_at_once_stop_no_other_call(daemon: Daemon, path: Path) -> None:
    client = HostileClient(path)
    for _ in range(10_000):
        client.reset(client.open())
        if client.is_closed():
            client.close()
            client = HostileClient(path)
    assert_served(daemon)
    client.close()


def test_headers_without_an_end_are_refused(daemon: Daemon, path: Path) -> None:
    with http2.clients(path, 1) as [client]:
        for _ in range(STREAMS):
            client.open(http2.LIST, *((f"x-{number}", "y" * 4000) for number in range(16)))
        assert_served(daemon)


@pytest.mark.parametrize("text", ["/\xff\xfe", "", "/", "x" * 4000, "/mynet.v1.NetworkService/"])
def test_a_path_that_is_no_method_stops_no_other_call(
    daemon: Daemon, path: Path, text: str
) -> None:
    with http2.clients(path, 1) as [client]:
        client.open(text)
        assert_served(daemon)


def test_a_compressed_bomb_is_refused(daemon: Daemon, path: Path) -> None:
    bomb = message(gzip.compress(b"\x00" * (100 << 20)), compressed=True)
    before = memory(daemon)
    with http2.clients(path, 1) as [client]:
        for _ in range(STREAMS):
            client.send(client.open(http2.LIST, ("grpc-encoding", "gzip")), bomb)
        assert_served(daemon)
    eventually(lambda: memory(daemon) < 1.3 * before)


def memory(daemon: Daemon) -> int:
    """Return the bytes that the daemon occupies in memory, after its allocator has given back.

    The allocator does so after a large answer.
    """
    subnet = ipam_pb2.Subnet(cidr="12.0.0.0/9")
    daemon.ipam.CreateSubnet(ipam_pb2.CreateSubnetRequest(subnet=subnet))
    document = ipam_pb2.ExportSubnetsRequest(
        format=ipam_pb2.SUBNET_FORMAT_TUTORIAL, subnet=subnet.cidr
    )
    assert sum(len(part.document) for part in daemon.ipam.ExportSubnets(document)) > 4 << 20
    daemon.ipam.DeleteSubnet(ipam_pb2.DeleteSubnetRequest(subnet=subnet.cidr))
    for line in Path(f"/proc/{daemon.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")


def test_answers_that_are_not_read_occupy_little_memory(daemon: Daemon, path: Path) -> None:
    daemon.ipam.CreateSubnet(
        ipam_pb2.CreateSubnetRequest(subnet=ipam_pb2.Subnet(cidr="11.0.0.0/8"))
    )
    request = ipam_pb2.ExportSubnetsRequest(format=ipam_pb2.SUBNET_FORMAT_TUTORIAL)
    before = memory(daemon)
    with http2.clients(path, 24, window=0) as clients:
        for client in clients:
            client.call(f"{http2.IPAM}ExportSubnets", request.SerializeToString())
        assert_served(daemon)
    eventually(lambda: memory(daemon) < 1.3 * before)


def test_a_page_is_small_enough_for_a_client_with_the_limits_of_grpc(daemon: Daemon) -> None:
    labels = {f"{number}": "x" * 4096 for number in range(64)}
    for number in range(40):
        daemon.net.CreateNetwork(create(f"n{number}", f"10.{number}.0.0/24", labels=labels))
    names, token = [], ""
    while True:
        request = network_pb2.ListNetworksRequest(page_size=1000, page_token=token)
        answer = daemon.net.ListNetworks(request)
        names += [network.name for network in answer.networks]
        token = answer.next_page_token
        if not token:
            break
    assert names == [f"n{number}" for number in range(40)]
    for name in names:
        daemon.delete(name)


def test_idle_connections_leave_descriptors_to_the_daemon(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, program=("prlimit", "--nofile=128:128", *EXECUTED))
    idle = [http2.connected(empty_testbed.root / SOCKET) for _ in range(200)]
    daemon.create("during")
    daemon.delete("during")
    for connection in idle:
        connection.close()
    assert_served(daemon)
    daemon.stop()

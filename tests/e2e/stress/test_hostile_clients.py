"""Clients that hold what they never use: everybody else is served as if they were not there."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import EXECUTED, SOCKET, Daemon, create, eventually
from tests.e2e.support.hostile_clients import http2
from tests.e2e.support.hostile_clients.attacks import ATTACKS, REFLECTION
from tests.e2e.support.hostile_clients.http2 import STREAMS
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Testbed

HEALTH = "/grpc.health.v1.Health/"

# By how much the memory may grow. The calls that wait in gRPC for a thread are objects of Python,
# whose allocator keeps what they have occupied for the next ones.
GROWTH = {"ten_thousand_streams": 3}


@pytest.fixture
def path(daemon: Daemon) -> Path:
    return daemon.testbed.root / SOCKET


@pytest.fixture(autouse=True)
def _others_are_served(daemon: Daemon) -> Iterator[None]:
    """After the test, the daemon serves a new client."""
    yield
    eventually(lambda: is_served(daemon))


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


def is_served(daemon: Daemon) -> bool:
    """Return whether a client with a connection of its own is served."""
    try:
        assert_served(daemon)
    except grpc.RpcError:
        return False
    return True


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


@pytest.fixture
def large_export(daemon: Daemon) -> Iterator[None]:
    """A subnet whose export in the form of the tutorial has 8 MiB."""
    subnet = ipam_pb2.Subnet(cidr="11.0.0.0/9")
    daemon.ipam.CreateSubnet(ipam_pb2.CreateSubnetRequest(subnet=subnet))
    yield
    daemon.ipam.DeleteSubnet(ipam_pb2.DeleteSubnetRequest(subnet=subnet.cidr))


@pytest.mark.usefixtures("large_export")
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_stops_no_other_call_and_leaves_little_memory_occupied(
    daemon: Daemon, path: Path, attack: str
) -> None:
    before = memory(daemon)
    with contextlib.closing(ATTACKS[attack](path)) as steps:
        for _ in range(3):
            for _ in itertools.islice(steps, 10):
                pass
            # A burst may cost another client a call. It costs that client no second one.
            eventually(lambda: is_served(daemon))
        daemon.create("during")
    daemon.delete("during")
    eventually(lambda: memory(daemon) < GROWTH.get(attack, 1.3) * before)


@pytest.fixture
def daemon_of_users(empty_testbed: Testbed) -> Iterator[Daemon]:
    """A daemon that tells the connections of its socket apart."""
    daemon = Daemon(empty_testbed, "--peer-credentials")
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("attack", ["half_open_calls", "silent_streams"])
def test_calls_of_other_connections_cancel_no_call_that_waits(
    daemon_of_users: Daemon, attack: str
) -> None:
    path = daemon_of_users.testbed.root / SOCKET
    with http2.clients(path, 1) as [slow], contextlib.closing(ATTACKS[attack](path)) as steps:
        stream = slow.open()
        for _ in itertools.islice(steps, 10):
            assert_served(daemon_of_users)
        slow.send(stream, http2.message())
        assert slow.trailers(stream)["grpc-status"] == "0"


@pytest.mark.parametrize("text", ["/\xff\xfe", "", "/", "x" * 4000, "/mynet.v1.NetworkService/"])
def test_a_path_that_is_no_method_stops_no_other_call(
    daemon: Daemon, path: Path, text: str
) -> None:
    with http2.clients(path, 1) as [client]:
        client.open(text)
        assert_served(daemon)


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


def test_a_call_that_is_not_allowed_is_refused_before_its_request_is_sent(
    empty_testbed: Testbed,
) -> None:
    daemon = Daemon(empty_testbed, "--listen-reader", "unix:///run/mynet/reader.sock")
    with http2.clients(empty_testbed.root / "run/mynet/reader.sock", 1) as [client]:
        stream = client.open(f"{http2.NETWORKS}CreateNetwork")
        client.send(stream, http2.message(bytes(3 << 20))[:1000])
        assert client.trailers(stream)["grpc-status"] == "7"  # PERMISSION_DENIED
    daemon.stop()


def test_connections_beyond_the_limit_do_not_disturb_the_others(empty_testbed: Testbed) -> None:
    """They are closed. A caller that is connected, and the other addresses, are served."""
    daemon = Daemon(
        empty_testbed, "--listen-reader=unix:///run/mynet/r.sock", "--max-connections=50"
    )
    idle = [http2.connected(empty_testbed.root / SOCKET) for _ in range(200)]
    daemon.create("during")
    with grpc.insecure_channel(f"unix:{empty_testbed.root}/run/mynet/r.sock") as channel:
        call: Any = channel.unary_unary(http2.LIST)
        assert call(b"", timeout=PATIENCE)
    for connection in idle:
        connection.close()
    eventually(lambda: is_served(daemon))
    daemon.stop()


def test_idle_connections_leave_descriptors_to_the_daemon(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, program=("prlimit", "--nofile=128:128", *EXECUTED))
    idle = [http2.connected(empty_testbed.root / SOCKET) for _ in range(200)]
    daemon.create("during")
    daemon.delete("during")
    for connection in idle:
        connection.close()
    eventually(lambda: is_served(daemon))
    daemon.stop()

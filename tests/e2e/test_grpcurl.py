"""The API by grpcurl and reflection alone, without a file of mynet.

EXAMPLES has one call of every RPC. A new RPC fails here until it has one.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import SOCKET, Daemon
from tests.e2e.support.testbed import Sandbox, Testbed

ROOT = Path(__file__).parents[2]
SERVICES = [
    *network_pb2.DESCRIPTOR.services_by_name.values(),
    *ipam_pb2.DESCRIPTOR.services_by_name.values(),
]
METHODS = [f"{service.name}/{method.name}" for service in SERVICES for method in service.methods]

# For each RPC a request, and what its answer must have. There is a network "blue" with container
# "one" on it. What the examples delete is a network "old", a container "leaver" on "blue", and an
# address of "vm-7".
EXAMPLES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "NetworkService/CreateNetwork": (
        {"network": {"name": "new", "subnets": [{"cidr": "10.1.0.0/24"}], "mtu": 1400}},
        {"network": {"name": "new", "interface": "br-new", "mtu": 1400, "masquerade": True}},
    ),
    "NetworkService/GetNetwork": (
        {"network": "blue"},
        {"network": {"name": "blue", "driver": "bridge", "state": "NETWORK_STATE_READY"}},
    ),
    "NetworkService/ListNetworks": ({"page_size": 1}, {"networks": [{"name": "blue"}]}),
    "NetworkService/UpdateNetwork": (
        {"network": "blue", "labels": {"team": "red"}, "options": {"icc": "false"}},
        {"network": {"name": "blue", "labels": {"team": "red"}, "options": {"icc": "false"}}},
    ),
    "NetworkService/DeleteNetwork": ({"network": "old"}, {}),
    "NetworkService/Connect": (
        {"network": "blue", "container_id": "comer", "addresses": ["10.88.0.99"]},
        {"endpoint": {"addresses": ["10.88.0.99/24"], "gateways": ["10.88.0.1"]}},
    ),
    "NetworkService/BatchConnect": (
        {
            "requests": [
                {"network": "blue", "container_id": "comer", "interface": "eth1"},
                {"network": "none", "container_id": "comer"},
            ]
        },
        {
            "outcomes": [
                {"endpoint": {"container_id": "comer", "interface": "eth1"}},
                {"failure": {"code": "NOT_FOUND", "reason": "NETWORK_NOT_FOUND"}},
            ]
        },
    ),
    "NetworkService/BatchDisconnect": (
        {"requests": [{"container_id": "leaver"}, {"endpoint": "0g"}]},
        {
            "outcomes": [
                {"endpoints": [{"container_id": "leaver"}]},
                {"failure": {"reason": "ENDPOINT_NOT_FOUND"}},
            ]
        },
    ),
    "NetworkService/UpdateEndpoint": (
        {
            "network": "blue",
            "container_id": "one",
            "ports": [{"host_port": 8080, "container_port": 80}],
            "labels": {"team": "red"},
        },
        {"endpoint": {"ports": [{"host_port": 8080}], "labels": {"team": "red"}}},
    ),
    "NetworkService/Disconnect": (
        {"network": "blue", "container_id": "leaver"},
        {"endpoints": [{"container_id": "leaver", "state": "ENDPOINT_STATE_READY"}]},
    ),
    "NetworkService/GetEndpoint": (
        {"network": "blue", "container_id": "one"},
        {"endpoint": {"netns_path": "/run/netns/one", "interface": "eth0"}},
    ),
    "NetworkService/ListEndpoints": (
        {"container_id": "one"},
        {"endpoints": [{"container_id": "one", "state": "ENDPOINT_STATE_READY"}]},
    ),
    "NetworkService/CheckEndpoint": (
        {"network": "blue", "container_id": "one"},
        {"endpoint": {"container_id": "one"}},
    ),
    "NetworkService/Doctor": (
        {"repair": False},
        {},
    ),
    "NetworkService/ListDrivers": (
        {},
        {"drivers": [{"name": "bridge", "distribution": "mynetd", "state": "DRIVER_STATE_LOADED"}]},
    ),
    "NetworkService/Backup": ({}, {}),
    "IPAMService/CreateSubnet": (
        {"subnet": {"cidr": "10.7.0.0/24", "range": "10.7.0.128/25", "cooldown": "5s"}},
        {"subnet": {"cidr": "10.7.0.0/24", "range": "10.7.0.128/25", "cooldown": "5s"}},
    ),
    "IPAMService/DeleteSubnet": ({"subnet": "10.6.0.0/24"}, {}),
    "IPAMService/BatchAllocateAddresses": (
        {"subnet": "10.6.0.0/24", "count": 2, "owner_prefix": "pod-"},
        {"allocations": [{"owner": "pod-1"}, {"owner": "pod-2"}]},
    ),
    "IPAMService/ReleaseOwner": (
        {"owner": "vm-7"},
        {"allocations": [{"address": "10.9.0.7", "owner": "vm-7"}]},
    ),
    "IPAMService/GetSubnetMap": (
        {"subnet": "10.9.0.0/24"},
        {"part_prefix_length": 32, "parts": [{"cidr": "10.9.0.7/32", "allocated": "1"}]},
    ),
    "IPAMService/ExportSubnets": (
        {"format": "SUBNET_FORMAT_HOST_LOCAL", "subnet": "10.9.0.0/24"},
        {"document": '{"subnets": ["10.9.0.0/24"], "files": {"10.9.0.7": "vm-7"}}'},
    ),
    "IPAMService/ImportSubnets": (
        {"format": "SUBNET_FORMAT_TUTORIAL", "document": '{"10.5.0.0/29": "0110"}'},
        {"subnets": [{"subnet": "10.5.0.0/29", "allocations": "2"}]},
    ),
    "IPAMService/AllocateAddress": (
        {"subnet": "10.9.0.0/24", "address": "10.9.0.42", "owner": "vm-42"},
        {"allocation": {"subnet": "10.9.0.0/24", "address": "10.9.0.42", "owner": "vm-42"}},
    ),
    "IPAMService/ReleaseAddress": (
        {"subnet": "10.9.0.0/24", "address": "10.9.0.7", "owner": "vm-7"},
        {"allocation": {"address": "10.9.0.7", "owner": "vm-7"}},
    ),
    "IPAMService/ListAllocations": (
        {"subnet": "10.88.0.0/24", "page_size": 1},
        {"allocations": [{"address": "10.88.0.1"}]},
    ),
    "IPAMService/GetSubnet": (
        {"subnet": "10.88.0.0/24"},
        {"subnet": {"gateway": "10.88.0.1", "network": "blue", "usage": {"capacity": "254"}}},
    ),
    "IPAMService/ListSubnets": ({}, {"subnets": [{"cidr": "10.6.0.0/24", "backend": "bitmap"}]}),
    "IPAMService/ListBackends": (
        {},
        {"backends": [{"name": "bitmap", "state": "BACKEND_STATE_LOADED"}]},
    ),
}

READING = ("Get", "List", "Check", "Export", "Doctor", "Backup")  # verbs that only read


@pytest.fixture
def scene(daemon: Daemon, one: Sandbox) -> None:
    """Create what EXAMPLES need."""
    daemon.create("blue", "10.88.0.0/24")
    daemon.create("old", "10.77.0.0/24")
    daemon.connect("one")
    daemon.connect("leaver", netns_path="")
    request = ipam_pb2.AllocateAddressRequest(
        subnet="10.9.0.0/24", address="10.9.0.7", owner="vm-7"
    )
    daemon.ipam.AllocateAddress(request)
    kept = ipam_pb2.CreateSubnetRequest(subnet=ipam_pb2.Subnet(cidr="10.6.0.0/24"))
    daemon.ipam.CreateSubnet(kept)


def grpcurl(testbed: Testbed, *arguments: str) -> str:
    return testbed.run("grpcurl", "-plaintext", "-unix", *arguments)


def has(found: Any, expected: Any) -> bool:
    """Return whether an answer has all that is expected. It may have more fields and items."""
    if isinstance(expected, Mapping):
        return all(name in found and has(found[name], each) for name, each in expected.items())
    if isinstance(expected, list):
        return all(map(has, found, expected)) and len(found) >= len(expected)
    return bool(found == expected)


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("method", METHODS)
def test_every_rpc_can_be_called(daemon: Daemon, method: str) -> None:
    assert method in EXAMPLES, "a new RPC needs an example in this module"
    request, expected = EXAMPLES[method]
    before = daemon.everything()
    words = ("-d", json.dumps(request), f"/{SOCKET}", f"mynet.v1.{method}")
    answer = json.loads(grpcurl(daemon.testbed, *words))
    assert has(answer, expected), answer
    only_reads = method.partition("/")[2].startswith(READING)
    assert only_reads == (daemon.everything() == before)


def test_every_example_is_of_an_rpc_that_exists() -> None:
    assert EXAMPLES.keys() == set(METHODS)


def test_the_daemon_lists_its_services(daemon: Daemon) -> None:
    assert grpcurl(daemon.testbed, f"/{SOCKET}", "list").split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "mynet.v1.IPAMService",
        "mynet.v1.NetworkService",
    ]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_is_described_with_all_its_rpcs(daemon: Daemon, service: Any) -> None:
    described = grpcurl(daemon.testbed, f"/{SOCKET}", "describe", service.full_name)
    assert set(re.findall(r"rpc (\w+)", described)) == {method.name for method in service.methods}


def test_a_message_is_described_with_all_its_fields(daemon: Daemon) -> None:
    described = grpcurl(daemon.testbed, f"/{SOCKET}", "describe", "mynet.v1.ConnectRequest")
    fields = network_pb2.ConnectRequest.DESCRIPTOR.fields_by_name
    assert set(re.findall(r"(\w+) = \d+;", described)) == set(fields)


@pytest.mark.parametrize("name", ["NetworkService.Connect", "IPAMService.AllocateAddress"])
def test_an_rpc_is_described_by_its_name(daemon: Daemon, name: str) -> None:
    name = f"mynet.v1.{name}"
    assert f"{name} is a method:" in grpcurl(daemon.testbed, f"/{SOCKET}", "describe", name)


def test_an_unknown_rpc_is_not_described(daemon: Daemon) -> None:
    words = ("-plaintext", "-unix", f"/{SOCKET}", "describe", "mynet.v1.NetworkService.Paint")
    done = daemon.testbed.attempt("grpcurl", *words)
    assert done.returncode != 0
    assert "Symbol not found: mynet.v1.NetworkService.Paint" in done.stderr


@pytest.mark.parametrize("service", ["", "mynet.v1.NetworkService", "mynet.v1.IPAMService"])
def test_health_says_serving(daemon: Daemon, service: str) -> None:
    words = ("-d", json.dumps({"service": service}), f"/{SOCKET}", "grpc.health.v1.Health/Check")
    assert json.loads(grpcurl(daemon.testbed, *words)) == {"status": "SERVING"}


def test_an_error_is_shown_with_its_details_as_the_documentation_has_it(daemon: Daemon) -> None:
    documented = (ROOT / "docs" / "errors.md").read_text()
    block = re.search(r"```console\n\$ (.+)\n((?s:.+?))```", documented)
    assert block
    done = daemon.testbed.attempt("sh", "-c", block[1])
    assert done.returncode != 0
    assert done.stderr == block[2]


def test_the_commands_in_the_proto_files_work_as_they_stand(
    daemon: Daemon, new_sandbox: Callable[[str], Sandbox]
) -> None:
    comments = [
        line.removeprefix("//").strip()
        for name in ("network", "ipam")
        for line in (ROOT / "proto" / "mynet" / "v1" / f"{name}.proto").read_text().splitlines()
        if line.startswith("//   ")
    ]
    new_sandbox("c1")
    daemon.testbed.run("sh", "-euc", "\n".join(comments))
    assert [network.name for network in daemon.networks()] == ["web"]
    assert [endpoint.container_id for endpoint in daemon.endpoints()] == ["c1"]
    assert daemon.allocations()["10.9.0.1"] == "vm-7"

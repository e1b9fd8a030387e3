"""mynetd as a process on a testbed, and a gRPC client of it."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from mynet.v1 import ipam_pb2, ipam_pb2_grpc, network_pb2, network_pb2_grpc
from tests.e2e.support.namespace import BIN, PATIENCE, Namespace
from tests.e2e.support.testbed import Testbed

EXECUTED = (str(BIN / "mynetd"),)  # the program by its path, for tests of a start itself
_RESTRICTED = str(Path(__file__).parents[1] / "programs" / "restricted_daemon.py")
SOCKET, STATE = "run/mynet/mynetd.sock", "var/lib/mynet"  # the defaults, below a testbed's root

# By default gRPC tries a second time after a second.
_EAGER = [(f"grpc.{which}_reconnect_backoff_ms", 10) for which in ("initial", "min", "max")]


class Daemon:
    """A mynetd that serves, started with these options and MYNET_* variables.

    ``socket`` is where it listens, relative to the testbed's root. ``inside`` is its network
    namespace, if not the testbed's own. ``program`` is ``mynetd`` for a fork of the fork server, a
    Python file for the same, or EXECUTED.
    """

    def __init__(
        self,
        testbed: Testbed,
        *options: str,
        socket: str = SOCKET,
        inside: Namespace | None = None,
        program: Sequence[str] = ("mynetd",),
        **environ: str,
    ) -> None:
        self.testbed = testbed
        self.log = testbed.folder / f"mynetd-{len(list(testbed.folder.glob('*.log')))}.log"
        enter = ["nsenter", f"--net={inside.path}"] if inside else []
        self._process = testbed.start(*enter, *program, *options, output=self.log, **environ)
        self.pid = self._process.pid
        self._await(socket)
        testbed.settings = environ

    def _await(self, socket: str) -> None:
        """Open a channel, and wait until the daemon serves."""
        testbed = self.testbed
        self.channel = grpc.insecure_channel(f"unix:{testbed.root / socket}", options=_EAGER)
        self.net = network_pb2_grpc.NetworkServiceStub(self.channel)
        self.ipam = ipam_pb2_grpc.IPAMServiceStub(self.channel)
        self._ask_health: Callable[..., health_pb2.HealthCheckResponse] = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        eventually(self._serves)

    def _serves(self) -> bool:
        assert self._process.poll() is None, f"mynetd ended:\n{self.log.read_text()}"
        return self.health() == "SERVING"

    def health(self) -> str:
        """Return the daemon's health, such as SERVING; "" where nothing answers."""
        try:
            answer = self._ask_health(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return ""
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait until the daemon has ended; return its exit status."""
        return self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Send SIGTERM, and require exit status 0."""
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.log.read_text()
        self.channel.close()

    def events(self) -> list[dict[str, Any]]:
        """Return the whole lines of its log, which must be JSON. The last one may be in work."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def create(self, name: str = "blue", *cidrs: str, **fields: Any) -> network_pb2.Network:
        """Create a network, by default on 10.88.0.0/24 and fd88::/64."""
        return self.net.CreateNetwork(create(name, *cidrs, **fields)).network

    def connect(self, container: str, **fields: Any) -> network_pb2.Endpoint:
        """Connect a container, by default to network blue by the sandbox of its name."""
        return self.net.Connect(connect(container, **fields)).endpoint

    def disconnect(self, container: str) -> None:
        """Disconnect a container from all its networks."""
        self.net.Disconnect(network_pb2.DisconnectRequest(container_id=container))

    def delete(self, network: str = "blue") -> None:
        """Delete a network with its endpoints."""
        self.net.DeleteNetwork(network_pb2.DeleteNetworkRequest(network=network, force=True))

    def clear(self) -> None:
        """Delete all networks, addresses and subnets."""
        for network in self.networks():
            self.delete(network.id)
        for held in self.ipam.ListAllocations(ipam_pb2.ListAllocationsRequest()).allocations:
            request = ipam_pb2.ReleaseAddressRequest(subnet=held.subnet, address=held.address)
            self.ipam.ReleaseAddress(request)
        for subnet in self.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest()).subnets:
            self.ipam.DeleteSubnet(ipam_pb2.DeleteSubnetRequest(subnet=subnet.cidr))

    def networks(self) -> Sequence[network_pb2.Network]:
        return self.net.ListNetworks(network_pb2.ListNetworksRequest(page_size=1000)).networks

    def endpoints(self) -> Sequence[network_pb2.Endpoint]:
        return self.net.ListEndpoints(network_pb2.ListEndpointsRequest(page_size=1000)).endpoints

    def problems(self, endpoint: network_pb2.Endpoint) -> list[str]:
        """Return the problems of an endpoint that CheckEndpoint reports."""
        request = network_pb2.CheckEndpointRequest(endpoint=endpoint.id)
        return list(self.net.CheckEndpoint(request).problems)

    def allocations(self) -> dict[str, str]:
        """Return the owners of all addresses."""
        request = ipam_pb2.ListAllocationsRequest(page_size=1000)
        allocations = self.ipam.ListAllocations(request).allocations
        return {allocation.address: allocation.owner for allocation in allocations}

    def everything(self) -> Mapping[str, object]:
        """Return all that a call may change: the daemon's objects, and the host's network."""
        subnets = self.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest(page_size=1000)).subnets
        return {
            "networks": [network.name for network in self.networks()],
            "endpoints": [endpoint.id for endpoint in self.endpoints()],
            "allocations": self.allocations(),
            "subnets": [subnet.cidr for subnet in subnets],
            **self.testbed.state(),
        }


def restricted(*restrictions: str) -> Sequence[str]:
    """Return the program for a daemon that its host refuses something, such as "no-ipv6"."""
    return (_RESTRICTED, ",".join(restrictions))


def create(name: str = "blue", *cidrs: str, **fields: Any) -> network_pb2.CreateNetworkRequest:
    """Return the request for a network, by default on 10.88.0.0/24 and fd88::/64."""
    subnets = [ipam_pb2.Subnet(cidr=cidr) for cidr in cidrs or ("10.88.0.0/24", "fd88::/64")]
    network = network_pb2.Network(name=name, subnets=subnets, **fields)
    return network_pb2.CreateNetworkRequest(network=network)


def connect(container: str, **fields: Any) -> network_pb2.ConnectRequest:
    """Return the request to connect, by default to network blue the sandbox of that name."""
    if not fields.keys() & {"netns_name", "netns_path", "pid"}:
        fields["netns_name"] = container
    return network_pb2.ConnectRequest(container_id=container, **{"network": "blue", **fields})


def turned_away(testbed: Testbed, *options: str, **environ: str) -> tuple[int, str]:
    """Start a mynetd that must end by itself; return its exit status and standard error."""
    done = testbed.attempt("mynetd", *options, **environ)
    return done.returncode, done.stderr


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status of a call that was refused."""

    code: str
    reason: str
    message: str


def refusal(method: Callable[..., Any], request: object) -> Refusal:
    """Make a call that must be refused; return its status."""
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=PATIENCE)
    return refused_as(caught.value)


def refused_as(error: Any) -> Refusal:
    """Return the status of a call. The error is the call, too, which its type does not say."""
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        detail.Unpack(info)
    return Refusal(error.code().name, info.reason, error.details())


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds. Raise AssertionError where it does not come to hold."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"the condition did not hold within {PATIENCE} s"
        time.sleep(0.01)

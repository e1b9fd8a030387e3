"""Drivers that each violate a claim about connect, disconnect or check."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from mynet.drivers.api import Call, Endpoint, Network
from mynet.drivers.errors import InterfaceExists, KernelError, SandboxNotFound
from tests.drivers.conformance.conforming import ConformingDriver, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("connect twice is connect once")
class RefusesToConnectTwice(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.host_interface in self.kernel.links:
            raise InterfaceExists(f"{endpoint.host_interface} exists")
        super().connect(call, endpoint)


@violates("connect twice is connect once")
class DisconnectsTheSecondTime(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.host_interface in self.kernel.links:
            self.disconnect(call, endpoint)
        else:
            super().connect(call, endpoint)


@violates("connect twice is connect once")
class ConnectsNothing(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        pass


@violates("disconnect succeeds without an endpoint")
class RefusesToDisconnectTwice(ConformingDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        del self.kernel.links[endpoint.host_interface]


@violates("check reports a disconnected endpoint")
class ChecksNothing(ConformingDriver):
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return []


@violates("check reports a disconnected endpoint")
class DisconnectsNothing(ConformingDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        pass


@violates("check reports a disconnected endpoint")
class ReportsEmptySentences(ConformingDriver):
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return [""] * len(super().check(call, endpoint))


@violates("disconnect frees both names")
class KeepsNames(ConformingDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        if self.kernel.links.get(endpoint.host_interface) == endpoint.id:
            self.kernel.links[endpoint.host_interface] = f"{endpoint.id}, gone"

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if self.kernel.links.get(endpoint.host_interface) == f"{endpoint.id}, gone":
            del self.kernel.links[endpoint.host_interface]
        super().connect(call, endpoint)


@violates("disconnect succeeds without the network")
class DisconnectsOnlyFromANetwork(ConformingDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        is_there = endpoint.network.id in self.kernel.networks
        if endpoint.host_interface in self.kernel.links and not is_there:
            raise KernelError(f"there is no network {endpoint.network.name}")
        super().disconnect(call, endpoint)


@violates("connect refuses a sandbox that is gone")
class ConnectsWithoutTheSandbox(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, sandbox=None))


@violates("connect refuses a sandbox that is gone")
class RaisesFileNotFoundError(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        try:
            super().connect(call, endpoint)
        except SandboxNotFound as error:
            raise FileNotFoundError(str(error)) from error


@violates("connect refuses a sandbox that is gone")
class CannotCheckWithoutTheSandbox(ConformingDriver):
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        if endpoint.sandbox and endpoint.sandbox.path.startswith("/proc/0/"):
            raise SandboxNotFound("there is no process 0")
        return super().check(call, endpoint)


@violates("living names only connected endpoints")
class FindsAllAlive(ConformingDriver):
    def living(self, call: Call, endpoints: Sequence[Endpoint]) -> Collection[str]:
        return {endpoint.id for endpoint in endpoints}


@violates("endpoint notes are sentences")
class NotesNothing(ConformingDriver):
    def endpoint_notes(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return [" "]


@violates("connect without the network raises only driver errors")
class RaisesAKeyError(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.network.id not in self.kernel.networks:
            raise KeyError(endpoint.network.id)
        super().connect(call, endpoint)


@violates("a gateway may be outside its subnet or missing")
class RequiresGatewaysInside(ConformingDriver):
    def create(self, call: Call, network: Network) -> None:
        for subnet in network.subnets:
            if subnet.gateway is not None and subnet.gateway not in subnet.cidr:
                raise KernelError(f"{subnet.gateway} is outside {subnet.cidr}")
        super().create(call, network)


@violates("a gateway may be outside its subnet or missing")
class RequiresGateways(ConformingDriver):
    def create(self, call: Call, network: Network) -> None:
        if not all(subnet.gateway for subnet in network.subnets):
            raise KernelError("a subnet has no gateway")
        super().create(call, network)

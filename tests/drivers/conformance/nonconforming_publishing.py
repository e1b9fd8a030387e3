"""Drivers that each violate a claim about published ports."""

from collections.abc import Sequence
from dataclasses import replace

from mynet.drivers.api import Call, Endpoint, Network, PortMapping
from tests.drivers.conformance.conforming import ConformingDriver, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("connect publishes ports and check reports missing ones")
class PublishesNothing(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, ports=()))


@violates("connect publishes ports and check reports missing ones")
class ChecksNoPorts(ConformingDriver):
    def unpublished(self, endpoint: Endpoint) -> Sequence[str]:
        return []


@violates("connect publishes ports and check reports missing ones")
class PublishesForEver(ConformingDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, ports=endpoint.ports or self.old(endpoint)))

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        old = self.old(endpoint)
        super().disconnect(call, endpoint)
        self.kernel.ports[endpoint.id] = old

    def old(self, endpoint: Endpoint) -> Sequence[PortMapping]:
        return self.kernel.ports.get(endpoint.id, ())


@violates("update endpoint changes the published ports")
class KeepsItsPorts(ConformingDriver):
    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        pass


@violates("update endpoint changes the published ports")
class AddsPorts(ConformingDriver):
    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        before = self.kernel.ports.get(endpoint.id, ())
        super().update_endpoint(call, replace(endpoint, ports=(*before, *endpoint.ports)))


@violates("restore publishes only the given ports")
class RestoresNoPorts(ConformingDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        super().restore(call, [replace(network, endpoints=()) for network in networks])


@violates("restore publishes only the given ports")
class LeavesPorts(ConformingDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        before = dict(self.kernel.ports)
        super().restore(call, networks)
        self.kernel.ports = before | self.kernel.ports

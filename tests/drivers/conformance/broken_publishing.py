"""Drivers that each break a claim about ports."""

from collections.abc import Sequence
from dataclasses import replace

from mynet.drivers.api import Call, Endpoint, Network, PortMapping
from tests.drivers.conformance.sound import Broken, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


@breaks("ports are published and missed")
class PublishesNothing(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, ports=()))


@breaks("ports are published and missed")
class IsBlindToPorts(SoundDriver):
    def unpublished(self, endpoint: Endpoint) -> Sequence[str]:
        return []


@breaks("ports are published and missed")
class PublishesForEver(SoundDriver):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, replace(endpoint, ports=endpoint.ports or self.old(endpoint)))

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        old = self.old(endpoint)
        super().disconnect(call, endpoint)
        self.kernel.ports[endpoint.id] = old

    def old(self, endpoint: Endpoint) -> Sequence[PortMapping]:
        return self.kernel.ports.get(endpoint.id, ())


@breaks("updating an endpoint changes its ports")
class KeepsItsPorts(SoundDriver):
    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        pass


@breaks("updating an endpoint changes its ports")
class AddsPorts(SoundDriver):
    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        before = self.kernel.ports.get(endpoint.id, ())
        super().update_endpoint(call, replace(endpoint, ports=(*before, *endpoint.ports)))


@breaks("restoring publishes the ports it is told of")
class RestoresNoPorts(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        super().restore(call, [replace(network, endpoints=()) for network in networks])


@breaks("restoring publishes the ports it is told of")
class LeavesPorts(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        before = dict(self.kernel.ports)
        super().restore(call, networks)
        self.kernel.ports = before | self.kernel.ports

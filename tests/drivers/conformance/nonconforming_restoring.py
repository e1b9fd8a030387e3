"""Drivers that each violate a claim about restore or update."""

from collections.abc import Sequence

from mynet.drivers.api import Call, DriverContext, Network, NetworkUpdate
from mynet.drivers.errors import InterfaceExists
from tests.drivers.conformance.conforming import ConformingDriver, Kernel, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("networks outlive the driver")
class RemembersInItself(ConformingDriver):
    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        super().__init__(context, Kernel())


@violates("networks outlive the driver")
class TidiesUpAtTheEnd(ConformingDriver):
    def close(self) -> None:
        self.kernel.networks.clear()
        self.kernel.links.clear()


@violates("restore makes missing networks")
class RestoresNothing(ConformingDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        pass


@violates("networks outlive the driver")
class RefusesToRestoreExistingNetworks(ConformingDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        if {network.id for network in networks} & self.kernel.networks:
            raise InterfaceExists("the network exists")
        super().restore(call, networks)


@violates("update twice is update once")
class LosesEndpointsWhenUpdated(ConformingDriver):
    def update(self, call: Call, update: NetworkUpdate) -> None:
        for endpoint in update.endpoints:
            self.disconnect(call, endpoint)


@violates("update twice is update once")
class ConnectsWhenUpdated(ConformingDriver):
    def update(self, call: Call, update: NetworkUpdate) -> None:
        for endpoint in update.endpoints:
            self.connect(call, endpoint)

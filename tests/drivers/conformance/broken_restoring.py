"""Drivers that each break a claim about what is there already."""

from collections.abc import Sequence

from mynet.drivers.api import Call, DriverContext, Network, NetworkUpdate
from mynet.drivers.errors import InterfaceExists
from tests.drivers.conformance.sound import Broken, Kernel, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


@breaks("networks outlive the driver")
class RemembersInItself(SoundDriver):
    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        super().__init__(context, Kernel())


@breaks("networks outlive the driver")
class TidiesUpAtTheEnd(SoundDriver):
    def close(self) -> None:
        self.kernel.networks.clear()
        self.kernel.links.clear()


@breaks("restoring makes what is not there")
class RestoresNothing(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        pass


@breaks("networks outlive the driver")
class RestoresOnlyWhatIsGone(SoundDriver):
    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        if {network.id for network in networks} & self.kernel.networks:
            raise InterfaceExists("there is something already")
        super().restore(call, networks)


@breaks("updating twice is updating once")
class LosesEndpointsWhenUpdated(SoundDriver):
    def update(self, call: Call, update: NetworkUpdate) -> None:
        for endpoint in update.endpoints:
            self.disconnect(call, endpoint)


@breaks("updating twice is updating once")
class ConnectsWhenUpdated(SoundDriver):
    def update(self, call: Call, update: NetworkUpdate) -> None:
        for endpoint in update.endpoints:
            self.connect(call, endpoint)

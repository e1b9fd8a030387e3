"""Drivers that each break a claim about networks that are made and deleted."""

from collections import Counter
from collections.abc import Sequence

from mynet.drivers.api import Call, DriverContext, Network
from mynet.drivers.errors import InterfaceExists, KernelError
from tests.drivers.conformance.sound import Broken, Kernel, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


@breaks("creating twice is creating once")
class CreatesOnlyOnce(SoundDriver):
    def create(self, call: Call, network: Network) -> None:
        if network.id in self.kernel.networks:
            raise InterfaceExists(f"{network.interface} is there already")
        super().create(call, network)


@breaks("creating twice is creating once")
class CountsNetworks(SoundDriver):
    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        super().__init__(context, kernel)
        self.counts: Counter[str] = Counter()

    def create(self, call: Call, network: Network) -> None:
        super().create(call, network)
        self.counts[network.id] += 1

    def delete(self, call: Call, network: Network) -> None:
        super().delete(call, network)
        self.counts[network.id] -= 1
        if self.counts[network.id] > 0:
            raise KernelError("it is still in use")


@breaks("deleting what is gone is success")
class DeletesOnlyWhatIsThere(SoundDriver):
    def delete(self, call: Call, network: Network) -> None:
        self.kernel.networks.remove(network.id)


@breaks("a network that was made is whole")
class FindsFaultWithEveryNetwork(SoundDriver):
    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        return ["It has no colour."]

"""Drivers that each violate a claim about create, delete or check_network."""

from collections import Counter
from collections.abc import Sequence

from mynet.drivers.api import Call, DriverContext, Network
from mynet.drivers.errors import InterfaceExists, KernelError
from tests.drivers.conformance.conforming import ConformingDriver, Kernel, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("create twice is create once")
class RefusesToCreateTwice(ConformingDriver):
    def create(self, call: Call, network: Network) -> None:
        if network.id in self.kernel.networks:
            raise InterfaceExists(f"{network.interface} exists")
        super().create(call, network)


@violates("create twice is create once")
class CountsNetworks(ConformingDriver):
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


@violates("delete succeeds without a network")
class RefusesToDeleteTwice(ConformingDriver):
    def delete(self, call: Call, network: Network) -> None:
        self.kernel.networks.remove(network.id)


@violates("check network accepts what create made")
class ReportsEveryNetwork(ConformingDriver):
    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        return ["It has no colour."]

"""Comparing one network with the kernel: what differs, and what repairs it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mynet.drivers.api import Driver
from mynet.server.calls.call import Call
from mynet.server.model.networks import Network
from mynet.server.network.networks import Networks
from mynet.server.plugins.catalog import Catalog
from mynet.server.reconcile.findings import Problem, removal, restoration


@dataclass(frozen=True, slots=True)
class NetworkChecks:
    """Compares networks with the kernel. The caller holds the lock of the network."""

    drivers: Catalog[Driver]
    networks: Networks

    def interrupted(self, network: Network) -> Problem:
        """Return the problem of a network that an interrupted call left behind."""
        return Problem(
            f"network {network.name}",
            f"It is {network.state.value}, and no call is under way.",
            removal(lambda call: self.networks.tear_down(call, network)),
        )

    def problems(self, call: Call, network: Network) -> Iterator[Problem]:
        """Yield the differences between a network and the kernel."""
        look = partial(self._look, network)
        if differences := look(call):
            yield Problem(
                f"network {network.name}",
                " ".join(differences),
                restoration(lambda call: self._repair(call, network), look),
            )

    def _look(self, network: Network, call: Call) -> Sequence[str]:
        driver = self.drivers.get(network.spec.driver)
        return driver.run(call, Driver.check_network, network.for_driver())

    def _repair(self, call: Call, network: Network) -> None:
        """Restore a network, unless its driver has restored it meanwhile."""
        if self._look(network, call):
            self.networks.repair(call, network)

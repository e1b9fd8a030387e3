"""What others on the host do to networks: asked of the drivers whenever somebody looks at them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from mynet.drivers.api import Condition, Driver
from mynet.drivers.errors import DriverError
from mynet.server.calls.call import Call
from mynet.server.errors import MynetError
from mynet.server.model.networks import Network
from mynet.server.plugins.catalog import Catalog
from mynet.server.reconcile.findings import Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_PATIENCE = 2.0  # seconds that a driver may look: who asks for a network wants that above all


@dataclass(frozen=True, slots=True)
class Conditions:
    """Asks each driver once for all its networks, and keeps nothing."""

    drivers: Catalog[Driver]

    def of(self, call: Call, networks: Sequence[Network]) -> Mapping[str, Sequence[Condition]]:
        """Tell the conditions of each network, by its id; one that has none may be left out.

        A driver that cannot say costs nobody the answer: that is a condition of its networks then.
        """
        found: dict[str, Sequence[Condition]] = {}
        for name in dict.fromkeys(network.spec.driver for network in networks):
            its = [network for network in networks if network.spec.driver == name]
            found |= self._of_driver(call.within(_PATIENCE), name, its)
        return found

    def problems(self, call: Call, networks: Sequence[Network]) -> Iterator[Problem]:
        """Tell the conditions as what an examination finds. A person has to mend them."""
        found = self.of(call, networks)
        for network in networks:
            for each in found.get(network.id, ()):
                yield Problem(
                    f"network {network.name}", each.problem, each.remedy, commands=each.commands
                )

    def _of_driver(
        self, call: Call, name: str, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        told = [network.for_driver() for network in networks]
        try:
            return self.drivers.get(name).run(call, Driver.conditions, told)
        except (DriverError, MynetError) as error:
            log.warning("conditions are not known", driver=name, error=str(error))
            unknown = Condition(
                f"What others on this host do to it is not known: {error}.",
                "Look into the daemon's log, and ask again.",
            )
            return {network.id: (unknown,) for network in networks}

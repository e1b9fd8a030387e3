"""Conditions of networks: what other programs on the host do to them, as the drivers see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from mynet.drivers.api import Condition, Driver
from mynet.drivers.api import Network as DriverNetwork
from mynet.drivers.errors import DriverError
from mynet.server.calls.call import Call
from mynet.server.errors import MynetError
from mynet.server.model.endpoints import Endpoint, with_endpoints
from mynet.server.model.networks import Network
from mynet.server.plugins.catalog import Catalog
from mynet.server.reconcile.findings import Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_TIMEOUT = 2.0  # seconds for one driver, so that GetNetwork and ListNetworks answer soon


@dataclass(frozen=True, slots=True)
class Conditions:
    """Those on the record of a network, and what its driver sees. Nothing is cached."""

    drivers: Catalog[Driver]

    def of(self, call: Call, networks: Sequence[Network]) -> Mapping[str, Sequence[Condition]]:
        """Return the conditions of networks, by id. Each driver is asked once for all its networks.

        If a driver fails, that is a condition of its networks, and not an error of the call.
        """
        return self._of(call, [(network, network.for_driver()) for network in networks])

    def problems(
        self,
        call: Call,
        networks: Sequence[Network],
        endpoints: Mapping[str, Sequence[Endpoint]],
    ) -> Iterator[Problem]:
        """Yield the conditions as problems of an examination. The daemon does not repair them.

        ``endpoints`` are those of the networks by their ids, so that drivers look at all of them.
        """
        conditions = self._of(
            call,
            [
                (network, with_endpoints(network, endpoints.get(network.id, ())))
                for network in networks
            ],
        )
        for network in networks:
            for condition in conditions[network.id]:
                yield Problem(
                    f"network {network.name}",
                    condition.problem,
                    remedy=condition.remedy,
                    commands=condition.commands,
                )

    def _of(
        self, call: Call, networks: Sequence[tuple[Network, DriverNetwork]]
    ) -> Mapping[str, Sequence[Condition]]:
        conditions: dict[str, Sequence[Condition]] = {}
        for name in dict.fromkeys(network.spec.driver for network, _ in networks):
            its = [argument for network, argument in networks if network.spec.driver == name]
            conditions |= self._of_driver(call.within(_TIMEOUT), name, its)
        return {
            network.id: [*network.conditions, *conditions.get(network.id, ())]
            for network, _ in networks
        }

    def _of_driver(
        self, call: Call, name: str, arguments: Sequence[DriverNetwork]
    ) -> Mapping[str, Sequence[Condition]]:
        try:
            return self.drivers.get(name).run(call, Driver.conditions, arguments)
        except (DriverError, MynetError) as error:
            log.warning("conditions are not known", driver=name, error=str(error))
            unknown = Condition(
                f"What other programs on this host do to it is not known: {error}.",
                "Look into the daemon's log, and ask again.",
            )
            return {network.id: (unknown,) for network in arguments}

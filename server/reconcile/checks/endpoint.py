"""Comparing one endpoint with the kernel: what differs, and what repairs it.

An endpoint whose sandbox is gone is removed, and its addresses are released. A container that
connects again with the same interface within the subnet's retention gets the same addresses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import Driver
from mynet.server.addressing.leases import Leases
from mynet.server.calls.call import Call
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.network.attachments import Attachments
from mynet.server.plugins.catalog import Catalog
from mynet.server.reconcile.findings import Problem, Repair, removal, restoration
from mynet.server.reconcile.sandboxes import Observed
from mynet.server.store import Store

GONE_RESULT = "It is removed, and its addresses are released."


@dataclass(frozen=True, slots=True)
class EndpointChecks:
    """Compares endpoints with the kernel. The caller holds the locks of the endpoint."""

    store: Store
    drivers: Catalog[Driver]
    attachments: Attachments
    leases: Leases

    def interrupted(self, network: Network, endpoint: Endpoint) -> Problem:
        """Return the problem of an endpoint that an interrupted call left behind."""
        return Problem(
            endpoint.display_name,
            f"It is {endpoint.state.value} on a network that is {network.state.value}, and no call"
            " is under way.",
            removal(lambda call: self.attachments.tear_down(call, (network, endpoint))),
        )

    def problems(
        self, call: Call, network: Network, endpoint: Endpoint, observed: Observed
    ) -> Iterator[Problem]:
        """Yield what differs: the sandbox, reservations of published ports, addresses and devices.

        A published port whose reservation was lost is reserved again. The driver's check covers the
        forwarding of the port.
        """
        if reason := observed.why_gone(endpoint):
            yield Problem(
                endpoint.display_name,
                reason,
                Repair(
                    "removes it and releases its addresses",
                    GONE_RESULT,
                    lambda call: self.attachments.tear_down(call, (network, endpoint)),
                ),
            )
            return
        if endpoint.id in observed.out_of_reach:
            yield from self._out_of_reach(call, network, endpoint)
            return
        if sandbox := endpoint.place.sandbox:
            path = observed.sandboxes[sandbox.cookie]
            if path != sandbox.path:
                place = replace(endpoint.place, sandbox=replace(sandbox, path=path))
                endpoint = replace(endpoint, place=place)
                yield self._moved(endpoint, sandbox.path)
        yield from self._unreserved(network, endpoint)
        differences = self._differences(call, network, endpoint, observed)
        if endpoint.failure and not differences:
            differences = ["It is on record as failed, and nothing of it is missing any more."]
        if differences:
            yield Problem(
                endpoint.display_name,
                " ".join(differences),
                restoration(
                    lambda call: self.attachments.repair(call, network, endpoint),
                    partial(self._look, network, endpoint),
                )
                if endpoint.place.sandbox
                else None,
                "Disconnect it and connect it again: its interface belongs to its caller.",
            )

    def _unreserved(self, network: Network, endpoint: Endpoint) -> Iterator[Problem]:
        """Yield that reservations of published ports were lost."""
        if unreserved := self.attachments.ports.missing(network, endpoint):
            yield Problem(
                endpoint.display_name,
                " ".join(unreserved),
                Repair(
                    "reserves the ports again, unless another program has them",
                    "The ports are reserved again.",
                    lambda _: self.attachments.reacquire_ports(network, endpoint),
                ),
            )

    def _out_of_reach(self, call: Call, network: Network, endpoint: Endpoint) -> Iterator[Problem]:
        """Yield that no path leads to a sandbox that lives, and what differs outside of it."""
        outside = replace(endpoint.for_driver(network), reachable=False)
        driver = self.drivers.get(network.spec.driver)
        look = partial(driver.run, verb=Driver.check, request=outside)
        if differences := look(call):
            yield Problem(
                endpoint.display_name,
                " ".join(differences),
                restoration(partial(driver.run, verb=Driver.connect, request=outside), look),
            )
        path = endpoint.place.sandbox.path if endpoint.place.sandbox else ""
        yield Problem(
            endpoint.display_name,
            f"Its sandbox is out of reach: it lives, but neither {path} nor any other path that"
            " mynetd sees leads to it. A process keeps it open, or it is mounted in another mount"
            " namespace. The endpoint works and stays as it is.",
            remedy="Connect the container again with a path that leads to the sandbox, or"
            " disconnect it if it has ended.",
        )

    def _look(self, network: Network, endpoint: Endpoint, call: Call) -> Sequence[str]:
        driver = self.drivers.get(network.spec.driver)
        return driver.run(call, Driver.check, endpoint.for_driver(network))

    def _moved(self, endpoint: Endpoint, before: str) -> Problem:
        sandbox = endpoint.place.sandbox
        return Problem(
            endpoint.display_name,
            f"Its sandbox is not at {before} any more, but at {sandbox.path if sandbox else ''}.",
            Repair(
                "records the new path",
                "The new path is recorded.",
                lambda _: self.store.endpoints.put(endpoint),
            ),
        )

    def _differences(
        self, call: Call, network: Network, endpoint: Endpoint, observed: Observed
    ) -> list[str]:
        own = {address.ip for address in endpoint.addresses}
        is_allocated = own <= observed.addresses.get(endpoint.owner, frozenset())
        lost = () if is_allocated else self.leases.lost(call, network, endpoint)
        return [
            *(f"Its address {address} is not allocated to it." for address in lost),
            *self._look(network, endpoint, call),
        ]

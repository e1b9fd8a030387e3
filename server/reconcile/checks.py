"""One network, and one endpoint, against the kernel: what is wrong, and what mends it.

An endpoint whose sandbox is gone is removed: its addresses come free, and whoever comes back with
the same container and interface within the subnet's retention gets them again. A sandbox is gone
when no process and no mount leads to its namespace any more, or when the host has booted since: the
cookie tells, whatever became of the path.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers.api import Driver, Orphan
from mynet.ipam.api import IPAddress
from mynet.server.addressing.leases import Leases
from mynet.server.calls.call import Call
from mynet.server.host import Host, boot_id
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.network.attachments import Attachments
from mynet.server.network.network_updates import NetworkUpdates
from mynet.server.network.networks import Networks
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.findings import Problem
from mynet.server.store import Store

GONE_REMEDY = "It is removed, and its addresses are released."


@dataclass(frozen=True, slots=True)
class Known:
    """What is asked once for all endpoints: where sandboxes are now, by cookie, and who holds what.

    It may be of a moment ago, so an address that is missing in it is looked for again.
    """

    sandboxes: Mapping[int, str]
    holdings: Mapping[str, AbstractSet[IPAddress]]

    def why_gone(self, endpoint: Endpoint) -> str:
        """Return why an endpoint cannot exist any more, or "" where it can."""
        return endpoint.why_gone(boot_id(), self.sandboxes)


@dataclass(frozen=True, slots=True)
class Checkup:
    """Compares; the caller holds what it asks about."""

    store: Store
    drivers: Catalog[Driver]
    networks: Networks
    updates: NetworkUpdates
    attachments: Attachments
    leases: Leases
    host: Host

    def half_network(self, network: Network) -> Problem:
        """Tell of a network whose CreateNetwork or DeleteNetwork has no end."""
        return Problem(
            f"network {network.name}",
            f"It is {network.state.value}, and no call is under way.",
            "It is taken away.",
            lambda call: self.networks.tear_down(call, network),
        )

    def half_endpoint(self, network: Network, endpoint: Endpoint) -> Problem:
        """Tell of an endpoint whose Connect, Disconnect or DeleteNetwork has no end."""
        return Problem(
            endpoint.display_name,
            f"It is {endpoint.state.value} on a network that is {network.state.value}, and no call"
            " is under way.",
            "It is taken away.",
            lambda call: self.attachments.tear_down(call, (network, endpoint)),
        )

    def of_network(self, call: Call, network: Network) -> Iterator[Problem]:
        """Compare a network with what the kernel has of it."""
        driver = self.drivers.get(network.spec.driver)
        differences = driver.run(call, Driver.check_network, network.for_driver())
        if differences:
            yield Problem(
                f"network {network.name}",
                " ".join(differences),
                "It is made whole.",
                lambda call: self._make_whole(call, network),
            )

    def _make_whole(self, call: Call, network: Network) -> None:
        """Make a network again, unless its driver has restored it meanwhile."""
        driver = self.drivers.get(network.spec.driver)
        if driver.run(call, Driver.check_network, network.for_driver()):
            self.networks.restore(call, network)

    def settle(self, call: Call, network: Network, loose: Sequence[Endpoint]) -> None:
        """Bring a network's endpoints without a sandbox to what it should be, where they are.

        Nobody makes them whole, as they are their callers'; but an UpdateNetwork may have been cut
        off between the kernel and the record.
        """
        self.updates.settle(call, network, loose)

    def sandboxes_of(self, endpoints: Iterable[Endpoint]) -> Mapping[int, str]:
        """Find where the sandboxes of this boot's endpoints are now, by their cookies."""
        this_boot = boot_id()
        return self.host.locate(
            endpoint.place.sandbox
            for endpoint in endpoints
            if endpoint.place.sandbox and endpoint.boot_id == this_boot
        )

    def of_endpoint(
        self, call: Call, network: Network, endpoint: Endpoint, known: Known
    ) -> Iterator[Problem]:
        """Compare an endpoint with its sandbox, its addresses' book and the kernel."""
        if reason := known.why_gone(endpoint):
            yield Problem(
                endpoint.display_name,
                reason,
                GONE_REMEDY,
                lambda call: self.attachments.tear_down(call, (network, endpoint)),
            )
            return
        if sandbox := endpoint.place.sandbox:
            path = known.sandboxes[sandbox.cookie]
            if path != sandbox.path:
                place = replace(endpoint.place, sandbox=replace(sandbox, path=path))
                endpoint = replace(endpoint, place=place)
                yield self._moved(endpoint, sandbox.path)
        if unheld := self.attachments.missing_ports(network, endpoint):
            yield Problem(
                endpoint.display_name,
                " ".join(unheld),
                "They are held again, once nobody else has them.",
                lambda _: self.attachments.reacquire_ports(network, endpoint),
            )
        differences = self._differences(call, network, endpoint, known)
        if endpoint.failure and not differences:
            differences = ["It is on record as failed, and nothing of it is missing any more."]
        if differences:
            yield Problem(
                endpoint.display_name,
                " ".join(differences),
                "It is made whole."
                if endpoint.place.sandbox
                else "Disconnect it and connect it again: its interface is its caller's.",
                (lambda call: self.attachments.restore(call, network, endpoint))
                if endpoint.place.sandbox
                else None,
            )

    def orphans(
        self, call: Call, driver: Plugin[Driver], known: AbstractSet[str]
    ) -> Iterator[Problem]:
        """Find what carries our mark in the kernel and has no record; ``known`` may be old."""
        for orphan in driver.run(call, Driver.orphans, known):
            if not self._is_known(orphan):  # a call may have recorded it while we looked
                yield Problem(
                    orphan.name,
                    f"It carries the mark of {orphan.id[:12]}, of which there is no record.",
                    "It is removed.",
                    partial(_discard, driver, orphan),
                )

    def _is_known(self, orphan: Orphan) -> bool:
        return self.store.networks.has(orphan.id) or self.store.endpoints.has(orphan.id)

    def _moved(self, endpoint: Endpoint, before: str) -> Problem:
        sandbox = endpoint.place.sandbox
        return Problem(
            endpoint.display_name,
            f"Its sandbox is not at {before} any more, but at {sandbox.path if sandbox else ''}.",
            "The new path is recorded.",
            lambda _: self.store.endpoints.put(endpoint),
        )

    def _differences(
        self, call: Call, network: Network, endpoint: Endpoint, known: Known
    ) -> list[str]:
        own = {address.ip for address in endpoint.addresses}
        lost: Sequence[IPAddress] = ()
        if not own <= known.holdings.get(endpoint.owner, frozenset()):
            lost = self.leases.lost(call, network, endpoint)
        driver = self.drivers.get(network.spec.driver)
        return [
            *(f"Its address {address} is not allocated to it." for address in lost),
            *driver.run(call, Driver.check, endpoint.for_driver(network)),
        ]


def _discard(driver: Plugin[Driver], orphan: Orphan, call: Call) -> None:
    driver.run(call, Driver.discard, orphan)

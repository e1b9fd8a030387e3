"""The steps of a start that bring the kernel to the records, before each object is examined."""

from contextlib import suppress
from dataclasses import dataclass

from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.server.calls.call import Call
from mynet.server.network.attachments import Attachments
from mynet.server.network.network_updates import NetworkUpdates
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.checks.endpoint import GONE_RESULT
from mynet.server.reconcile.checks.network import NetworkChecks
from mynet.server.reconcile.findings import Examination, Finding
from mynet.server.reconcile.sandboxes import Observed
from mynet.server.reconcile.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Recovery:
    """Repairs what a boot or a crash has left, many objects at once.

    It takes no locks, because the daemon does not serve yet.
    """

    drivers: Catalog[Driver]
    network_checks: NetworkChecks
    attachments: Attachments
    updates: NetworkUpdates

    def reserve_ports(self, snapshot: Snapshot) -> None:
        """Reserve all published ports first, so that no other program can bind one meanwhile.

        A port that cannot be reserved is found when its endpoint is examined.
        """
        for network in snapshot.ready_networks:
            for endpoint in snapshot.ready_endpoints.get(network.id, ()):
                with suppress(DriverError):
                    self.attachments.reacquire_ports(network, endpoint)

    def restore(self, examination: Examination, snapshot: Snapshot) -> None:
        """Restore all networks, with one call a driver, and record what was missing of them."""
        for driver in self.drivers.usable():
            with examination.step(f"driver {driver.name}") as call:
                self._restore(call, examination, snapshot, driver)

    def complete_updates(self, examination: Examination, snapshot: Snapshot) -> None:
        """Apply the record of each network to its endpoints without a sandbox.

        Their callers have moved the interfaces, so these endpoints are not repaired. But an
        UpdateNetwork may have been cut off between the kernel and the record.
        """
        for network in snapshot.ready_networks:
            endpoints = snapshot.ready_endpoints.get(network.id, ())
            if loose := [endpoint for endpoint in endpoints if not endpoint.place.sandbox]:
                with examination.step(f"network {network.name}") as call:
                    self.updates.settle(call, network, loose)

    def remove_gone(self, examination: Examination, snapshot: Snapshot, observed: Observed) -> None:
        """Remove the endpoints whose sandboxes are gone, with one call a driver: a boot ends all.

        If the call fails, the endpoints are removed one by one later.
        """
        for driver in self.drivers.usable():
            gone = [
                (network, endpoint)
                for network in snapshot.ready_networks_of(driver.name)
                for endpoint in snapshot.ready_endpoints.get(network.id, ())
                if observed.why_gone(endpoint)
            ]
            if gone:
                with examination.step(f"driver {driver.name}") as call:
                    self.attachments.tear_down(call, *gone)
                    for _, endpoint in gone:
                        reason = observed.why_gone(endpoint)
                        examination.record(
                            Finding(endpoint.display_name, reason, GONE_RESULT, repaired=True)
                        )

    def _restore(
        self, call: Call, examination: Examination, snapshot: Snapshot, driver: Plugin[Driver]
    ) -> None:
        problems = [
            problem
            for network in snapshot.ready_networks_of(driver.name)
            for problem in self.network_checks.problems(call, network)
        ]
        try:
            driver.run(call, Driver.restore, snapshot.for_driver(driver.name))
        except DriverError:
            examination.extend(problems)  # one by one, so that one failure leaves the others
            raise
        for problem in problems:
            left = problem.repair.look(call) if problem.repair and problem.repair.look else ()
            found = problem.not_repaired(" ".join(left)) if left else problem.repaired()
            examination.record(found)

"""Examining everything: at a start, before the daemon serves, and by the Doctor RPC.

Interrupted calls come first. Connect and CreateNetwork are rolled back, Disconnect and
DeleteNetwork are completed. Both mean that what the record names is torn down. Then the registry of
subnets is compared with the backends, and the kernel with the records. Each object is examined
under its lock, so that a call that is under way is not taken for an interrupted one.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import structlog

from mynet.drivers.api import Driver, Probe
from mynet.server.calls.call import Call, UnresponsivePlugins
from mynet.server.calls.locks import KeyedLocks
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network, NetworkState
from mynet.server.network.attachments import Attachments
from mynet.server.plugins.catalog import Catalog
from mynet.server.reconcile.checks.daemon import DaemonCheck
from mynet.server.reconcile.checks.endpoint import EndpointChecks
from mynet.server.reconcile.checks.ipam import IpamChecks
from mynet.server.reconcile.checks.network import NetworkChecks
from mynet.server.reconcile.conditions import Conditions
from mynet.server.reconcile.driver_reports import DriverReports
from mynet.server.reconcile.findings import Examination, Finding
from mynet.server.reconcile.recovery import Recovery
from mynet.server.reconcile.sandboxes import Observed, Sandboxes
from mynet.server.reconcile.snapshot import Snapshot
from mynet.server.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_LOCK_TIMEOUT = 1.0  # seconds; then an object is left to the call that holds its lock
_RECOVERY_TIMEOUT = 60.0  # seconds that each step of a start may take


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines and repairs all networks and endpoints."""

    store: Store
    drivers: Catalog[Driver]
    ipam_checks: IpamChecks
    network_checks: NetworkChecks
    endpoint_checks: EndpointChecks
    sandboxes: Sandboxes
    attachments: Attachments
    recovery: Recovery
    conditions: Conditions
    reports: DriverReports
    daemon_checks: Sequence[DaemonCheck]
    locks: KeyedLocks

    def examine(self, examination: Examination) -> None:
        """Examine everything while the daemon serves."""
        snapshot = self._examine_records(examination)
        for network in snapshot.ready_networks:
            self.examine_network(network, examination)
        self._examine_endpoints(examination, snapshot, self._observe(examination, snapshot))
        self._examine_conditions(examination, snapshot)
        self.reports.add_notes(examination, snapshot)
        for check in self.daemon_checks:
            examination.extend(check())

    def probe(self, call: Call, examination: Examination) -> Sequence[Probe]:
        """Send packets between endpoints, gateways and the next hop; return what became of them."""
        return list(self.reports.probe(call, examination, Snapshot(self.store)))

    def recover(self, on_step: Callable[[float], object] = lambda _: None) -> Sequence[Finding]:
        """Repair everything at a start, when the kernel may have nothing of any network.

        A repair that fails is logged and does not prevent the start. A plugin that does not answer
        in time is not asked again. ``on_step`` gets the seconds that the next step may take.
        """
        unresponsive = UnresponsivePlugins()

        def next_call() -> Call:
            on_step(_RECOVERY_TIMEOUT)
            return Call.internal(_RECOVERY_TIMEOUT, unresponsive)

        examination = Examination(next_call, repair=True)
        snapshot = self._examine_records(examination)
        self.recovery.reserve_ports(snapshot)
        self.recovery.restore(examination, snapshot)
        self.recovery.complete_updates(examination, snapshot)
        observed = self._observe(examination, snapshot)
        self.recovery.remove_gone(examination, snapshot, observed)
        self._examine_endpoints(examination, snapshot, observed)
        self._examine_conditions(examination, snapshot)
        repaired = sum(finding.repaired for finding in examination.findings)
        log.info("recovered", found=len(examination.findings), repaired=repaired)
        return examination.findings

    def examine_network(self, network: Network, examination: Examination) -> None:
        """Examine one network as it is now, unless a call is creating or deleting it."""
        with examination.step(f"network {network.name}") as call, self._locked(call, network):
            now = self.store.networks.current(network)
            if now and now.state is NetworkState.READY:
                examination.extend(self.network_checks.problems(call, now))

    def examine_endpoint(
        self, network: Network, endpoint: Endpoint, observed: Observed, examination: Examination
    ) -> None:
        """Examine one endpoint, unless it has changed since ``observed`` was made."""
        with examination.step(endpoint.display_name) as call, self._locked_endpoint(call, endpoint):
            now = self.store.networks.current(network)
            unchanged = self.store.endpoints.current(endpoint) == endpoint
            if now and unchanged and endpoint.is_ready_on(now):
                examination.extend(self.endpoint_checks.problems(call, now, endpoint, observed))

    def note_gone(self, endpoint: Endpoint, reason: str, examination: Examination) -> None:
        """Record that an endpoint's sandbox is gone, unless the endpoint has changed since.

        The endpoint is kept for its caller, who may connect the container again.
        """
        with examination.step(endpoint.display_name) as call, self._locked_endpoint(call, endpoint):
            if self.store.endpoints.current(endpoint) == endpoint:
                self.attachments.fail(endpoint, reason)

    def _examine_records(self, examination: Examination) -> Snapshot:
        """Tear down what interrupted calls left, and compare the records with the backends.

        Return the records as they were before.
        """
        snapshot = Snapshot(self.store)
        self._finish_interrupted(examination, snapshot)
        self.ipam_checks.examine(examination)
        for network in snapshot.ready_networks:
            with examination.step(f"network {network.name}") as call, self._locked(call, network):
                if now := self.store.networks.current(network):
                    examination.extend(self.ipam_checks.of_network(call, now))
        return snapshot

    def _finish_interrupted(self, examination: Examination, snapshot: Snapshot) -> None:
        for network, endpoint in snapshot.placed:
            if not endpoint.is_ready_on(network):
                with (
                    examination.step(endpoint.display_name) as call,
                    self._locked_endpoint(call, endpoint),
                ):
                    now = self.store.networks.current(network)
                    half = self.store.endpoints.current(endpoint)
                    if now and half and not half.is_ready_on(now):
                        examination.add(self.endpoint_checks.interrupted(now, half))
        for network in snapshot.networks:
            if network.state is not NetworkState.READY:
                with (
                    examination.step(f"network {network.name}") as call,
                    self._locked(call, network),
                ):
                    now = self.store.networks.current(network)
                    if now and now.state is not NetworkState.READY:
                        examination.add(self.network_checks.interrupted(now))

    def _observe(self, examination: Examination, snapshot: Snapshot) -> Observed:
        addresses = self.ipam_checks.addresses(examination)
        return self.sandboxes.observe(examination.call(), snapshot.endpoints, addresses)

    def _examine_endpoints(
        self, examination: Examination, snapshot: Snapshot, observed: Observed
    ) -> None:
        """Remove what has no record, and examine each endpoint."""
        ids = {network.id for network in snapshot.networks}
        ids |= {endpoint.id for endpoint in snapshot.endpoints}
        for driver in self.drivers.usable():
            with examination.step(f"driver {driver.name}") as call:
                examination.extend(self.reports.orphans(call, driver, ids))
        for network, endpoint in snapshot.placed:
            self.examine_endpoint(network, endpoint, observed, examination)

    def _examine_conditions(self, examination: Examination, snapshot: Snapshot) -> None:
        """Record what other programs do to networks, after what the daemon could repair."""
        current = map(self.store.networks.current, snapshot.ready_networks)
        with examination.step("conditions") as call:
            networks = [network for network in current if network]
            problems = self.conditions.problems(call, networks, snapshot.ready_endpoints)
            examination.extend(problems)

    def _locked(self, call: Call, network: Network) -> AbstractContextManager[None]:
        """Hold a network's lock exclusively. Raises Busy."""
        return self.locks.exclusive(call.within(_LOCK_TIMEOUT), "network", network.id)

    def _locked_endpoint(self, call: Call, endpoint: Endpoint) -> AbstractContextManager[None]:
        """Hold the locks of an endpoint, as Disconnect does. Raises Busy."""
        return self.locks.endpoint(call.within(_LOCK_TIMEOUT), endpoint)

"""Books and kernel brought together: at start, before the daemon serves, and whenever asked.

Intents without their end first: Connect and CreateNetwork roll back, Disconnect and DeleteNetwork
roll forward. Both come to the same: what the record names is torn down. Then the books against each
other, and the kernel against the books: networks, what carries our mark without a record, and
endpoints. Each object is looked at while its lock is held, so a call that is under way is not taken
for one that has died.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.model.endpoints import Endpoint, EndpointState, with_endpoints
from mynet.server.model.networks import Network, NetworkState
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.checks import GONE_REMEDY, Checkup, Known
from mynet.server.reconcile.conditions import Conditions
from mynet.server.reconcile.findings import Finding, Report
from mynet.server.reconcile.ipam_checks import Books
from mynet.server.reconcile.snapshot import Listing
from mynet.server.store import Store

_PATIENCE = 1.0  # seconds to wait for what a call works on; then it is left to that call


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines all that the daemon answers for."""

    store: Store
    drivers: Catalog[Driver]
    books: Books
    checkup: Checkup
    conditions: Conditions
    locks: KeyedLocks

    def examine(self, report: Report) -> None:
        """Examine everything."""
        listing = self._compare_books(report)
        for network in listing.standing:
            self._examine_network(network, report)
        self._compare_endpoints(report, listing, self._known(report, listing))
        self._look_around(report, listing)

    def recover(self, report: Report) -> None:
        """Examine everything at start, when the kernel may have nothing of any network."""
        listing = self._compare_books(report)
        self._hold_ports(listing)
        for driver in self.drivers.usable():
            with report.step(f"driver {driver.name}") as call:
                self._restore(call, report, listing, driver)
        for network in listing.standing:
            loose = [each for each in listing.whole.get(network.id, ()) if not each.place.sandbox]
            if loose:
                with report.step(f"network {network.name}") as call:
                    self.checkup.settle(call, network, loose)
        known = self._known(report, listing)
        self._bury(report, listing, known)
        self._compare_endpoints(report, listing, known)
        self._look_around(report, listing)

    def suspects(self, call: Call, driver: Plugin[Driver], listing: Listing) -> Collection[str]:
        """Return the ids of what seems damaged to a driver, of what it has.

        Never two at a time for one driver: one that hangs costs no more than one thread.
        """
        networks = [
            with_endpoints(each, listing.whole.get(each.id, ())) for each in listing.of(driver.name)
        ]
        return driver.run(call, Driver.survey, networks, subject="a survey")

    def examinations(self, ids: Collection[str]) -> Iterator[tuple[str, Callable[[Report], None]]]:
        """Yield how to examine each of these networks and endpoints, with the id of each.

        The networks first, those of the endpoints too, as these need them. What has no record, or
        what a call is at work on, is not there; and endpoints that are not in a sandbox any more,
        or never were, are their callers': they may come back for them.
        """
        endpoints = [
            each
            for each in map(self.store.endpoints.get, ids)
            if each and each.state is EndpointState.READY and each.place.sandbox
        ]
        known = Known(self.checkup.sandboxes_of(endpoints), {})
        living = [each for each in endpoints if not known.why_gone(each)]
        networks = {
            network.id: network
            for network in map(
                self.store.networks.get,
                dict.fromkeys([*ids, *(each.network_id for each in living)]),
            )
            if network and network.state is NetworkState.READY
        }
        for network in networks.values():
            yield network.id, partial(self._examine_network, network)
        for endpoint in living:
            if its_own := networks.get(endpoint.network_id):
                yield endpoint.id, partial(self._examine_endpoint, its_own, endpoint, known)

    def _examine_network(self, network: Network, report: Report) -> None:
        """Examine one network as it is now, if it is to stay."""
        with report.step(f"network {network.name}") as call, self._held(call, network):
            now = self.store.networks.current(network)
            if now and now.state is NetworkState.READY:
                report.extend(self.checkup.of_network(call, now))

    def _examine_endpoint(
        self, network: Network, endpoint: Endpoint, known: Known, report: Report
    ) -> None:
        """Examine one endpoint, unless it has changed since ``known`` was asked."""
        with report.step(endpoint.display_name) as call, self._held_with(call, endpoint):
            now = self.store.networks.current(network)
            unchanged = self.store.endpoints.current(endpoint) == endpoint
            if now and unchanged and endpoint.is_ready_on(now):
                report.extend(self.checkup.of_endpoint(call, now, endpoint, known))

    def _compare_books(self, report: Report) -> Listing:
        """Take away what has no end, and compare the books; return what there was."""
        listing = Listing(self.store)  # once: what is taken away from it is seen to be gone
        self._finish(report, listing)
        self.books.examine(report)
        for network in listing.standing:
            with report.step(f"network {network.name}") as call, self._held(call, network):
                if now := self.store.networks.current(network):
                    report.extend(self.books.of_network(call, now))
        return listing

    def _finish(self, report: Report, listing: Listing) -> None:
        """Take away what a call has begun and not ended."""
        for network, endpoint in listing.placed:
            if not endpoint.is_ready_on(network):
                with report.step(endpoint.display_name) as call, self._held_with(call, endpoint):
                    now = self.store.networks.current(network)
                    half = self.store.endpoints.current(endpoint)
                    if now and half and not half.is_ready_on(now):
                        report.add(self.checkup.half_endpoint(now, half))
        for network in listing.networks:
            if network.state is not NetworkState.READY:
                with report.step(f"network {network.name}") as call, self._held(call, network):
                    now = self.store.networks.current(network)
                    if now and now.state is not NetworkState.READY:
                        report.add(self.checkup.half_network(now))

    def _hold_ports(self, listing: Listing) -> None:
        """Hold the ports of all endpoints before anybody else can.

        What is not to be had is found when each is looked at.
        """
        for network in listing.standing:
            for endpoint in listing.whole.get(network.id, ()):
                with contextlib.suppress(DriverError):
                    self.checkup.attachments.reacquire_ports(network, endpoint)

    def _restore(
        self, call: Call, report: Report, listing: Listing, driver: Plugin[Driver]
    ) -> None:
        """Have a driver bring back all that it has; say what of it was not there."""
        networks = listing.of(driver.name)
        ailing = [one for each in networks for one in self.checkup.of_network(call, each)]
        told = [with_endpoints(each, listing.whole.get(each.id, ())) for each in networks]
        try:
            driver.run(call, Driver.restore, told)
        except DriverError:
            report.extend(ailing)  # each by itself: those that can be made are
            raise
        for each in ailing:
            report.note(each.mended())

    def _known(self, report: Report, listing: Listing) -> Known:
        return Known(self.checkup.sandboxes_of(listing.endpoints), self.books.holdings(report))

    def _bury(self, report: Report, listing: Listing, known: Known) -> None:
        """Take away those whose sandboxes are gone, of a driver all at once: a boot ends them all.

        Nothing is held, as nobody else is served yet. What fails is tried again one by one.
        """
        for driver in self.drivers.usable():
            gone = [
                (network, endpoint)
                for network in listing.of(driver.name)
                for endpoint in listing.whole.get(network.id, ())
                if known.why_gone(endpoint)
            ]
            if gone:
                with report.step(f"driver {driver.name}") as call:
                    self.checkup.attachments.tear_down(call, *gone)
                    for _, endpoint in gone:
                        reason = known.why_gone(endpoint)
                        report.note(
                            Finding(endpoint.display_name, reason, GONE_REMEDY, repaired=True)
                        )

    def _compare_endpoints(self, report: Report, listing: Listing, known: Known) -> None:
        ids = {each.id for each in listing.networks} | {each.id for each in listing.endpoints}
        for driver in self.drivers.usable():
            with report.step(f"driver {driver.name}") as call:
                report.extend(self.checkup.orphans(call, driver, ids))
        for network, endpoint in listing.placed:
            self._examine_endpoint(network, endpoint, known, report)

    def _look_around(self, report: Report, listing: Listing) -> None:
        """Tell what others on the host do to networks, after all of ours that could be mended."""
        standing = [now for now in map(self.store.networks.current, listing.standing) if now]
        with report.step("conditions") as call:
            report.extend(self.conditions.problems(call, standing))

    @contextlib.contextmanager
    def _held(self, call: Call, network: Network) -> Iterator[None]:
        """Hold a network alone."""
        with self.locks.exclusive(call.within(_PATIENCE), "network", network.id):
            yield

    @contextlib.contextmanager
    def _held_with(self, call: Call, endpoint: Endpoint) -> Iterator[None]:
        """Hold an endpoint, as Disconnect does."""
        hurried = call.within(_PATIENCE)
        with self.locks.endpoint(hurried, endpoint.spec.container_id, endpoint.network_id):
            yield

"""Books and kernel brought together: at start, before the daemon serves, and whenever asked.

Intents without their end first: Connect and CreateNetwork roll back, Disconnect and DeleteNetwork
roll forward. Both come to the same: what the record names is torn down. Then the books against each
other, and the kernel against the books: networks, what carries our mark without a record, and
endpoints. Each object is looked at while its lock is held, so a call that is under way is not taken
for one that has died.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.server.books import Books
from mynet.server.call import Call
from mynet.server.checkup import Checkup, Known, named
from mynet.server.locks import KeyedLocks
from mynet.server.model import Endpoint, EndpointState, Network, NetworkState
from mynet.server.plugins import Catalog
from mynet.server.report import Report
from mynet.server.store import Store

_PATIENCE = 1.0  # seconds to wait for what a call works on; then it is left to that call


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines all that the daemon answers for."""

    store: Store
    drivers: Catalog[Driver]
    books: Books
    checkup: Checkup
    locks: KeyedLocks

    def examine(self, report: Report) -> None:
        """Examine everything."""
        self._finish(report)
        self._compare_books(report)
        for network in self._networks():
            with report.step(f"network {network.name}") as call, self._held(call, network) as held:
                for each in held:
                    report.extend(self.checkup.of_network(call, each))
        self._compare_endpoints(report)

    def recover(self, report: Report) -> None:
        """Examine everything at start, when the kernel may have nothing of any network."""
        self._finish(report)
        self._compare_books(report)
        on = self._hold_ports()
        for driver in self.drivers.usable():
            networks = [each for each in self._networks() if each.wish.driver == driver.name]
            with report.step(f"driver {driver.name}") as call:
                ailing = [one for each in networks for one in self.checkup.of_network(call, each)]
                told = [each.for_driver(on.get(each.id, ())) for each in networks]
                driver.run(call, Driver.restore, told)
                report.extend(ailing)
        for network in self._networks():
            with report.step(f"network {network.name}") as call, self._held(call, network) as held:
                for each in held:
                    self.checkup.settle(call, each)
        self._compare_endpoints(report)

    def _hold_ports(self) -> Mapping[str, Sequence[Endpoint]]:
        """Hold the ports of all endpoints before anybody else can; return these, by network.

        What is not to be had is found when each is looked at.
        """
        on: dict[str, list[Endpoint]] = {}
        listing = Listing(self.store)
        for endpoint in filter(listing.is_whole, listing.endpoints):
            on.setdefault(endpoint.network_id, []).append(endpoint)
            for network, _ in listing.now(endpoint):
                with contextlib.suppress(DriverError):
                    self.checkup.endpoints.hold_ports(network, endpoint)
        return on

    def _finish(self, report: Report) -> None:
        """Take away what a call has begun and not ended."""
        listing = Listing(self.store)
        for endpoint in listing.endpoints:
            if listing.is_whole(endpoint):
                continue
            with report.step(named(endpoint)) as call, self._held_with(call, endpoint):
                for network, each in listing.now(endpoint):
                    if not _is_whole(network, each):
                        report.add(self.checkup.half_endpoint(network, each))
        unfinished = (
            each for each in self.store.networks.all() if each.state is not NetworkState.READY
        )
        for half in unfinished:
            with report.step(f"network {half.name}") as call, self._held(call, half) as now:
                for found in now:
                    if found.state is not NetworkState.READY:
                        report.add(self.checkup.half_network(found))

    def _compare_books(self, report: Report) -> None:
        self.books.examine(report)
        for network in self._networks():
            with report.step(f"network {network.name}") as call, self._held(call, network) as held:
                for each in held:
                    report.extend(self.books.of_network(call, each))

    def _compare_endpoints(self, report: Report) -> None:
        for driver in self.drivers.usable():
            with report.step(f"driver {driver.name}") as call:
                report.extend(self.checkup.strays(call, driver))
        listing = Listing(self.store)
        known = Known(self.checkup.sandboxes_of(listing.endpoints), self.books.holdings(report))
        for endpoint in listing.endpoints:
            with report.step(named(endpoint)) as call, self._held_with(call, endpoint):
                for network, each in listing.now(endpoint):
                    if each == endpoint and _is_whole(network, each):
                        report.extend(self.checkup.of_endpoint(call, network, each, known))

    def _networks(self) -> Sequence[Network]:
        """Return the networks that stand."""
        return [each for each in self.store.networks.all() if each.state is NetworkState.READY]

    @contextlib.contextmanager
    def _held(self, call: Call, network: Network) -> Iterator[Sequence[Network]]:
        """Hold a network alone, and look whether it is there still."""
        with self.locks.exclusive(call.within(_PATIENCE), "network", network.id):
            yield self.store.networks.with_id(network.id)

    @contextlib.contextmanager
    def _held_with(self, call: Call, endpoint: Endpoint) -> Iterator[None]:
        """Hold an endpoint, as Disconnect does."""
        hurried = call.within(_PATIENCE)
        with (
            self.locks.exclusive(hurried, "container", endpoint.wish.container_id),
            self.locks.shared(hurried, "network", endpoint.network_id),
        ):
            yield


class Listing:
    """All endpoints with their networks, as they were read; what has changed since is read again.

    To read a record takes ten times as long as to see that it has not changed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._networks = {network.id: network for network in store.networks.all()}
        self.endpoints = store.endpoints.all()

    def is_whole(self, endpoint: Endpoint) -> bool:
        """Say whether no call was under way for an endpoint when it was read."""
        network = self._networks.get(endpoint.network_id)
        return network is not None and _is_whole(network, endpoint)

    def now(self, endpoint: Endpoint) -> Sequence[tuple[Network, Endpoint]]:
        """Return an endpoint as it is now, which the caller holds, and its network."""
        network = self._networks.get(endpoint.network_id)
        endpoints, networks = self._store.endpoints, self._store.networks
        if (
            network is not None
            and endpoints.is_newest(endpoint.id, endpoint.revision)
            and networks.is_newest(network.id, network.revision)
        ):
            return [(network, endpoint)]
        return [
            (network, each)
            for each in endpoints.with_id(endpoint.id)
            for network in networks.with_id(each.network_id)
        ]


def _is_whole(network: Network, endpoint: Endpoint) -> bool:
    deleting = network.state is NetworkState.DELETING
    return endpoint.state is EndpointState.READY and not deleting

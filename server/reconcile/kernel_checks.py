"""Comparing one network or one endpoint with the kernel: what differs, and what repairs it.

An endpoint whose sandbox is gone is removed, and its addresses are released. A container that
connects again with the same interface within the subnet's retention gets the same addresses. A
sandbox is gone if its namespace has ended, or if the host has booted since. A namespace lives
without a path where a descriptor or a socket keeps it: the endpoint's links show that it does.
Its cookie identifies a namespace, also if its path has changed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial

from mynet.drivers import api
from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.ipam.api import IPAddress
from mynet.server.addressing.leases import Leases
from mynet.server.calls.call import Call
from mynet.server.errors import MynetError
from mynet.server.host import Host, boot_id
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.network.attachments import Attachments
from mynet.server.network.networks import Networks
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.findings import Problem, Repair
from mynet.server.store import Store

GONE_RESULT = "It is removed, and its addresses are released."


@dataclass(frozen=True, slots=True)
class Observed:
    """What is asked of the host and the backends once for all endpoints.

    It may be out of date, so an address that is missing in it is looked up again.
    """

    # A path to each living sandbox, by the cookie of its namespace.
    sandboxes: Mapping[int, str]
    # The addresses of each network and endpoint, by owner.
    addresses: Mapping[str, AbstractSet[IPAddress]]
    # The ids of the endpoints whose sandboxes live, although no path leads to them.
    out_of_reach: AbstractSet[str] = frozenset()

    def why_gone(self, endpoint: Endpoint) -> str:
        """Return why an endpoint cannot exist any more, or "" where it can."""
        return endpoint.why_gone(boot_id(), self.sandboxes, self.out_of_reach)


@dataclass(frozen=True, slots=True)
class KernelChecks:
    """Compares records with the kernel. The caller holds the lock of what is compared."""

    store: Store
    drivers: Catalog[Driver]
    networks: Networks
    attachments: Attachments
    leases: Leases
    host: Host

    def interrupted_network(self, network: Network) -> Problem:
        """Return the problem of a network that an interrupted call left behind."""
        return Problem(
            f"network {network.name}",
            f"It is {network.state.value}, and no call is under way.",
            _removal(lambda call: self.networks.tear_down(call, network)),
        )

    def interrupted_endpoint(self, network: Network, endpoint: Endpoint) -> Problem:
        """Return the problem of an endpoint that an interrupted call left behind."""
        return Problem(
            endpoint.display_name,
            f"It is {endpoint.state.value} on a network that is {network.state.value}, and no call"
            " is under way.",
            _removal(lambda call: self.attachments.tear_down(call, (network, endpoint))),
        )

    def of_network(self, call: Call, network: Network) -> Iterator[Problem]:
        """Yield the differences between a network and the kernel."""
        look = partial(self._look_at_network, network)
        if differences := look(call):
            yield Problem(
                f"network {network.name}",
                " ".join(differences),
                Repair(
                    "repairs it",
                    "It is repaired.",
                    lambda call: self._repair_network(call, network),
                    look,
                ),
            )

    def _look_at_network(self, network: Network, call: Call) -> Sequence[str]:
        driver = self.drivers.get(network.spec.driver)
        return driver.run(call, Driver.check_network, network.for_driver())

    def _repair_network(self, call: Call, network: Network) -> None:
        """Restore a network, unless its driver has restored it meanwhile."""
        if self._look_at_network(network, call):
            self.networks.repair(call, network)

    def observe(
        self,
        call: Call,
        endpoints: Sequence[Endpoint],
        addresses: Mapping[str, AbstractSet[IPAddress]],
    ) -> Observed:
        """Return where the sandboxes of endpoints are. ``addresses`` are passed on."""
        sandboxes = self._sandboxes_of(endpoints)
        lost: dict[str, list[api.Endpoint]] = {}
        for endpoint in endpoints:
            network = self.store.networks.get(endpoint.network_id)
            if network and endpoint.is_out_of_reach(boot_id(), sandboxes):
                lost.setdefault(network.spec.driver, []).append(endpoint.for_driver(network))
        living = (self._living(call, name, lost[name]) for name in lost)
        return Observed(sandboxes, addresses, frozenset().union(*living))

    def _living(self, call: Call, driver: str, endpoints: Sequence[api.Endpoint]) -> Iterable[str]:
        """Return the ids of those endpoints whose sandboxes live; all if the driver cannot tell."""
        try:
            return self.drivers.get(driver).run(call, Driver.living, endpoints)
        except (DriverError, MynetError):
            return [endpoint.id for endpoint in endpoints]

    def _sandboxes_of(self, endpoints: Iterable[Endpoint]) -> Mapping[int, str]:
        """Return a path to each living sandbox of this boot's endpoints, by cookie."""
        this_boot = boot_id()
        return self.host.sandboxes.locate(
            endpoint.place.sandbox
            for endpoint in endpoints
            if endpoint.place.sandbox and endpoint.boot_id == this_boot
        )

    def of_endpoint(
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
                Repair(
                    "repairs it",
                    "It is repaired.",
                    lambda call: self.attachments.repair(call, network, endpoint),
                    partial(self._look_at_endpoint, network, endpoint),
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
                Repair(
                    "repairs it",
                    "It is repaired.",
                    partial(driver.run, verb=Driver.connect, request=outside),
                    look,
                ),
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

    def _look_at_endpoint(self, network: Network, endpoint: Endpoint, call: Call) -> Sequence[str]:
        driver = self.drivers.get(network.spec.driver)
        return driver.run(call, Driver.check, endpoint.for_driver(network))

    def orphans(
        self, call: Call, driver: Plugin[Driver], known: AbstractSet[str]
    ) -> Iterator[Problem]:
        """Yield what a driver finds in the kernel with the daemon's mark and without a record.

        ``known`` has the ids on record, and may be out of date.
        """
        for orphan in driver.run(call, Driver.orphans, known):
            removal = _removal(partial(driver.run, verb=Driver.discard, request=orphan))
            if orphan.is_copy:
                yield Problem(
                    orphan.name,
                    f"It carries the mark of {orphan.id[:12]}, and another interface does, too.",
                    None if orphan.in_use else removal,
                    "Packets pass it, so it is not removed: find out which program made it, then"
                    " delete it (ip link delete).",
                )
                continue
            # A call may have recorded it meanwhile.
            if not (self.store.networks.has(orphan.id) or self.store.endpoints.has(orphan.id)):
                yield Problem(
                    orphan.name,
                    f"It carries the mark of {orphan.id[:12]}, which is not on record.",
                    None if orphan.in_use else removal,
                    "A container may need it, so it is not removed: restore a backup that has the"
                    " record, or delete it (ip link delete) and connect the container again.",
                )

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
        lost: Sequence[IPAddress] = ()
        if not own <= observed.addresses.get(endpoint.owner, frozenset()):
            lost = self.leases.lost(call, network, endpoint)
        return [
            *(f"Its address {address} is not allocated to it." for address in lost),
            *self._look_at_endpoint(network, endpoint, call),
        ]


def _removal(run: Callable[[Call], object]) -> Repair:
    return Repair("removes it", "It is removed.", run)

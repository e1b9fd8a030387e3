"""Which endpoints' sandboxes exist: at a path, out of reach of any path, or not any more.

A sandbox is gone if its namespace has ended, or if the host has booted since. A namespace lives
without a path where a descriptor or a socket keeps it: the endpoint's links show that it does. Its
cookie identifies a namespace, also if its path has changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mynet.drivers import api
from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.ipam.api import IPAddress
from mynet.server.calls.call import Call
from mynet.server.errors import MynetError
from mynet.server.host import Host, boot_id
from mynet.server.model.endpoints import Endpoint
from mynet.server.plugins.catalog import Catalog
from mynet.server.store import Store


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
class Sandboxes:
    """Finds the sandboxes of endpoints, with one question for all of them."""

    store: Store
    drivers: Catalog[Driver]
    host: Host

    def observe(
        self,
        call: Call,
        endpoints: Sequence[Endpoint],
        addresses: Mapping[str, AbstractSet[IPAddress]],
    ) -> Observed:
        """Return where the sandboxes of endpoints are. ``addresses`` are passed on."""
        sandboxes = self._locate(endpoints)
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

    def _locate(self, endpoints: Iterable[Endpoint]) -> Mapping[int, str]:
        """Return a path to each living sandbox of this boot's endpoints, by cookie."""
        this_boot = boot_id()
        return self.host.sandboxes.locate(
            endpoint.place.sandbox
            for endpoint in endpoints
            if endpoint.place.sandbox and endpoint.boot_id == this_boot
        )

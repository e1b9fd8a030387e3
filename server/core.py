"""Putting the core together: what the gRPC services call, and nothing of gRPC in it."""

from dataclasses import dataclass

from mynet.drivers.api import Driver
from mynet.ipam.api import Backend
from mynet.server.addresses import AddressBook
from mynet.server.endpoints import Endpoints
from mynet.server.host import Host
from mynet.server.leases import Leases
from mynet.server.locks import KeyedLocks
from mynet.server.networks import Networks
from mynet.server.planning import Planner
from mynet.server.plugins import Catalog
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class Core:
    """What the services call."""

    networks: Networks
    endpoints: Endpoints
    book: AddressBook
    drivers: Catalog[Driver]
    backends: Catalog[Backend]


def assemble(
    store: Store, drivers: Catalog[Driver], backends: Catalog[Backend], host: Host
) -> Core:
    """Wire the core up over a store, the plugins and the host's kernel."""
    locks = KeyedLocks()
    planner = Planner(store, drivers, host)
    book = AddressBook(store, backends, locks)
    leases = Leases(backends, book, locks)
    endpoints = Endpoints(store, drivers, leases, locks, host, planner)
    networks = Networks(store, drivers, backends, leases, endpoints, locks, planner)
    return Core(networks, endpoints, book, drivers, backends)

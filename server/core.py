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
from mynet.server.ports import Ports
from mynet.server.registry import Registry
from mynet.server.store import Store
from mynet.server.subnets import Defaults
from mynet.server.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Core:
    """What the services call."""

    networks: Networks
    endpoints: Endpoints
    registry: Registry
    book: AddressBook
    transfer: Transfer
    drivers: Catalog[Driver]
    backends: Catalog[Backend]


def assemble(
    store: Store,
    drivers: Catalog[Driver],
    backends: Catalog[Backend],
    host: Host,
    defaults: Defaults,
) -> Core:
    """Wire the core up over a store, the plugins and the host's kernel."""
    locks = KeyedLocks()
    planner = Planner(store, drivers, host)
    registry = Registry(store, backends, locks, host, defaults)
    leases = Leases(backends, registry, locks)
    endpoints = Endpoints(store, drivers, leases, locks, host, planner, Ports(host))
    return Core(
        Networks(store, drivers, backends, leases, endpoints, locks, planner, registry),
        endpoints,
        registry,
        AddressBook(store, backends, locks, registry),
        Transfer(store, backends, locks, registry),
        drivers,
        backends,
    )

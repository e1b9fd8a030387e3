"""Assembles the core, which the gRPC services call and which does not know gRPC."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mynet.drivers.api import Driver
from mynet.ipam.api import Backend
from mynet.server.addressing.allocation_list import AllocationList
from mynet.server.addressing.allocations import Allocations
from mynet.server.addressing.import_export import ImportExport
from mynet.server.addressing.leases import Leases
from mynet.server.addressing.releases import Releases
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.locks import KeyedLocks
from mynet.server.calls.parallel import Parallel
from mynet.server.host import Host
from mynet.server.model.subnets import Defaults
from mynet.server.network.attachments import Attachments
from mynet.server.network.connector import Connector
from mynet.server.network.endpoint_updates import EndpointUpdates
from mynet.server.network.endpoints import Endpoints
from mynet.server.network.network_updates import NetworkUpdates
from mynet.server.network.networks import Networks
from mynet.server.network.planning import Planner
from mynet.server.network.port_allocator import PortAllocator
from mynet.server.network.selectors import EndpointFinder
from mynet.server.plugins.catalog import Catalog
from mynet.server.reconcile.checks.daemon import DaemonCheck
from mynet.server.reconcile.checks.endpoint import EndpointChecks
from mynet.server.reconcile.checks.ipam import IpamChecks
from mynet.server.reconcile.checks.network import NetworkChecks
from mynet.server.reconcile.conditions import Conditions
from mynet.server.reconcile.doctor import Doctor
from mynet.server.reconcile.driver_reports import DriverReports
from mynet.server.reconcile.recovery import Recovery
from mynet.server.reconcile.sandboxes import Sandboxes
from mynet.server.state.backup import Backups
from mynet.server.state.directory import StateDir
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class Core:
    """The parts of the core that the services call."""

    networks: Networks
    conditions: Conditions
    network_updates: NetworkUpdates
    connector: Connector
    endpoints: Endpoints
    endpoint_updates: EndpointUpdates
    subnets: SubnetRegistry
    allocations: Allocations
    releases: Releases
    allocation_list: AllocationList
    import_export: ImportExport
    doctor: Doctor
    backups: Backups
    drivers: Catalog[Driver]
    backends: Catalog[Backend]
    parallel: Parallel


def assemble(
    state: StateDir,
    store: Store,
    drivers: Catalog[Driver],
    backends: Catalog[Backend],
    host: Host,
    defaults: Defaults,
    backup_dir: Path | None = None,
    daemon_checks: Sequence[DaemonCheck] = (),
) -> Core:
    """Return a core over a state directory and its store, the plugins, and the host's kernel.

    ``daemon_checks`` are what the doctor asks about the daemon itself.
    """
    locks = KeyedLocks()
    finder = EndpointFinder(store)
    planner = Planner(store, drivers, host)
    versions = host.host.ip_versions()
    registry = SubnetRegistry(store, backends, locks, host, defaults, versions)
    leases = Leases(backends, registry, locks)
    ports = PortAllocator(store, host)
    attachments = Attachments(store, drivers, leases, ports)
    parallel = Parallel()
    endpoints = Endpoints(store, locks, attachments, finder, parallel)
    connector = Connector(store, drivers, leases, locks, host, planner, attachments, finder)
    networks = Networks(store, drivers, backends, leases, endpoints, locks, planner, registry)
    network_updates = NetworkUpdates(store, drivers, locks)
    ipam_checks = IpamChecks(store, backends, registry, locks)
    conditions = Conditions(drivers)
    network_checks = NetworkChecks(drivers, networks)
    doctor = Doctor(
        store=store,
        drivers=drivers,
        ipam_checks=ipam_checks,
        network_checks=network_checks,
        endpoint_checks=EndpointChecks(store, drivers, attachments, leases),
        sandboxes=Sandboxes(store, drivers, host),
        attachments=attachments,
        recovery=Recovery(drivers, network_checks, attachments, network_updates),
        conditions=conditions,
        reports=DriverReports(store, drivers),
        daemon_checks=daemon_checks,
        locks=locks,
    )
    return Core(
        networks=networks,
        conditions=conditions,
        network_updates=network_updates,
        connector=connector,
        endpoints=endpoints,
        endpoint_updates=EndpointUpdates(store, drivers, locks, ports, attachments, finder),
        subnets=registry,
        allocations=Allocations(store, backends, locks, registry),
        releases=Releases(store, backends, locks, registry),
        allocation_list=AllocationList(store, backends),
        import_export=ImportExport(store, backends, locks, registry),
        doctor=doctor,
        backups=Backups(state, backup_dir),
        drivers=drivers,
        backends=backends,
        parallel=parallel,
    )

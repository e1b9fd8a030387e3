"""A daemon in the process of the tests, with its real server, core and store."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.ipam.api import Backend
from mynet.ipam.errors import IpamError, StoreUnavailable
from mynet.ipam.sqlite.database import Database
from mynet.server.core import assemble
from mynet.server.host import Host
from mynet.server.model.subnets import AddressPool, Defaults
from mynet.server.plugins.catalog import Catalog, CatalogEntry, Plugin
from mynet.server.plugins.executor import PluginExecutor
from mynet.server.state.directory import StateDir
from mynet.server.store import Store
from mynet.v1 import ipam_pb2, network_pb2, network_pb2_grpc
from tests.server.support import requests, servers
from tests.server.support.ipam_client import IpamClient

INSTANCE = "0011223344556677"
SECONDS = 10.0  # what a call may take, unless a test gives its own
POOLS = (AddressPool(ip_network("10.192.0.0/16"), 24), AddressPool(ip_network("fd77::/48"), 64))
# Without a cooldown, so that what was given back can be taken again at once.
DEFAULTS = Defaults(POOLS, cooldown=0.0, retention=3600.0)


class Daemon:
    """A daemon over the host, drivers and backends of a test."""

    def __init__(
        self,
        folder: Path,
        host: Host,
        drivers: Catalog[Driver],
        backends: Catalog[Backend],
        *,
        seconds: float = SECONDS,
        serving: bool = True,
        defaults: Defaults = DEFAULTS,
        backup_dir: Path | None = None,
    ) -> None:
        self.drivers, self.backends = drivers, backends
        self._is_closed = False
        state = StateDir(folder, INSTANCE)
        self.store = Store(folder / "mynet.db")
        self.core = assemble(state, self.store, drivers, backends, host, defaults, backup_dir)
        self._server = servers.take()
        self._server.begin(self.core, seconds)
        self.server, self.channel = self._server.server, self._server.channel
        self.address = self._server.address
        self.net = network_pb2_grpc.NetworkServiceStub(self.channel)
        self.ipam = IpamClient(self.channel)
        if serving:
            self.server.serve()

    def close(self) -> None:
        """Close the daemon, once. A test ends its hangs before."""
        if self._is_closed:
            return
        self._is_closed = True
        servers.give_back(self._server)
        assert all(catalog.close(5) for catalog in (self.drivers, self.backends))
        self.store.close()

    def network(self, name: str = "web", *cidrs: str, **fields: Any) -> network_pb2.Network:
        """Create a network, on 10.1.0.0/24 by default."""
        return self.net.CreateNetwork(requests.create(name, *cidrs, **fields)).network

    def update(self, network: str = "web", **fields: Any) -> network_pb2.Network:
        """Change a network, web by default."""
        return self.net.UpdateNetwork(requests.change(network, **fields)).network

    def delete(self, name: str = "web", *, force: bool = False) -> None:
        """Delete a network."""
        self.net.DeleteNetwork(network_pb2.DeleteNetworkRequest(network=name, force=force))

    def networks(self) -> list[network_pb2.Network]:
        """List the networks."""
        return list(self.net.ListNetworks(network_pb2.ListNetworksRequest()).networks)

    def connect(self, container: str = "c1", **fields: Any) -> network_pb2.Endpoint:
        """Connect a container, to network web by default."""
        return self.net.Connect(requests.connect(container, **fields)).endpoint

    def update_endpoint(self, container: str = "c1", **fields: Any) -> network_pb2.Endpoint:
        """Change a container's endpoint, on network web by default."""
        return self.net.UpdateEndpoint(requests.change_endpoint(container, **fields)).endpoint

    def disconnect(self, container: str = "c1", **fields: Any) -> list[network_pb2.Endpoint]:
        """Disconnect a container."""
        request = network_pb2.DisconnectRequest(container_id=container, **fields)
        return list(self.net.Disconnect(request).endpoints)

    def endpoints(self) -> list[network_pb2.Endpoint]:
        """List the endpoints."""
        return list(self.net.ListEndpoints(network_pb2.ListEndpointsRequest()).endpoints)

    def problems(self, endpoint: str) -> list[str]:
        """Return the differences between an endpoint and the kernel."""
        request = network_pb2.CheckEndpointRequest(endpoint=endpoint)
        return list(self.net.CheckEndpoint(request).problems)

    def allocate(self, subnet: str = "10.9.0.0/24", **fields: Any) -> ipam_pb2.Allocation:
        """Allocate an address."""
        return self.ipam.AllocateAddress(requests.allocate(subnet, **fields)).allocation

    def release(self, subnet: str, address: str, **fields: Any) -> ipam_pb2.Allocation:
        """Release an address."""
        request = ipam_pb2.ReleaseAddressRequest(subnet=subnet, address=address, **fields)
        return self.ipam.ReleaseAddress(request).allocation

    def allocate_batch(self, subnet: str = "10.9.0.0/24", **fields: Any) -> list[str]:
        """Allocate several addresses at once."""
        request = ipam_pb2.BatchAllocateAddressesRequest(subnet=subnet, **fields)
        return [
            allocation.address
            for allocation in self.ipam.BatchAllocateAddresses(request).allocations
        ]

    def release_owner(self, owner: str) -> list[str]:
        """Release all addresses of an owner."""
        request = ipam_pb2.ReleaseOwnerRequest(owner=owner)
        return [allocation.address for allocation in self.ipam.ReleaseOwner(request).allocations]

    def create_subnet(self, cidr: str = "10.9.0.0/24", **fields: Any) -> ipam_pb2.Subnet:
        """Create a subnet."""
        return self.ipam.CreateSubnet(requests.create_subnet(cidr, **fields)).subnet

    def delete_subnet(self, cidr: str = "10.9.0.0/24", *, allow_missing: bool = False) -> None:
        """Delete a subnet."""
        request = ipam_pb2.DeleteSubnetRequest(subnet=cidr, allow_missing=allow_missing)
        self.ipam.DeleteSubnet(request)

    def subnet(self, cidr: str = "10.9.0.0/24") -> ipam_pb2.Subnet:
        """Return a subnet."""
        return self.ipam.GetSubnet(ipam_pb2.GetSubnetRequest(subnet=cidr)).subnet

    def subnets(self) -> list[str]:
        """Return the CIDRs of all subnets."""
        answer = self.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest())
        return [subnet.cidr for subnet in answer.subnets]

    @contextlib.contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Limit the time of calls."""
        front = self.server.front
        before, front.seconds = front.seconds, seconds
        yield
        front.seconds = before

    def queue(self, kind: str) -> int:
        """Return how many calls hold or want the lock of that kind that is wanted most."""
        states = dict(self.core.networks.locks._states)
        return max(
            (s.users for key, s in states.items() if kind in cast("tuple[str]", key)), default=0
        )

    def broken_write(
        self, number: int = 0, *, times: int = 1
    ) -> contextlib.AbstractContextManager[None]:
        """Make writes of the store fail; see :func:`broken_write`."""
        return broken_write(self.store._database, number, times=times)


@contextlib.contextmanager
def broken_write(database: Database, number: int = 0, *, times: int = 1) -> Iterator[None]:
    """Make ``times`` writes to a database fail, from the ``number``-th on, counted from 0."""
    seen = itertools.count()

    def check() -> None:
        if number <= next(seen) < number + times:
            raise StoreUnavailable("the disk is full", resource="mynet.db")

    with _before_each_write(database, check):
        yield


@contextlib.contextmanager
def counted_writes(database: Database) -> Iterator[Counter[str]]:
    """Count the writes to a database, as "writes"."""
    counter: Counter[str] = Counter()
    with _before_each_write(database, lambda: counter.update(["writes"])):
        yield counter


@contextlib.contextmanager
def _before_each_write(database: Database, act: Callable[[], object]) -> Iterator[None]:
    def watched(write: Callable[[Any], Any], work: Any) -> Any:
        act()
        return write(work)

    names = [verb.__name__ for verb in (Database.write, Database.write_alone)]
    for name in names:
        setattr(database, name, partial(watched, getattr(database, name)))
    try:
        yield
    finally:
        for name in names:
            delattr(database, name)


def list_driver(driver: Driver) -> CatalogEntry[Driver]:
    """List a driver as one that was loaded."""
    name = driver.info.name
    plugin = Plugin(name, driver, PluginExecutor(f"driver {name}", DriverError))
    return CatalogEntry(name, "mynetd", "0.1.0", plugin)


def list_backend(backend: Backend) -> CatalogEntry[Backend]:
    """List a backend as one that was loaded."""
    name = backend.info.name
    plugin = Plugin(name, backend, PluginExecutor(f"backend {name}", IpamError))
    return CatalogEntry(name, "mynetd", "0.1.0", plugin)

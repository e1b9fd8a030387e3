"""The steps that attach an endpoint and detach it: ports, addresses, and the driver.

The caller must hold the endpoint's lock and run these steps in order. No step takes a lock of the
core, except that of a subnet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mynet.drivers import api
from mynet.drivers.api import Driver
from mynet.drivers.errors import DriverError
from mynet.drivers.linux.links.mac import mac_from
from mynet.ipam.errors import IpamError
from mynet.server.addressing.leases import Leases
from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.rollback import never_began, rollback
from mynet.server.errors import PluginTimeout
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.network.port_allocator import PortAllocator
from mynet.server.plugins.catalog import Catalog
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class Attachments:
    """Attaches, repairs and removes endpoints."""

    store: Store
    drivers: Catalog[Driver]
    leases: Leases
    ports: PortAllocator

    def record(self, network: Network, endpoint: Endpoint) -> Endpoint:
        """Allocate a new endpoint's ports and record it. From then on it is removed by its record.

        Raises what PortAllocator.allocate and EndpointRecords.add raise.
        """
        most = self.drivers.get(network.spec.driver).implementation.info.most_endpoints
        endpoint = self.ports.allocate(network, endpoint, endpoint.spec.ports)
        try:
            return self.store.endpoints.add(endpoint, network.versions, most=most)
        except BaseException:
            self.ports.release(endpoint.id)
            raise

    def finish(self, call: Call, network: Network, endpoint: Endpoint) -> Endpoint:
        """Allocate a recorded endpoint's addresses and connect it; return it as recorded, READY.

        Raises CallerGone, and what backend and driver raise. The caller must roll back then.
        """
        made = self._with_addresses(call, network, endpoint)
        self._run(call, Driver.connect, network, made)
        require_caller(call)
        return self.store.endpoints.put_ready(made)

    def repair(self, call: Call, network: Network, endpoint: Endpoint) -> Endpoint:
        """Allocate an endpoint's lost addresses and connect it again; return it as recorded.

        Where that fails, the reason stays on record until it succeeds. Raises AddressInUse where
        another owner has one of its addresses by now, and SandboxNotFound.
        """
        try:
            self.leases.hold(call, network, endpoint)
            self._run(call, Driver.connect, network, endpoint)
        except (DriverError, IpamError, PluginTimeout) as error:
            with rollback(error, f"record why endpoint {endpoint.id} failed"):
                self._remember(endpoint, str(error))
            raise
        return self._remember(endpoint, "")

    def fail(self, endpoint: Endpoint, reason: str) -> None:
        """Record why an endpoint does not work, until it is connected again or repaired."""
        self._remember(endpoint, reason)

    def reacquire_ports(self, network: Network, endpoint: Endpoint) -> None:
        """Reserve the ports on an endpoint's record, as far as possible.

        Raises PortInUse where another program has one of them.
        """
        for failure in self.ports.reacquire(network, endpoint):
            raise failure

    def differences(self, call: Call, network: Network, endpoint: Endpoint) -> Sequence[str]:
        """Return how kernel and host differ from an endpoint, a sentence each."""
        driver = self.drivers.get(network.spec.driver)
        differences = driver.run(call, Driver.check, endpoint.for_driver(network))
        return [*differences, *self.ports.missing(network, endpoint)]

    def notes(self, call: Call, network: Network, endpoint: Endpoint) -> Sequence[str]:
        """Return which parts of an endpoint are not compared, a sentence each."""
        driver = self.drivers.get(network.spec.driver)
        return driver.run(call, Driver.endpoint_notes, endpoint.for_driver(network))

    def detach(self, call: Call, network: Network, endpoint: Endpoint) -> None:
        """Remove an endpoint from the kernel. Its addresses, ports and record stay."""
        self._run(call, Driver.disconnect, network, endpoint)

    def update(self, call: Call, network: Network, endpoint: Endpoint) -> None:
        """Bring an endpoint's ports and options in the kernel to its record."""
        self._run(call, Driver.update_endpoint, network, endpoint)

    def tear_down(self, call: Call, *attached: tuple[Network, Endpoint]) -> None:
        """Remove all that is left of endpoints, as their records name it."""
        for network, endpoint in attached:
            self.detach(call, network, endpoint)
        self.forget(call, *attached)

    def forget(self, call: Call, *attached: tuple[Network, Endpoint]) -> None:
        """Give back the addresses, records and ports of endpoints that are not in the kernel.

        An address is released only when the link that had it is gone, and a port only when it is on
        no record. Many endpoints take one commit of each file, as one endpoint does.
        """
        self.leases.give_back(call, attached)
        self.store.endpoints.remove(*(endpoint for _, endpoint in attached))
        for _, endpoint in attached:
            self.ports.release(endpoint.id)

    def roll_back(self, call: Call, network: Network, endpoint: Endpoint, error: Exception) -> None:
        """Tear down an endpoint that an error has kept from being connected or disconnected."""
        remove = self.forget if never_began(error) else self.tear_down
        with rollback(error, f"remove endpoint {endpoint.id}"):
            remove(call.for_rollback(), (network, endpoint))

    def _remember(self, endpoint: Endpoint, failure: str) -> Endpoint:
        if endpoint.failure == failure:
            return endpoint
        return self.store.endpoints.put(replace(endpoint, failure=failure))

    def _run(
        self,
        call: Call,
        verb: Callable[[Driver, api.Call, api.Endpoint], None],
        network: Network,
        endpoint: Endpoint,
    ) -> None:
        driver = self.drivers.get(network.spec.driver)
        driver.run(call, verb, endpoint.for_driver(network), subject=f"endpoint {endpoint.id}")

    def _with_addresses(self, call: Call, network: Network, endpoint: Endpoint) -> Endpoint:
        driver = self.drivers.get(network.spec.driver)
        versions = driver.implementation.info.address_versions(endpoint.spec.options)
        addresses = self.leases.take(call, network, endpoint, versions)
        gateways = {
            subnet.cidr.version: subnet.gateway
            for address in reversed(addresses)
            for subnet in network.subnets
            if address.ip in subnet.cidr and subnet.gateway and not network.spec.internal
        }
        return replace(
            endpoint,
            addresses=addresses,
            gateways=tuple(gateways[version] for version in sorted(gateways)),
            mac_address=endpoint.spec.mac_address
            or self._derived_mac(endpoint, f"{network.id} {addresses[0].ip}"),
        )

    def _derived_mac(self, endpoint: Endpoint, seed: str) -> str:
        """Return the MAC address of a seed, or of a longer one where another endpoint has it."""
        mac = mac_from(seed)
        while self.store.endpoints.has_mac(endpoint.network_id, mac, but_for=endpoint.id):
            seed += "'"
            mac = mac_from(seed)
        return mac

"""Plans what a request leaves open, before anything is created.

The intent that is recorded first names every link that will be created. So a crash at any later
instant leaves nothing whose name is not on record.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count

from mynet.drivers.api import IPV6, Driver, Sandbox
from mynet.server.host import Host, boot_id
from mynet.server.model import endpoints as model
from mynet.server.model.networks import Network, NetworkSpec, NetworkState
from mynet.server.model.subnets import MIN_MTU_IPV6
from mynet.server.plugins.catalog import Catalog
from mynet.server.store import Store

_NAME_LENGTH = 15  # characters in a device's name: IFNAMSIZ of linux/if.h, less the final zero
# The default-route metrics of one gateway priority. They are so many that endpoints which come and
# go do not use them up, and the lowest is above the usual metrics of routes that others add.
_METRICS = 1_000_000


@dataclass(frozen=True, slots=True)
class Planner:
    """Chooses ids, device names, MTU and metrics that are free at this moment."""

    store: Store
    drivers: Catalog[Driver]
    host: Host

    def network(self, spec: NetworkSpec) -> Network:
        """Return a planned network; its subnets follow as it is recorded. Raises DriverNotFound."""
        prefix = self.drivers.get(spec.driver).implementation.info.device_prefix
        network_id = secrets.token_hex(32)
        return Network(
            id=network_id,
            spec=spec,
            subnets=(),
            interface=spec.interface or self._device_name(prefix, spec.name, network_id),
            mtu=spec.mtu or self._mtu(spec),
            state=NetworkState.CREATING,
            create_time=datetime.now(UTC),
        )

    def endpoint(
        self, network: Network, spec: model.EndpointSpec, place: model.Place
    ) -> model.Endpoint:
        """Return a planned endpoint; its addresses and MAC address follow as they are allocated."""
        prefix = self.drivers.get(network.spec.driver).implementation.info.port_prefix
        endpoint_id = secrets.token_hex(32)
        return model.Endpoint(
            id=endpoint_id,
            network_id=network.id,
            network=network.name,
            spec=spec,
            interface=spec.interface or self._inner_name(endpoint_id, place.sandbox),
            host_interface=prefix and prefix + endpoint_id[: _NAME_LENGTH - len(prefix)],
            mtu=network.mtu,
            route_metric=self._next_metric(place.sandbox, spec.gateway_priority),
            state=model.EndpointState.CONNECTING,
            create_time=datetime.now(UTC),
            place=place,
            boot_id=boot_id(),
            ports=spec.ports,
        )

    def moved(self, existing: model.Endpoint, place: model.Place) -> model.Endpoint:
        """Return an endpoint planned into another sandbox; it keeps its names and addresses."""
        return replace(
            existing,
            place=place,
            boot_id=boot_id(),
            route_metric=self._next_metric(place.sandbox, existing.spec.gateway_priority),
            state=model.EndpointState.CONNECTING,
            taken=(),  # it was READY, so the addresses that it took over are its own
            failure="",
        )

    def _mtu(self, spec: NetworkSpec) -> int:
        """Return the MTU of the uplink, and with an IPv6 subnet at least what IPv6 needs."""
        uplink = self.host.host.uplink_mtu()
        has_ipv6 = any(subnet.version == IPV6 for subnet in spec.subnets)
        return max(uplink, MIN_MTU_IPV6) if has_ipv6 else uplink

    def _device_name(self, prefix: str, name: str, network_id: str) -> str:
        if not prefix:
            return ""
        readable = prefix + name
        taken = (
            len(readable) > _NAME_LENGTH
            or self.host.links.has_device(readable)
            or self.store.networks.has_interface(readable)
        )
        return prefix + network_id[:12] if taken else readable

    def _inner_name(self, endpoint_id: str, sandbox: Sandbox | None) -> str:
        """Return the first name of eth0, eth1, ... that neither the sandbox nor a record has."""
        if sandbox is None:
            return "cif-" + endpoint_id[:11]
        taken = {endpoint.interface for endpoint in self.store.endpoints.of_sandbox(sandbox.cookie)}
        names = (name for name in map("eth{}".format, count()) if name not in taken)
        return self.host.sandboxes.free_name(sandbox, names)

    def _next_metric(self, sandbox: Sandbox | None, gateway_priority: int) -> int:
        """Return a metric for the default routes; the kernel prefers the lowest.

        Every priority has its own metrics. So an endpoint that comes later with a higher priority
        goes first, and no route of the others has to change. Of equal priorities, the endpoint that
        was connected first stays first.
        """
        others = self.store.endpoints.of_sandbox(sandbox.cookie) if sandbox else ()
        taken = {other.route_metric for other in others}
        first = (model.MAX_GATEWAY_PRIORITY + 1 - gateway_priority) * _METRICS
        own = range(first, first + _METRICS)
        last = max((metric for metric in taken if metric in own), default=first - 1)
        free = (metric for metric in chain(range(last + 1, own.stop), own) if metric not in taken)
        return next(free)

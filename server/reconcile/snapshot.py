"""All networks and endpoints on record at one moment."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from mynet.drivers import api as drivers
from mynet.server.model.endpoints import Endpoint, with_endpoints
from mynet.server.model.networks import Network, NetworkState
from mynet.server.store import Store


class Snapshot:
    """The records at one moment. A record may have changed since, and is then read again.

    To read a record takes ten times as long as to see that it has not changed, so unchanged records
    are taken from the snapshot ``before``.
    """

    def __init__(self, store: Store, before: "Snapshot | None" = None) -> None:
        if before is None:
            self.networks, self.endpoints = store.networks.all(), store.endpoints.all()
        else:
            self.networks = store.networks.refreshed(before.networks)
            self.endpoints = store.endpoints.refreshed(before.endpoints)

    @property
    def ready_networks(self) -> Sequence[Network]:
        """The networks in state READY."""
        return [network for network in self.networks if network.state is NetworkState.READY]

    def ready_networks_of(self, driver: str) -> Sequence[Network]:
        """Return the networks of a driver in state READY."""
        return [network for network in self.ready_networks if network.spec.driver == driver]

    def for_driver(self, driver: str) -> Sequence[drivers.Network]:
        """Return these networks as their driver gets them, together with their endpoints."""
        return [
            with_endpoints(network, self.ready_endpoints.get(network.id, ()))
            for network in self.ready_networks_of(driver)
        ]

    @cached_property
    def placed(self) -> Sequence[tuple[Network, Endpoint]]:
        """The endpoints, each with its network; without those of networks made since."""
        networks = {network.id: network for network in self.networks}
        return [
            (networks[endpoint.network_id], endpoint)
            for endpoint in self.endpoints
            if endpoint.network_id in networks
        ]

    @cached_property
    def ready_endpoints(self) -> Mapping[str, Sequence[Endpoint]]:
        """The endpoints that no call was changing, by the ids of their networks."""
        ready: dict[str, list[Endpoint]] = {}
        for network, endpoint in self.placed:
            if endpoint.is_ready_on(network):
                ready.setdefault(network.id, []).append(endpoint)
        return ready

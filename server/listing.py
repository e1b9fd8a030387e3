"""All networks and endpoints as they were read at one moment, for who looks at each of them."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from mynet.server.model import Endpoint, EndpointState, Network, NetworkState
from mynet.server.store import Store


class Listing:
    """What was read; what has changed since is read again, when it is its turn.

    To read a record takes ten times as long as to see that it has not changed. So what an earlier
    listing has read (``before``) is taken from there.
    """

    def __init__(self, store: Store, before: "Listing | None" = None) -> None:
        self._store = store
        if before is None:
            networks, self.endpoints = store.networks.all(), store.endpoints.all()
        else:
            networks = store.networks.renewed(before.networks)
            self.endpoints = store.endpoints.renewed(before.endpoints)
        self._networks = {network.id: network for network in networks}

    @property
    def networks(self) -> Sequence[Network]:
        """All networks, whatever their state."""
        return tuple(self._networks.values())

    @property
    def standing(self) -> Sequence[Network]:
        """The networks that were READY."""
        return [each for each in self.networks if each.state is NetworkState.READY]

    def of(self, driver: str) -> Sequence[Network]:
        """Return the networks of a driver that were READY."""
        return [each for each in self.standing if each.wish.driver == driver]

    @cached_property
    def whole(self) -> Mapping[str, Sequence[Endpoint]]:
        """The endpoints that no call was under way for, by the ids of their networks."""
        found: dict[str, list[Endpoint]] = {}
        for endpoint in self.endpoints:
            network = self._networks.get(endpoint.network_id)
            if network is not None and is_whole(network, endpoint):
                found.setdefault(network.id, []).append(endpoint)
        return found

    def network_now(self, network: Network) -> Sequence[Network]:
        """Return a network as it is now, which the caller holds; none where it is gone."""
        if self._store.networks.is_newest(network.id, network.revision):
            return [network]
        return self._store.networks.with_id(network.id)

    def endpoint_now(self, endpoint: Endpoint) -> Sequence[tuple[Network, Endpoint]]:
        """Return an endpoint as it is now, which the caller holds, and its network."""
        network = self._networks.get(endpoint.network_id)
        if network is not None and self._store.endpoints.is_newest(endpoint.id, endpoint.revision):
            return [(each, endpoint) for each in self.network_now(network)]
        return [
            (each_network, each)
            for each in self._store.endpoints.with_id(endpoint.id)
            for each_network in self._store.networks.with_id(each.network_id)
        ]


def is_whole(network: Network, endpoint: Endpoint) -> bool:
    """Say whether an endpoint is READY, on a network that is to stay."""
    deleting = network.state is NetworkState.DELETING
    return endpoint.state is EndpointState.READY and not deleting

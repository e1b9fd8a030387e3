"""All networks and endpoints as they were read at one moment, for who looks at each of them."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network, NetworkState
from mynet.server.store import Store


class Listing:
    """What was read; what has changed since is read again, when it is its turn.

    To read a record takes ten times as long as to see that it has not changed. So what an earlier
    listing has read (``before``) is taken from there.
    """

    def __init__(self, store: Store, before: "Listing | None" = None) -> None:
        if before is None:
            self.networks, self.endpoints = store.networks.all(), store.endpoints.all()
        else:
            self.networks = store.networks.refreshed(before.networks)
            self.endpoints = store.endpoints.refreshed(before.endpoints)

    @property
    def standing(self) -> Sequence[Network]:
        """The networks that were READY."""
        return [each for each in self.networks if each.state is NetworkState.READY]

    def of(self, driver: str) -> Sequence[Network]:
        """Return the networks of a driver that were READY."""
        return [each for each in self.standing if each.spec.driver == driver]

    @cached_property
    def placed(self) -> Sequence[tuple[Network, Endpoint]]:
        """The endpoints, each with its network: it is missing where that was made only now."""
        networks = {network.id: network for network in self.networks}
        return [
            (networks[endpoint.network_id], endpoint)
            for endpoint in self.endpoints
            if endpoint.network_id in networks
        ]

    @cached_property
    def whole(self) -> Mapping[str, Sequence[Endpoint]]:
        """The endpoints that no call was under way for, by the ids of their networks."""
        found: dict[str, list[Endpoint]] = {}
        for network, endpoint in self.placed:
            if endpoint.is_ready_on(network):
                found.setdefault(network.id, []).append(endpoint)
        return found

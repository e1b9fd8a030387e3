"""Finding the endpoints that a selector means."""

from collections.abc import Sequence

from mynet.server.errors import Ambiguous, EndpointNotFound, quoted
from mynet.server.model.endpoints import Endpoint, EndpointSelector, EndpointSpec
from mynet.server.model.networks import Network
from mynet.server.store import Store


class EndpointFinder:
    """Looks endpoints up by id prefix, by network and container, or by container."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def one(self, selector: EndpointSelector) -> Endpoint:
        """Return the endpoint meant. Raises EndpointNotFound and Ambiguous."""
        found = self._matching(selector)
        if len(found) > 1:
            interfaces = ", ".join(endpoint.interface for endpoint in found)
            raise Ambiguous(
                f"{_shown(selector)} fits several endpoints ({interfaces}); give more digits of"
                " the id, or the interface",
                resource=_shown(selector),
            )
        return found[0]

    def several(self, selector: EndpointSelector) -> Sequence[Endpoint]:
        """Return the endpoints meant: one, or with the container alone all that it has."""
        if selector.endpoint or selector.network:
            return [self.one(selector)]
        return self._matching(selector)

    def same_key(self, network: Network, spec: EndpointSpec) -> Endpoint | None:
        """Return the endpoint that a Connect means, if there is one.

        Without an interface that is the container's endpoint on the network; where it has several
        there, the one that was made without naming an interface, else the oldest.
        """
        of_container = [
            endpoint
            for endpoint in self._store.endpoints.of_container(spec.container_id)
            if endpoint.network_id == network.id and spec.interface in ("", endpoint.interface)
        ]
        of_container.sort(key=lambda endpoint: bool(endpoint.spec.interface))
        return of_container[0] if of_container else None

    def _matching(self, selector: EndpointSelector) -> Sequence[Endpoint]:
        if selector.endpoint:
            found = self._store.endpoints.by_id_prefix(selector.endpoint)
        else:
            found = self._store.endpoints.of_container(selector.container_id)
        if selector.network:
            network = self._store.networks.find(selector.network)
            found = [endpoint for endpoint in found if endpoint.network_id == network.id]
        if selector.interface:
            found = [endpoint for endpoint in found if endpoint.interface == selector.interface]
        if not found:
            raise EndpointNotFound(
                f"there is no {_shown(selector)}; ListEndpoints (mynetctl endpoint ls) shows those"
                " there are, with their ids",
                resource=_shown(selector),
            )
        return found


def _shown(selector: EndpointSelector) -> str:
    if selector.endpoint:
        return f"endpoint {quoted(selector.endpoint)}"
    where = f" on network {quoted(selector.network)}" if selector.network else ""
    which = f" as {quoted(selector.interface)}" if selector.interface else ""
    return f"endpoint of container {quoted(selector.container_id)}{where}{which}"

"""Finds the endpoints that a selector selects, and refuses networks that are not READY."""

from collections.abc import Sequence
from dataclasses import dataclass

from mynet.server.errors import Ambiguous, Busy, EndpointNotFound, quoted
from mynet.server.model.endpoints import Endpoint, EndpointSelector, EndpointSpec
from mynet.server.model.networks import Network, NetworkState
from mynet.server.model.scopes import Scope
from mynet.server.store import Store
from mynet.server.store.visible import Visible


@dataclass(frozen=True, slots=True)
class EndpointFinder:
    """Finds endpoints by id prefix, by network and container, or by container."""

    store: Store

    def one(self, selector: EndpointSelector, scope: Scope) -> Endpoint:
        """Return the selected endpoint. Raises EndpointNotFound, NetworkNotFound and Ambiguous.

        Endpoints on networks outside the scope count as missing.
        """
        endpoints = self._matching(selector, scope)
        if len(endpoints) > 1:
            interfaces = ", ".join(endpoint.interface for endpoint in endpoints)
            raise Ambiguous(
                f"{_shown(selector)} fits several endpoints ({interfaces}); give more digits of"
                " the id, or the interface",
                resource=_shown(selector),
            )
        return endpoints[0]

    def several(self, selector: EndpointSelector, scope: Scope) -> Sequence[Endpoint]:
        """Return the selected endpoints: one, or all of a container that is named alone.

        Raises EndpointNotFound, NetworkNotFound and Ambiguous.
        """
        if selector.endpoint or selector.network:
            return [self.one(selector, scope)]
        return self._matching(selector, scope)

    def same_key(self, network: Network, spec: EndpointSpec) -> Endpoint | None:
        """Return the existing endpoint that a Connect refers to, or None.

        Without an interface that is the container's endpoint on the network. Of several, it is the
        one that was connected without naming an interface, else the oldest.
        """
        of_container = [
            endpoint
            for endpoint in self.store.endpoints.of_container(spec.container_id)
            if endpoint.network_id == network.id and spec.interface in ("", endpoint.interface)
        ]
        of_container.sort(key=lambda endpoint: bool(endpoint.spec.interface))
        return of_container[0] if of_container else None

    def _matching(self, selector: EndpointSelector, scope: Scope) -> Sequence[Endpoint]:
        visible = Visible(self.store, scope)
        if selector.endpoint:
            endpoints = self.store.endpoints.by_id_prefix(selector.endpoint)
        else:
            endpoints = self.store.endpoints.of_container(selector.container_id)
        if selector.network:
            network = visible.network(selector.network)
            endpoints = [endpoint for endpoint in endpoints if endpoint.network_id == network.id]
        if selector.interface:
            endpoints = [
                endpoint for endpoint in endpoints if endpoint.interface == selector.interface
            ]
        endpoints = [endpoint for endpoint in endpoints if visible.has_network(endpoint.network_id)]
        if not endpoints:
            raise EndpointNotFound(
                f"there is no {_shown(selector)}; ListEndpoints (mynetctl endpoint ls) shows all"
                " endpoints with their ids",
                resource=_shown(selector),
            )
        return endpoints


def require_ready(network: Network) -> None:
    """Raise Busy for a network that is being created or deleted."""
    if network.state is not NetworkState.READY:
        raise Busy(
            f"network {network.name} is {network.state.value}; call again when that is done, or"
            " delete it again if it stays so",
            resource=f"network {network.name}",
        )


def _shown(selector: EndpointSelector) -> str:
    if selector.endpoint:
        return f"endpoint {quoted(selector.endpoint)}"
    where = f" on network {quoted(selector.network)}" if selector.network else ""
    which = f" as {quoted(selector.interface)}" if selector.interface else ""
    return f"endpoint of container {quoted(selector.container_id)}{where}{which}"

"""The networks and subnets that a caller may see. For it, no others exist."""

from collections.abc import Sequence

from mynet.ipam.api import IPNetwork
from mynet.server.model.networks import Network
from mynet.server.model.scopes import Scope
from mynet.server.model.subnets import RegisteredSubnet
from mynet.server.store import Store
from mynet.server.store.subnet_errors import subnet_not_found


class Visible:
    """What of a store is in a scope. It is made for one call.

    A subnet and its addresses are in the scope if their network is. A subnet without a network is
    in no scope but that of everything.
    """

    def __init__(self, store: Store, scope: Scope) -> None:
        self._store = store
        self._scope = scope
        self._known: dict[str, bool] = {"": False}

    def network(self, selector: str) -> Network:
        """Return a network by id, name or id prefix. Raises NetworkNotFound and Ambiguous."""
        return self._store.networks.find(selector, self._scope)

    def has_network(self, network_id: str) -> bool:
        """Return whether the caller may see the network with that id."""
        if self._scope.is_everything:
            return True
        if network_id not in self._known:
            network = self._store.networks.get(network_id)
            self._known[network_id] = bool(
                network and self._scope.has(network.name, network.spec.labels)
            )
        return self._known[network_id]

    def subnet(self, cidr: IPNetwork) -> RegisteredSubnet:
        """Return a subnet. Raises SubnetNotFound."""
        subnet = self._store.subnets.find(cidr)
        if not self.has_network(subnet.network_id):
            raise subnet_not_found(cidr)
        return subnet

    def require_subnet(self, cidr: IPNetwork) -> None:
        """Raise SubnetNotFound for a subnet outside the scope, also if it is not registered.

        A caller that may see everything can register it.
        """
        if not self._scope.is_everything:
            self.subnet(cidr)

    def subnets(self) -> Sequence[RegisteredSubnet]:
        """Return all subnets that the caller may see, IPv4 first, by address."""
        return [
            subnet for subnet in self._store.subnets.all() if self.has_network(subnet.network_id)
        ]

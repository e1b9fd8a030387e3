"""What a principal that is bound to networks may not do with a network of its own."""

from collections.abc import Mapping

from mynet.server.errors import OutOfScope, quoted
from mynet.server.model.callers import Caller
from mynet.server.model.networks import NetworkSpec
from mynet.server.store import Store


def require_in_scope(caller: Caller, name: str, labels: Mapping[str, str]) -> None:
    """Raise OutOfScope if a caller may not have a network with that name and these labels."""
    if not caller.scope.has(name, labels):
        raise OutOfScope(
            f"{quoted(caller.name)} may only have networks {caller.scope}, and {quoted(name)} would"
            " be none of them; give it such a name and such labels, or let [roles] of mynetd's"
            " configuration give the principal more networks",
            resource=f"network {name}",
            metadata={"networks": str(caller.scope)},
        )


def require_no_adoption(store: Store, caller: Caller, spec: NetworkSpec) -> None:
    """Raise OutOfScope if a bound caller names a subnet that belongs to no network.

    Such a subnet, with its addresses, is not the caller's to take over.
    """
    if caller.scope.is_everything:
        return
    for cidr in (subnet.cidr for subnet in spec.subnets if subnet.cidr):
        registered = store.subnets.get(cidr)
        if registered and not registered.network_id:
            raise OutOfScope(
                f"{cidr} is registered without a network, and {quoted(caller.name)} may not take it"
                " over; choose another subnet",
                resource=f"subnet {cidr}",
                metadata={"networks": str(caller.scope)},
            )

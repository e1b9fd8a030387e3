"""The role that each method requires. A test fails if a method of the API has none."""

from mynet.server.errors import OutOfScope, RoleMissing, quoted
from mynet.server.model.callers import Caller, Listener, Role

_NETWORKS, _IPAM = "/mynet.v1.NetworkService/", "/mynet.v1.IPAMService/"

REQUIRED = {
    f"{_NETWORKS}CreateNetwork": Role.ADMIN,
    f"{_NETWORKS}GetNetwork": Role.READER,
    f"{_NETWORKS}ListNetworks": Role.READER,
    f"{_NETWORKS}UpdateNetwork": Role.ADMIN,
    f"{_NETWORKS}DeleteNetwork": Role.ADMIN,
    f"{_NETWORKS}Connect": Role.OPERATOR,
    f"{_NETWORKS}BatchConnect": Role.OPERATOR,
    f"{_NETWORKS}UpdateEndpoint": Role.OPERATOR,
    f"{_NETWORKS}Disconnect": Role.OPERATOR,
    f"{_NETWORKS}BatchDisconnect": Role.OPERATOR,
    f"{_NETWORKS}GetEndpoint": Role.READER,
    f"{_NETWORKS}ListEndpoints": Role.READER,
    f"{_NETWORKS}CheckEndpoint": Role.READER,
    f"{_NETWORKS}ListDrivers": Role.READER,
    f"{_NETWORKS}Doctor": Role.ADMIN,  # it repairs, and a probe sends packets
    f"{_NETWORKS}Backup": Role.ADMIN,
    f"{_IPAM}CreateSubnet": Role.ADMIN,
    f"{_IPAM}DeleteSubnet": Role.ADMIN,
    f"{_IPAM}AllocateAddress": Role.OPERATOR,
    f"{_IPAM}BatchAllocateAddresses": Role.OPERATOR,
    f"{_IPAM}ReleaseAddress": Role.OPERATOR,
    f"{_IPAM}ReleaseOwner": Role.OPERATOR,
    f"{_IPAM}ListAllocations": Role.READER,
    f"{_IPAM}GetSubnet": Role.READER,
    f"{_IPAM}GetSubnetMap": Role.READER,
    f"{_IPAM}ListSubnets": Role.READER,
    f"{_IPAM}ExportSubnets": Role.READER,
    f"{_IPAM}ImportSubnets": Role.ADMIN,
    f"{_IPAM}ListBackends": Role.READER,
}


# These concern the whole host, or subnets without a network. A principal that is bound to networks
# may not call them, whatever its role.
WHOLE_HOST = {
    f"{_NETWORKS}Doctor",
    f"{_NETWORKS}Backup",
    f"{_IPAM}CreateSubnet",
    f"{_IPAM}DeleteSubnet",
    f"{_IPAM}ImportSubnets",
}


def may_change(path: str) -> bool:
    """Return whether a method may change something: each that needs more than the role reader."""
    return REQUIRED[path] > Role.READER


def require_role(path: str, caller: Caller, listener: Listener) -> None:
    """Raise RoleMissing or OutOfScope if a caller of a listener may not call a method."""
    required = REQUIRED[path]
    if caller.role < required:
        raise RoleMissing(
            f"{path.rpartition('/')[2]} needs the role {required.name.lower()}, and"
            f" {_why_not(caller, listener, required)}",
            resource=f"role {required.name.lower()}",
            metadata={"role": caller.role.name.lower(), "required": required.name.lower()},
        )
    if path in WHOLE_HOST and not caller.scope.is_everything:
        raise OutOfScope(
            f"{path.rpartition('/')[2]} concerns more than networks, and {quoted(caller.principal)}"
            f" is bound to networks {caller.scope}; call with a principal that [roles] does not"
            " bind to networks",
            metadata={"networks": str(caller.scope)},
        )


def _why_not(caller: Caller, listener: Listener, required: Role) -> str:
    """Return why a caller has another role, and what to do."""
    if listener.role < required:
        return (
            f"callers of this address have the role {listener.role.name.lower()} at most; call an"
            " address that gives that role"
        )
    if not caller.principal:
        return "the caller's certificate has no name; issue one with a DNS name or a URI"
    return (
        f"{quoted(caller.principal)} has the role {caller.role.name.lower()}; give it that role in"
        " [roles] of mynetd's configuration"
    )

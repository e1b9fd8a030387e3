"""The errors of the core. Those of the contracts are in ``drivers/errors`` and ``ipam/errors``.

::

    MynetError
    ├── InvalidArgument      the request has violations; the error has all of them
    ├── Ambiguous            an id prefix or selector that fits several objects
    ├── NotFound
    │   ├── NetworkNotFound, EndpointNotFound, SubnetNotFound
    │   └── DriverNotFound, BackendNotFound
    ├── NetworkExists        the name is taken
    ├── EndpointExists       the container is connected already, with another spec
    ├── NetworkInUse         endpoints are on it
    ├── SubnetExists         the subnet is registered already
    ├── SubnetOverlap        another subnet has some of these addresses
    ├── SubnetInUse          a network uses it, or addresses of it are allocated
    ├── PoolsExhausted       no subnet is left in the default pools
    ├── AddressOwned         an endpoint's or a gateway's address is not released by hand
    ├── Busy                 another call is changing the object
    ├── Starting, ShuttingDown
    ├── RoleMissing          the role of the caller does not allow the call
    ├── OutOfScope           the call concerns other networks than those of the principal
    ├── TlsTooOld            the caller's connection has a version of TLS before 1.3
    ├── LimitExceeded        a request exceeds a limit of the daemon
    ├── CallerGone           the caller does not wait for the reply any more
    ├── PluginTimeout        a plugin did not answer in time
    ├── CannotStart          the daemon refuses to start
    └── CannotRestore        a backup is not restored

``services/status.py`` maps each to one gRPC status. A message says what was asked, what stands in
the way and what to do.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from mynet.drivers.errors import PortInUse
from mynet.drivers.linux.values.ports import Binding

_SHOWN = 64  # characters of a caller's text in a message
_FEW = 3  # items of a list in a message


def quoted(value: str) -> str:
    """Return a caller's text for a message: in quotes, shortened, on one line and in ASCII."""
    shown = ascii(value[: _SHOWN + 1])
    return shown if len(shown) <= _SHOWN + 2 else f"{shown[: _SHOWN - 2]}...'"


def first_few(items: Sequence[str], separator: str) -> str:
    """Return the first items for a message, and how many more there are."""
    shown = [*items[:_FEW]]
    if len(items) > _FEW:
        shown.append(f"and {len(items) - _FEW} more")
    return separator.join(shown)


class MynetError(Exception):
    """Base of the core's errors. Its fields are those of ``mynet.ipam.errors.IpamError``."""

    # In seconds; 0 where waiting does not help.
    retry_after: float = 0.0

    def __init__(
        self,
        message: str,
        *,
        resource: str = "",
        holder: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.resource = resource
        self.holder = holder
        self.metadata: Mapping[str, str] = dict(metadata or {})


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a request is invalid."""

    # The path of the field in the request, such as network.subnets[0].cidr.
    field: str
    # A sentence.
    description: str


class InvalidArgument(MynetError):
    """The request is malformed or contradicts itself; the error has all violations."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        sentences = [f"{violation.field}: {violation.description}" for violation in violations]
        super().__init__(f"the request is invalid: {first_few(sentences, '; ')}")
        self.violations = tuple(violations)


class Ambiguous(MynetError):
    """A prefix or selector fits several objects; ``resource`` begins with the field's name."""

    @property
    def violations(self) -> Sequence[Violation]:
        """The violation of the field that is ambiguous."""
        return (Violation(self.resource.partition(" ")[0], str(self)),)


class NotFound(MynetError):
    """Base of the errors for an object that does not exist."""


class NetworkNotFound(NotFound):
    """The network does not exist."""


class EndpointNotFound(NotFound):
    """The endpoint does not exist."""


class SubnetNotFound(NotFound):
    """The subnet is not registered."""


class DriverNotFound(NotFound):
    """The network driver is not installed, or was refused when the daemon started."""


class BackendNotFound(NotFound):
    """The IPAM backend is not installed, or was refused when the daemon started."""


class NetworkExists(MynetError):
    """There is a network of that name already."""


class EndpointExists(MynetError):
    """The container is on that network already, connected with another spec."""


class NetworkInUse(MynetError):
    """Endpoints are on the network."""


class SubnetOverlap(MynetError):
    """Another registered subnet has some of the addresses."""


class SubnetExists(MynetError):
    """The subnet is registered already."""


class SubnetInUse(MynetError):
    """A network uses the subnet, or addresses of it are allocated."""


class PoolsExhausted(MynetError):
    """No subnet of the size that was asked for is left in the default pools."""


class AddressOwned(MynetError):
    """The address belongs to an endpoint or a network, and is released with it."""


class Busy(MynetError):
    """Another call is changing or deleting the object."""

    retry_after = 0.5


class Starting(MynetError):
    """The daemon is still bringing the host to its records."""

    retry_after = 1.0


class ShuttingDown(MynetError):
    """The daemon takes no new calls."""

    retry_after = 2.0


class RoleMissing(MynetError):
    """The role of the caller does not allow the call."""


class OutOfScope(MynetError):
    """The principal is bound to networks, and the call concerns others or the whole host."""


class TlsTooOld(MynetError):
    """The connection of the caller has a version of TLS before 1.3."""


class LimitExceeded(MynetError):
    """A request exceeds a limit of the daemon, which docs/mynetd.md documents."""

    def __init__(self, limit: str, value: object, advice: str, *, retry_after: float = 0.0) -> None:
        super().__init__(
            f"the request exceeds the limit {limit} of this mynetd, {value}: {advice}",
            resource=f"limit {limit}",
            metadata={"limit": limit, "value": str(value)},
        )
        self.retry_after = retry_after


class CallerGone(MynetError):
    """The caller cancelled, or went away; what was made for it is rolled back."""


class PluginTimeout(MynetError):
    """A plugin did not answer in time."""

    def __init__(self, message: str, pending: Future[Any] | None, *, resource: str) -> None:
        super().__init__(message, resource=resource)
        # The verb that still runs, or None where it never began.
        self.pending = pending


class CannotStart(MynetError):
    """The state directory, the network namespace or an address to listen on is not available."""


class CannotRestore(MynetError):
    """A file is not a backup that this mynetd can restore, or its target is in use."""


NO_THREAD = (
    "the host lets mynetd start no more threads; raise the limit (systemd: TasksMax=; in a"
    " container: --pids-limit; ulimit -u)"
)


def is_without_thread(error: RuntimeError) -> bool:
    """Return whether Python raised an error because the system started no thread."""
    return "start new thread" in str(error)


def port_in_use(binding: Binding, holder: str, metadata: Mapping[str, str]) -> PortInUse:
    """Return the error for a port of the host that ``holder`` has; it may be ""."""
    return PortInUse(
        f"{binding} of this host is taken by {holder or 'another program'}; publish another port,"
        " leave the choice to mynetd (host port 0), or free this one",
        resource=f"port {binding.port}/{binding.protocol.value}",
        holder=holder,
        metadata=metadata,
    )

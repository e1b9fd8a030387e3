"""What the core refuses. The contracts' own errors are in ``drivers/errors`` and ``ipam/errors``.

::

    MynetError
    ├── InvalidArgument      faults in the request, all of them at once
    ├── Ambiguous            an id prefix or selector that fits several objects
    ├── NotFound
    │   ├── NetworkNotFound, EndpointNotFound, SubnetNotFound
    │   └── DriverNotFound, BackendNotFound
    ├── NetworkExists        the name is taken
    ├── EndpointExists       the container is connected already, with another spec
    ├── NetworkInUse         endpoints are on it
    ├── SubnetExists         the subnet is in the book already
    ├── SubnetOverlap        another subnet has some of these addresses
    ├── SubnetInUse          a network uses it, or somebody has an address of it
    ├── PoolsExhausted       no subnet is left in the default pools
    ├── AddressOwned         an endpoint's or a gateway's address is not released by hand
    ├── Busy                 another call is changing the object
    ├── Starting, ShuttingDown
    ├── CallerGone           nobody waits for the answer any more
    ├── PluginTimeout        a plugin did not answer in time
    ├── CannotStart          the daemon refuses to start
    └── CannotRestore        a backup is not restored

``services/status.py`` turns each into one gRPC status. A message says what was asked, what stands
in the way and what to do.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from mynet.drivers.errors import PortInUse
from mynet.drivers.linux.values.ports import Binding

_SHOWN = 64


def quoted(value: str) -> str:
    """Show a caller's text in a message: in quotes, shortened, on one line and in ASCII."""
    shown = ascii(value[: _SHOWN + 1])
    return shown if len(shown) <= _SHOWN + 2 else f"{shown[: _SHOWN - 2]}...'"


class MynetError(Exception):
    """Base of what the core refuses; fields as in ``mynet.ipam.errors.IpamError``.

    ``retry_after`` is in seconds; 0 where waiting does not help.
    """

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
    """One fault: the field's path in the request (``network.subnets[0].cidr``), and a sentence."""

    field: str
    description: str


class InvalidArgument(MynetError):
    """The request is malformed or contradicts itself; ``violations`` has every fault found."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        shown = "; ".join(f"{fault.field}: {fault.description}" for fault in violations[:3])
        more = f"; and {len(violations) - 3} more" if len(violations) > 3 else ""  # noqa: PLR2004
        super().__init__(f"the request has faults: {shown}{more}")
        self.violations = tuple(violations)


class Ambiguous(MynetError):
    """A prefix or selector fits several objects; ``resource`` begins with the field's name."""

    @property
    def violations(self) -> Sequence[Violation]:
        """The fault, at the field that is ambiguous."""
        return (Violation(self.resource.partition(" ")[0], str(self)),)


class NotFound(MynetError):
    """Base of the errors for what is not there."""


class NetworkNotFound(NotFound):
    """No such network."""


class EndpointNotFound(NotFound):
    """No such endpoint."""


class SubnetNotFound(NotFound):
    """No such subnet in the book."""


class DriverNotFound(NotFound):
    """No such network driver, or it was refused when the daemon started."""


class BackendNotFound(NotFound):
    """No such IPAM backend, or it was refused when the daemon started."""


class NetworkExists(MynetError):
    """A network of that name is there already."""


class EndpointExists(MynetError):
    """The container is on that network already, connected with another spec."""


class NetworkInUse(MynetError):
    """Endpoints are on the network."""


class SubnetOverlap(MynetError):
    """Another subnet in the book has some of the addresses."""


class SubnetExists(MynetError):
    """The subnet is in the book already."""


class SubnetInUse(MynetError):
    """A network uses the subnet, or somebody has an address of it."""


class PoolsExhausted(MynetError):
    """No subnet of the size that was asked for is left in the default pools."""


class AddressOwned(MynetError):
    """The address belongs to an endpoint or a network, which alone gives it back."""


class Busy(MynetError):
    """Another call is changing or deleting the object."""

    retry_after = 0.5


class Starting(MynetError):
    """The daemon is still bringing the host to what its books say."""

    retry_after = 1.0


class ShuttingDown(MynetError):
    """The daemon takes no new calls."""

    retry_after = 2.0


class CallerGone(MynetError):
    """The caller cancelled, or went away; what was made for it is undone."""


class PluginTimeout(MynetError):
    """A plugin did not answer in time.

    ``pending`` is the verb that still runs, or None where it never began.
    """

    def __init__(self, message: str, pending: Future[Any] | None, *, resource: str) -> None:
        super().__init__(message, resource=resource)
        self.pending = pending


class CannotStart(MynetError):
    """The state directory, the network namespace or an address to listen on is not to be had."""


class CannotRestore(MynetError):
    """A file is no backup that this mynetd can restore, or there is no place for it."""


def port_in_use(binding: Binding, holder: str, metadata: Mapping[str, str]) -> PortInUse:
    """Return the error for a port of the host that ``holder`` has; it may be ""."""
    return PortInUse(
        f"{binding} of this host is taken by {holder or 'another program'}; publish another port,"
        " leave the choice to mynetd (host port 0), or end what has it",
        resource=f"port {binding.port}/{binding.protocol.value}",
        holder=holder,
        metadata=metadata,
    )

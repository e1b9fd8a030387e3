"""What a driver may raise. Anything else that leaves a driver is reported as its own bug.

::

    DriverError                    the driver failed (DRIVER_ERROR)
    ├── CapabilityUnsupported      it cannot do what was asked
    ├── InvalidOptions             option values it cannot use
    ├── SandboxNotFound            the namespace is not there, or is not a network namespace
    ├── InterfaceExists            the name is taken by something that is not ours
    ├── PortInUse                  the host's port is another's
    ├── PortsExhausted             no port is left to choose, or no descriptor to hold it with
    ├── BridgeFull                 the network takes no more endpoints
    ├── PrivilegeMissing           the kernel wants a capability the daemon lacks
    └── KernelError                the kernel refused

The daemon turns each of them into one gRPC status (``server/services/status.py``), so a message is
written for the person who made the call: what was asked, what stands in the way, what to do.
"""

from collections.abc import Mapping


class DriverError(Exception):
    """Base of everything a driver raises on purpose.

    ``resource`` names the object in the way (``"interface br-web"``), ``holder`` whoever has it;
    ``metadata`` is what a program needs to act on the error, all strings.
    """

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


class CapabilityUnsupported(DriverError):
    """The driver, or this kernel, cannot do what was asked."""


class InvalidOptions(DriverError):
    """Option values that the driver cannot use; ``violations`` maps each key to what is wrong."""

    def __init__(self, message: str, violations: Mapping[str, str]) -> None:
        super().__init__(message, metadata=violations)
        self.violations = dict(violations)


class SandboxNotFound(DriverError):
    """The sandbox's namespace is gone, was replaced by another, or was never one."""


class InterfaceExists(DriverError):
    """A device of that name stands there and is not ours; it was left as it is."""


class PortInUse(DriverError):
    """Another endpoint, or another program of the host, has the port; ``holder`` says who."""


class PortsExhausted(DriverError):
    """No port is left to choose, or no file descriptor to hold one with."""


class BridgeFull(DriverError):
    """The bridge, or the network, takes no more endpoints; ``metadata["limit"]`` is how many."""


class PrivilegeMissing(DriverError):
    """The kernel answered EPERM; ``metadata["capability"]`` names what the daemon lacks."""


class KernelError(DriverError):
    """The kernel refused; ``metadata["errno"]`` is the symbolic name, such as ``ENOSPC``."""

"""The exceptions that a driver may raise. Any other is reported as a fault of the driver.

::

    DriverError                    the driver failed (DRIVER_ERROR)
    ├── CapabilityUnsupported      the driver or the kernel cannot do what was asked
    ├── InvalidOptions             the driver cannot use the values of options
    ├── SandboxNotFound            the namespace does not exist or is not a network namespace
    ├── InterfaceExists            another device has the name
    ├── PortInUse                  another endpoint or another program has the host's port
    ├── PortsExhausted             no port is left to choose, or no descriptor to reserve one with
    ├── BridgeFull                 the network takes no more endpoints
    ├── PrivilegeMissing           the daemon lacks a capability that the kernel requires
    └── KernelError                the kernel refused

The daemon turns each of them into one gRPC status (``server/services/status.py``). The person who
made the call reads the message, so it says what was asked, what stands in the way and what to do.
"""

from collections.abc import Mapping


class DriverError(Exception):
    """Base of all exceptions that a driver raises on purpose."""

    # The object in the way: "interface br-web".
    resource: str
    # The endpoint or program that has the resource, or "".
    holder: str
    # What a program needs to act on the error.
    metadata: Mapping[str, str]

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
        self.metadata = dict(metadata or {})


class CapabilityUnsupported(DriverError):
    """The driver, or this kernel, cannot do what was asked."""


class InvalidOptions(DriverError):
    """The driver cannot use the values of options."""

    # A sentence for each of these options, by its key.
    violations: Mapping[str, str]

    def __init__(self, message: str, violations: Mapping[str, str]) -> None:
        super().__init__(message, metadata=violations)
        self.violations = dict(violations)


class SandboxNotFound(DriverError):
    """The sandbox's namespace was deleted or replaced, or the path never led to one."""


class InterfaceExists(DriverError):
    """Another device has the name. The driver has not changed that device."""


class PortInUse(DriverError):
    """Another endpoint or another program of the host has the port; ``holder`` names it."""


class PortsExhausted(DriverError):
    """No port is left to choose, or no file descriptor is left to reserve one with."""


class BridgeFull(DriverError):
    """The bridge or the network takes no more endpoints; ``metadata["limit"]`` is how many."""


class PrivilegeMissing(DriverError):
    """The kernel answered EPERM; ``metadata["capability"]`` names what the daemon lacks."""


class KernelError(DriverError):
    """The kernel refused; ``metadata["errno"]`` is the symbolic name, such as ``ENOSPC``."""

"""What an IPAM backend may raise. Anything else that leaves one is reported as its own bug.

::

    IpamError                      the backend failed (BACKEND_ERROR)
    ├── SubnetNotFound             no such subnet is open here
    ├── SubnetInUse                it still has allocations
    ├── SubnetExhausted            no address is free
    ├── AllocationNotFound         nobody holds that address
    ├── AddressInUse               somebody else holds it
    ├── AddressReserved            it is never handed out (network, broadcast, anycast, rules)
    ├── AddressOutOfRange          it is not in the subnet
    ├── OwnerMismatch              it is held, but by another owner than the caller named
    ├── StoreUnavailable           the disk is full or failing; nothing was changed
    └── StoreDamaged               a file is not what it should be; it was left as it is

The daemon turns each of them into one gRPC status (``server/services/status.py``), so a message is
written for the person who made the call: what was asked, what stands in the way, what to do.
"""

from collections.abc import Mapping


class IpamError(Exception):
    """Base of everything a backend raises on purpose.

    ``resource`` names the object in the way (``"address 10.1.0.2"``), ``holder`` who has it;
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


class SubnetNotFound(IpamError):
    """No such subnet is open in this backend."""


class SubnetInUse(IpamError):
    """The subnet still has allocations, so it is not closed."""


class SubnetExhausted(IpamError):
    """Every address of the subnet that can be handed out is, or cools down.

    ``retry_after`` says in how many seconds as many have cooled down as were asked for; 0 where
    waiting is no help.
    """

    def __init__(
        self,
        message: str,
        *,
        resource: str = "",
        holder: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message, resource=resource, holder=holder, metadata=metadata)
        self.retry_after = retry_after


class AllocationNotFound(IpamError):
    """Nobody holds that address."""


class AddressInUse(IpamError):
    """The address asked for is held by somebody else: ``holder``."""


class AddressReserved(IpamError):
    """The address is never handed out: network, broadcast, subnet-router anycast, or reserved."""


class AddressOutOfRange(IpamError):
    """The address asked for does not lie in the subnet."""


class OwnerMismatch(IpamError):
    """The address is held, but not by the owner that the caller named: by ``holder``."""


class StoreUnavailable(IpamError):
    """The disk is full or failing. Nothing was changed; it works again when the disk does."""


class StoreDamaged(IpamError):
    """A state file cannot be read as what it is. It was left as it is, never replaced."""

"""The errors that an IPAM backend may raise. The daemon reports any other as the backend's bug.

::

    IpamError                      the backend failed (BACKEND_ERROR)
    ├── SubnetNotFound             the subnet is not open
    ├── SubnetInUse                the subnet has allocations
    ├── SubnetExhausted            no address is free
    ├── AllocationNotFound         the address is not allocated
    ├── AddressInUse               another owner has the address
    ├── AddressReserved            never handed out (network, broadcast, anycast, or by the rules)
    ├── AddressOutOfRange          the address is not in the subnet
    ├── OwnerMismatch              another owner than the caller named has the address
    ├── StoreUnavailable           the disk is full or failing; nothing was changed
    └── StoreDamaged               a file is damaged; it was left as it is

The daemon translates each of them into one gRPC status (``server/services/status.py``). A message
is for the person who made the call: what was asked, what stands in the way, what to do.
"""

from collections.abc import Mapping


class IpamError(Exception):
    """The base of all errors that a backend raises on purpose.

    Attributes:
        resource: the object in the way, for example ``"address 10.1.0.2"``.
        holder: the owner that has the object, or "".
        metadata: what a program needs to act on the error, as strings.

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
    """The subnet is not open in this backend."""


class SubnetInUse(IpamError):
    """The subnet has allocations, so it cannot be closed."""


class SubnetExhausted(IpamError):
    """Every usable address of the subnet is allocated, reserved or cooling down.

    Attributes:
        retry_after: seconds until as many addresses have cooled down as were asked for, or 0 if
            waiting does not help.

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
    """The address is not allocated."""


class AddressInUse(IpamError):
    """Another owner, ``holder``, has the address."""


class AddressReserved(IpamError):
    """The address is never handed out: network, broadcast, subnet-router anycast, or reserved."""


class AddressOutOfRange(IpamError):
    """The address is not in the subnet."""


class OwnerMismatch(IpamError):
    """The address is allocated to ``holder``, which is not the owner that the caller named."""


class StoreUnavailable(IpamError):
    """The disk is full or failing. Nothing was changed; calls work again when the disk does."""


class StoreDamaged(IpamError):
    """A state file cannot be read as what it should be. It was left as it is, never replaced."""

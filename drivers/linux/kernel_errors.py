"""What an errno of the kernel means to the caller of the daemon."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mynet.drivers.errors import BridgeFull, DriverError, KernelError, PrivilegeMissing
from mynet.drivers.linux.values.desired import BRIDGE_PORTS


def refused(
    number: int, doing: str, resource: str, *, detail: str = "", capability: str = "CAP_NET_ADMIN"
) -> DriverError:
    """Return the error for what the kernel refused.

    ``number`` is the errno, ``doing`` an infinitive (``"add address 10.1.0.2/24 to eth0"``),
    ``resource`` the object of it, ``detail`` the kernel's own words if it sent some, and
    ``capability`` the one that EPERM means. The error is :exc:`PrivilegeMissing`,
    :exc:`BridgeFull` or :exc:`KernelError`.
    """
    name = errno.errorcode.get(number, str(number))
    metadata = {"errno": name, "object": resource}
    if number == errno.EPERM:
        metadata["capability"] = capability
        return PrivilegeMissing(
            f"mynetd may not {doing}: it lacks {capability}", resource=resource, metadata=metadata
        )
    if number == errno.EXFULL:
        return BridgeFull(
            f"cannot {doing}: the bridge has {BRIDGE_PORTS} ports, the most that the kernel gives"
            " one; disconnect an endpoint or use a second network",
            resource=resource,
            metadata={**metadata, "limit": str(BRIDGE_PORTS)},
        )
    reason = f"{os.strerror(number)} ({name}: {detail})" if detail else os.strerror(number)
    return KernelError(
        f"the kernel refused to {doing}: {reason}", resource=resource, metadata=metadata
    )


@contextmanager
def refusals(doing: str, resource: str, *, capability: str = "CAP_NET_ADMIN") -> Iterator[None]:
    """Raise the error of :func:`refused` for an :exc:`OSError` of the block."""
    try:
        yield
    except OSError as error:
        raise refused(error.errno or errno.EIO, doing, resource, capability=capability) from error

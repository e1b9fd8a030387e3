"""What an errno of the kernel means to the caller of the daemon, and what a person can do."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from mynet.drivers.errors import BridgeFull, DriverError, KernelError, PrivilegeMissing
from mynet.drivers.linux.values.desired import BRIDGE_PORTS

_MEMORY = "the kernel is short of memory or has reached a limit: free some, then call again"
_DESCRIPTORS = "give mynetd more file descriptors (LimitNOFILE=, ulimit -n), then call again"
_MODULE = (
    "this kernel is built without it, or its module is not loaded and cannot be loaded: see"
    " docs/mynetd.md for the modules that mynetd needs"
)
_MEANWHILE = "another program has changed it meanwhile: call again"
_DENIED = (
    "a security module (SELinux, AppArmor) or a sysctl of the host denies it: look for the denial"
    " in the audit log (journalctl -k, ausearch -m avc), and allow it for mynetd"
)
_UNKNOWN: Final = (
    "look for its reason in the kernel's log (journalctl -k), then call again; if there is none,"
    " report this as a fault of mynet"
)
# What to do, by errno.
_REMEDIES: Final[Mapping[int, str]] = {
    errno.EACCES: _DENIED,
    errno.EAFNOSUPPORT: _MODULE,
    errno.EAGAIN: _MEMORY,
    errno.EBUSY: _MEANWHILE,
    errno.EEXIST: _MEANWHILE,
    errno.EINTR: "call again",
    errno.EMFILE: _DESCRIPTORS,
    errno.ENFILE: _DESCRIPTORS,
    errno.ENETDOWN: _MEANWHILE,
    errno.ENOBUFS: _MEMORY,
    errno.ENODEV: _MEANWHILE,
    errno.ENOENT: _MEANWHILE,
    errno.ENOMEM: _MEMORY,
    errno.EPERM: _DENIED,
    errno.ENOSPC: "make room on the disk, or raise the limit of the kernel (sysctl user), then try"
    " again",
    errno.ENOTSUP: _MODULE,
    errno.EPROTONOSUPPORT: _MODULE,
    errno.EROFS: "the file system is mounted read-only: let mynetd write to it",
    errno.ESRCH: _MEANWHILE,
    errno.ETIMEDOUT: "the host is overloaded: call again",
    errno.EXDEV: _MEANWHILE,
}


def remedy_of(number: int) -> str:
    """Return what a person can do where the kernel answers with an errno."""
    return _REMEDIES.get(number, _UNKNOWN)


def refused(
    number: int,
    doing: str,
    resource: str,
    *,
    detail: str = "",
    capability: str = "CAP_NET_ADMIN",
    remedy: str = "",
) -> DriverError:
    """Return the error for what the kernel refused.

    ``number`` is the errno, ``doing`` an infinitive (``"add address 10.1.0.2/24 to eth0"``),
    ``resource`` the object of it, ``detail`` the kernel's own words if it sent some,
    ``capability`` the one that EPERM means, and ``remedy`` what a person can do, where that is
    more than the errno tells. The error is :exc:`PrivilegeMissing`, :exc:`BridgeFull` or
    :exc:`KernelError`.
    """
    name = errno.errorcode.get(number, str(number))
    metadata = {"errno": name, "object": resource}
    if number == errno.EPERM:
        metadata["capability"] = capability
        cure = remedy or f"run mynetd as root, or give it {capability} (see docs/mynetd.md)"
        return PrivilegeMissing(
            f"mynetd may not {doing}: it lacks {capability}; {cure}",
            resource=resource,
            metadata=metadata,
        )
    if number == errno.EXFULL:
        return BridgeFull(
            f"cannot {doing}: the bridge has {BRIDGE_PORTS} ports, the most that the kernel gives"
            " one; disconnect an endpoint or use a second network",
            resource=resource,
            metadata={**metadata, "limit": str(BRIDGE_PORTS)},
        )
    reason = f"{os.strerror(number)} ({name}: {detail})" if detail else os.strerror(number)
    cure = remedy or remedy_of(number)
    return KernelError(
        f"the kernel refused to {doing}: {reason}; {cure}", resource=resource, metadata=metadata
    )


def too_many(doing: str, resource: str, most: int) -> KernelError:
    """Return the error for a list that is longer than what the daemon reads of it."""
    return KernelError(
        f"cannot {doing}: there are more than {most:,}, and mynetd reads no more of them; delete"
        " those that are not needed",
        resource=resource,
        metadata={"errno": "E2BIG", "object": resource, "limit": str(most)},
    )


@contextmanager
def refusals(doing: str, resource: str, *, capability: str = "CAP_NET_ADMIN") -> Iterator[None]:
    """Raise the error of :func:`refused` for an :exc:`OSError` of the block."""
    try:
        yield
    except OSError as error:
        raise refused(error.errno or errno.EIO, doing, resource, capability=capability) from error

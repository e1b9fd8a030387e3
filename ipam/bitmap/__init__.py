"""The built-in IPAM backend ``bitmap``: a bit for each address, and its owner beside it."""

from mynet.ipam.api import Audit, Backend, BackendContext
from mynet.ipam.bitmap.audit import audit
from mynet.ipam.bitmap.backend import BitmapBackend
from mynet.ipam.hookspecs import hookimpl

__all__ = ["BitmapBackend", "mynet_ipam_audit", "mynet_ipam_backend"]


@hookimpl
def mynet_ipam_backend(context: BackendContext) -> Backend:
    """Return the backend."""
    return BitmapBackend(context)


@hookimpl
def mynet_ipam_audit(context: BackendContext) -> Audit:
    """Return a check of the backend's file."""
    return audit(context)

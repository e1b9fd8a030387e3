"""The built-in IPAM backend ``bitmap``: a bit an address, and its owner beside it."""

from mynet.ipam.api import Backend, BackendContext
from mynet.ipam.bitmap.backend import BitmapBackend
from mynet.ipam.hookspecs import hookimpl

__all__ = ["BitmapBackend", "mynet_ipam_backend"]


@hookimpl
def mynet_ipam_backend(context: BackendContext) -> Backend:
    """Make the backend; mynetd calls this once, at start."""
    return BitmapBackend(context)

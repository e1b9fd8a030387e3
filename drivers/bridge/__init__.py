"""The bridge driver: a Linux bridge per network, a veth pair per endpoint, NAT by nftables."""

from mynet.drivers.api import Driver, DriverContext
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.hookspecs import hookimpl
from mynet.drivers.linux.kernel import LinuxKernel

__all__ = ["BridgeDriver", "mynet_driver"]


@hookimpl
def mynet_driver(context: DriverContext) -> Driver:
    """Return the driver on the kernel of this host."""
    return BridgeDriver(context, LinuxKernel())

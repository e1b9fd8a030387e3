"""The bridge driver: a Linux bridge a network, a veth pair an endpoint, NAT by nftables."""

from mynet.drivers.api import Driver, DriverContext
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.hookspecs import hookimpl
from mynet.drivers.linux.kernel import LinuxKernel

__all__ = ["BridgeDriver", "mynet_driver"]


@hookimpl
def mynet_driver(context: DriverContext) -> Driver:
    """Make the driver, on the kernel of this host."""
    return BridgeDriver(context, LinuxKernel())

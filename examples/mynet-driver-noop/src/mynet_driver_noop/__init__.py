"""The smallest network driver for mynet.

It creates nothing in the kernel, so it has nothing to delete and nothing to compare. It also stores
nothing, because mynetd stores all records and restores them at a start. Begin your own driver as a
copy of this file.
"""

from collections.abc import Sequence

from mynet.drivers.api import Call, Driver, DriverContext, DriverInfo, Endpoint, Network, Option
from mynet.drivers.hookspecs import hookimpl


def _one_of_the_colours(value: str) -> str | None:
    return None if value in ("red", "blue") else f"{value!r} is neither red nor blue"


class NoopDriver(Driver):
    """Networks and endpoints that exist only in mynetd's records."""

    @property
    def info(self) -> DriverInfo:
        return DriverInfo(
            name="noop",
            options=[Option("colour", "red or blue; it has no effect", _one_of_the_colours)],
        )

    def create(self, call: Call, network: Network) -> None:
        pass

    def delete(self, call: Call, network: Network) -> None:
        pass

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        pass

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        pass

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return []


@hookimpl
def mynet_driver(context: DriverContext) -> Driver:
    """Return the driver. mynetd calls this once, at start."""
    return NoopDriver()

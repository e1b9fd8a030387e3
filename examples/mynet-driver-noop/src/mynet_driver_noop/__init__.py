"""The smallest network driver for mynet.

It makes nothing in the kernel, and remembers what it was told so that `check` can compare. A driver
of your own begins as a copy of this file.
"""

from collections.abc import Sequence

from mynet.drivers.api import Call, Driver, DriverContext, DriverInfo, Endpoint, Network, Option
from mynet.drivers.hookspecs import hookimpl


def _one_of_the_colours(value: str) -> str | None:
    return None if value in ("red", "blue") else f"{value!r} is neither red nor blue"


class NoopDriver(Driver):
    """Networks and endpoints that exist in mynet's books alone."""

    def __init__(self) -> None:
        # Sets change in one step each, so the threads that call the verbs need no lock.
        self._networks: set[str] = set()
        self._endpoints: set[str] = set()

    @property
    def info(self) -> DriverInfo:
        return DriverInfo(
            name="noop",
            options=[Option("colour", "red or blue; nobody will see it", _one_of_the_colours)],
        )

    def create(self, call: Call, network: Network) -> None:
        self._networks.add(network.id)

    def delete(self, call: Call, network: Network) -> None:
        self._networks.discard(network.id)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        self._endpoints.add(endpoint.id)

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        self._endpoints.discard(endpoint.id)

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        if endpoint.id in self._endpoints:
            return []
        return [f"{endpoint.interface} is not connected to network {endpoint.network.name}"]


@hookimpl
def mynet_driver(context: DriverContext) -> Driver:
    """Make the driver; mynetd calls this once, at start."""
    return NoopDriver()

"""A driver that says when it has begun, and is done when it is told so: by files in its folder."""

import time
from collections.abc import Sequence

from mynet.drivers.api import Call, Driver, DriverContext, DriverInfo, Endpoint, Network
from mynet.drivers.hookspecs import hookimpl


class SlowDriver(Driver):
    """Makes nothing, slowly."""

    def __init__(self, context: DriverContext) -> None:
        self._folder = context.state_dir

    @property
    def info(self) -> DriverInfo:
        return DriverInfo(name="slow")

    def create(self, call: Call, network: Network) -> None:
        (self._folder / "begun").touch()
        while not (self._folder / "go").exists():
            time.sleep(0.01)

    def delete(self, call: Call, network: Network) -> None:
        (self._folder / "deleted").touch()

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        pass

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        pass

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        return []

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        pass


@hookimpl
def mynet_driver(context: DriverContext) -> Driver:
    return SlowDriver(context)

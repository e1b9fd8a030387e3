"""The door that drivers come in by: one pluggy hook, in entry-point group ``mynet.drivers``.

The entry point names a module or object with the hook; its name is the driver's::

    [project.entry-points."mynet.drivers"]
    bridge = "mynet.drivers.bridge"
"""

import pluggy

from mynet.drivers.api import Driver, DriverContext

GROUP = "mynet.drivers"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec(firstresult=True)
def mynet_driver(context: DriverContext) -> Driver:  # type: ignore[empty-body]
    """Make the driver. Raising refuses it: the daemon goes on without, ListDrivers says why."""

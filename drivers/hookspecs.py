"""The pluggy hook through which mynetd loads drivers, in entry-point group ``mynet.drivers``.

The entry point leads to a module or object with the hook. Its name is the driver's name::

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
    """Return the driver.

    If this raises or takes longer than 30 s, the daemon continues without the driver, and
    ListDrivers shows the reason.
    """

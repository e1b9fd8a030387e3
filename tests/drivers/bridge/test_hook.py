"""The built-in driver is loaded like a third party's, by its entry point."""

from importlib.metadata import entry_points
from pathlib import Path

import pluggy

from mynet.drivers import hookspecs
from mynet.drivers.api import API_VERSION, DriverContext
from mynet.drivers.bridge.driver import BridgeDriver


def test_the_entry_point_leads_to_the_hook(tmp_path: Path) -> None:
    (entry,) = entry_points(group=hookspecs.GROUP, name="bridge")
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(entry.load(), entry.name)
    manager.check_pending()
    driver = manager.hook.mynet_driver(context=DriverContext("test", tmp_path))
    assert isinstance(driver, BridgeDriver)
    assert (driver.info.name, driver.info.api_version) == (entry.name, API_VERSION)

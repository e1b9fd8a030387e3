"""The bridge driver passes the conformance suite on a real kernel."""

from pathlib import Path

import pytest

from mynet.drivers.api import Call, DriverContext, Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import check_driver
from tests.drivers.conformance.conforming import ConformingDriver, Kernel
from tests.drivers.linux.support.namespaces import Namespace


def bridge(context: DriverContext) -> BridgeDriver:
    return BridgeDriver(context, LinuxKernel())


def test_the_bridge_driver_passes_in_a_sandbox(
    host: Namespace, box: Namespace, tmp_path: Path
) -> None:
    check_driver(bridge, tmp_path, sandbox=box.sandbox)
    assert host.names() == {"lo"}
    assert box.names() == {"lo"}
    assert "elements" not in host.table()


def test_the_bridge_driver_passes_without_a_sandbox(host: Namespace, tmp_path: Path) -> None:
    check_driver(bridge, tmp_path)
    assert host.names() == {"lo"}


class LeavesTheBridge(BridgeDriver):
    def delete(self, call: Call, network: Network) -> None:
        pass


class LeavesThePair(BridgeDriver):
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        pass


@pytest.mark.parametrize(
    ("driver", "left"),
    [(LeavesTheBridge, "br-check1"), (LeavesThePair, "cif-check1")],
)
def test_a_driver_that_leaves_links_behind_fails(
    host: Namespace, tmp_path: Path, driver: type[BridgeDriver], left: str
) -> None:
    with pytest.raises(AssertionError, match=f"disconnect and delete left behind: .*'{left}'"):
        check_driver(lambda context: driver(context, LinuxKernel()), tmp_path)
    assert left in host.names()


def test_a_link_that_existed_before_is_not_counted_against_a_driver(
    host: Namespace, tmp_path: Path
) -> None:
    host.run("ip", "link", "add", "cif-check1", "type", "bridge")
    kernel = Kernel()
    check_driver(lambda context: ConformingDriver(context, kernel), tmp_path)

"""Plugins from wheels that are installed beside mynetd: found at its start, used over gRPC."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mynet.v1.ipam_pb2 import BackendState, ListBackendsRequest
from mynet.v1.network_pb2 import Driver, DriverState, ListDriversRequest
from tests.e2e.support.daemon import EXECUTED, Daemon, create, refusal
from tests.e2e.support.testbed import Sandbox, Testbed

HERE = Path(__file__).parent
NOOP = HERE.parents[1] / "examples" / "mynet-driver-noop"


@pytest.fixture(scope="module")
def module_daemon(testbed: Testbed, install: Callable[..., str]) -> Iterator[Daemon]:
    """Start a daemon beside three distributions, of which two are broken."""
    folder = install(NOOP, HERE / "plugins" / "broken", HERE / "plugins" / "impostor")
    made = Daemon(testbed, program=EXECUTED, PYTHONPATH=folder)
    yield made
    made.stop()


@pytest.fixture
def drivers(daemon: Daemon) -> dict[tuple[str, str], Driver]:
    """The answer of ListDrivers, by name and distribution."""
    drivers = daemon.net.ListDrivers(ListDriversRequest()).drivers
    return {(driver.name, driver.distribution): driver for driver in drivers}


Drivers = dict[tuple[str, str], Driver]


def test_a_driver_from_a_wheel_is_loaded(drivers: Drivers) -> None:
    noop = drivers["noop", "mynet-driver-noop"]
    assert noop.state == DriverState.DRIVER_STATE_LOADED
    assert (noop.version, noop.api_version, noop.error) == ("1.0.0", 1, "")
    assert [option.name for option in noop.options] == ["colour"]
    assert "red or blue" in noop.options[0].description


def test_a_driver_from_a_wheel_makes_networks_and_endpoints(daemon: Daemon, one: Sandbox) -> None:
    before = daemon.testbed.state()
    network = daemon.create("paper", driver="noop", options={"colour": "red"})
    assert (network.driver, dict(network.options)) == ("noop", {"colour": "red"})
    endpoint = daemon.connect("one", network="paper")
    assert list(endpoint.addresses) == ["10.88.0.2/24", "fd88::2/64"]
    assert daemon.problems(endpoint) == []
    assert daemon.testbed.state() == before  # as its description says, the driver makes nothing
    daemon.disconnect("one")
    daemon.delete("paper")
    assert daemon.allocations() == {}


@pytest.mark.parametrize("options", [{"colour": "green"}, {"size": "large"}])
def test_the_options_of_a_driver_are_checked_by_its_own_rules(
    daemon: Daemon, options: dict[str, str]
) -> None:
    request = create("paper", driver="noop", options=options)
    refused = refusal(daemon.net.CreateNetwork, request)
    assert refused.reason == "INVALID_ARGUMENT"
    assert f"network.options[{next(iter(options))}]" in refused.message


def test_a_broken_driver_is_refused_with_its_reason(daemon: Daemon, drivers: Drivers) -> None:
    broken = drivers["broken", "mynet-broken"]
    assert broken.state == DriverState.DRIVER_STATE_FAILED
    assert (broken.version, broken.error) == ("0.3", "RuntimeError: the rope is torn")
    refused = refusal(daemon.net.CreateNetwork, create("blue", driver="broken"))
    assert refused.reason == "DRIVER_NOT_FOUND"
    assert "the rope is torn" in refused.message


def test_a_broken_backend_is_refused_with_its_reason(daemon: Daemon) -> None:
    backends = daemon.ipam.ListBackends(ListBackendsRequest()).backends
    state = {backend.name: (backend.state, backend.error) for backend in backends}
    assert state == {
        "bitmap": (BackendState.BACKEND_STATE_LOADED, ""),
        "broken": (BackendState.BACKEND_STATE_FAILED, "RuntimeError: the rope is torn"),
    }


def test_no_plugin_takes_the_name_of_a_built_in_driver(
    daemon: Daemon, drivers: Drivers, one: Sandbox
) -> None:
    impostor = drivers["bridge", "mynet-impostor"]
    assert impostor.state == DriverState.DRIVER_STATE_FAILED
    assert "'bridge' is taken by mynetd" in impostor.error
    assert drivers["bridge", "mynetd"].state == DriverState.DRIVER_STATE_LOADED
    daemon.create("blue")
    daemon.connect("one")
    assert one.pings("10.88.0.1")

"""A host for each test, sandboxes on it, and a world outside.

The thread of a test is *inside* its ``host`` namespace. The kernel object under test therefore
works there, and so do the threads and programs that the test starts. No test changes the machine's
own namespace.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext, Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.kernels import FakeTestbed, KernelTestbed, LinuxTestbed
from tests.drivers.linux.support.namespaces import Namespace, give_uplink, playing_host


@pytest.fixture
def new_namespace() -> Iterator[Callable[[], Namespace]]:
    made: list[Namespace] = []

    def make() -> Namespace:
        made.append(Namespace())
        return made[-1]

    yield make
    for namespace in made:
        namespace.close()


@pytest.fixture
def host() -> Iterator[Namespace]:
    """The namespace that the test plays the host in."""
    with playing_host() as namespace:
        yield namespace


@pytest.fixture
def new_sandbox(host: Namespace, new_namespace: Callable[[], Namespace]) -> Callable[[], Namespace]:
    assert host
    return new_namespace


@pytest.fixture
def box(new_sandbox: Callable[[], Namespace]) -> Namespace:
    return new_sandbox()


@pytest.fixture
def outside(host: Namespace, new_namespace: Callable[[], Namespace]) -> Namespace:
    """A machine beyond the host's uplink."""
    world = new_namespace()
    give_uplink(host, world)
    return world


@pytest.fixture
def kernel(host: Namespace) -> Iterator[LinuxKernel]:
    assert host
    made = LinuxKernel()
    yield made
    made.close()


@pytest.fixture
def driver(kernel: LinuxKernel, tmp_path: Path) -> BridgeDriver:
    return BridgeDriver(DriverContext("test", tmp_path), kernel)


@pytest.fixture
def network(driver: BridgeDriver) -> Network:
    """The first sample network, made."""
    network = sample_network()
    driver.create(SampleCall(), network)
    return network


@pytest.fixture
def endpoint(network: Network, box: Namespace) -> Endpoint:
    """An endpoint of the network in the box, not yet connected."""
    return sample_endpoint(network, sandbox=box.sandbox)


@pytest.fixture(params=["memory", "linux"])
def testbed(request: pytest.FixtureRequest) -> KernelTestbed:
    """Each of the two kernels."""
    if request.param == "memory":
        return FakeTestbed()
    host = request.getfixturevalue("host")
    return LinuxTestbed(host, request.getfixturevalue("new_sandbox"))

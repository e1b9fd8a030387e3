"""The driver on a kernel in memory, without privileges and with failures on demand."""

from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext, Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import sample_endpoint, sample_network


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def driver(kernel: FakeKernel, tmp_path: Path) -> BridgeDriver:
    return BridgeDriver(DriverContext("test", tmp_path), kernel)


@pytest.fixture
def network() -> Network:
    return sample_network()


@pytest.fixture
def endpoint(kernel: FakeKernel, network: Network) -> Endpoint:
    return sample_endpoint(network, sandbox=kernel.add_sandbox("/run/netns/web"))

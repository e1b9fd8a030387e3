"""Without a sandbox, as in the tutorial: the caller moves the device and configures it."""

import time

import pytest

from mynet.drivers.api import Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.testing import SampleCall, sample_endpoint
from tests.drivers.linux.support.namespaces import Namespace


@pytest.fixture
def moved(box: Namespace, host: Namespace, driver: BridgeDriver, network: Network) -> Namespace:
    """The box, after the caller has followed the tutorial."""
    endpoint = sample_endpoint(network)
    driver.connect(SampleCall(), endpoint)
    host.run("ip", "link", "set", endpoint.interface, "netns", box.path)
    box.run("ip", "link", "set", endpoint.interface, "name", "eth0")
    for address in endpoint.addresses:
        box.run("ip", "addr", "add", str(address), "dev", "eth0", "nodad")
    box.run("ip", "link", "set", "eth0", "up")
    for subnet in network.subnets:
        box.run("ip", "route", "add", "default", "via", str(subnet.gateway))
    return box


def test_the_moved_device_reaches_the_network_and_the_outside(
    outside: Namespace, moved: Namespace
) -> None:
    assert outside.names() >= {"out0"}
    for address in ("198.18.1.1", "203.0.113.1", "2001:db8::1"):
        assert moved.pings(address), address


def test_connect_again_keeps_what_the_caller_has_configured(
    moved: Namespace, driver: BridgeDriver, network: Network
) -> None:
    while moved.run("ip", "addr", "show", "tentative"):  # duplicate address detection goes on
        time.sleep(0.05)
    before = moved.configuration()
    driver.connect(SampleCall(), sample_endpoint(network))
    assert moved.configuration() == before
    assert driver.check(SampleCall(), sample_endpoint(network)) == []

"""What passes a bridge that another program has renamed, before the daemon renames it back."""

import socket
from dataclasses import replace

import pytest

from mynet.drivers.api import Network, NetworkUpdate
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
OUTSIDE, UPLINK, GATEWAY, BOX = "203.0.113.1", "203.0.113.2", "198.18.1.1", "198.18.1.2"
SILENCE = 0.3  # seconds to wait for what is not expected; the rest takes milliseconds


def connect(source: Namespace, target: Namespace, address: str, *, timeout: float = 60) -> bool:
    """Return whether a TCP connection opens."""
    with target.entered():
        listener = socket.create_server(("0.0.0.0", 0))  # noqa: S104 - in a namespace of the test
    with listener, source.entered():
        try:
            with socket.create_connection((address, listener.getsockname()[1]), timeout):
                return True
        except OSError:
            return False


@pytest.fixture
def made(driver: BridgeDriver, box: Namespace, outside: Namespace) -> Network:
    """A network with an endpoint, behind a host whose uplink knows a route back."""
    assert outside
    network = sample_network()
    driver.restore(CALL, [])
    driver.create(CALL, network)
    driver.connect(CALL, sample_endpoint(network, sandbox=box.sandbox))
    return network


def test_it_has_no_new_flows_but_keeps_those_that_stand(
    host: Namespace, box: Namespace, outside: Namespace, driver: BridgeDriver, made: Network
) -> None:
    outside.run("ip", "route", "add", "198.18.1.0/24", "via", UPLINK)
    assert connect(box, outside, OUTSIDE)
    with outside.entered():
        listener = socket.create_server((OUTSIDE, 0))
    with box.entered():
        standing = socket.create_connection(listener.getsockname(), 60)
    with listener, standing, listener.accept()[0] as far:
        host.run("ip", "link", "set", made.interface, "name", "lan9")
        standing.sendall(b"still here")
        far.settimeout(60)
        assert far.recv(100) == b"still here"
        assert not connect(box, outside, OUTSIDE, timeout=SILENCE)
        assert not connect(outside, box, BOX, timeout=SILENCE)
        driver.create(CALL, made)
        standing.sendall(b"after it")
        assert far.recv(100) == b"after it"
    assert connect(box, outside, OUTSIDE)


def test_one_of_an_internal_network_does_not_reach_the_host_elsewhere(
    host: Namespace, box: Namespace, driver: BridgeDriver, made: Network
) -> None:
    driver.update(CALL, NetworkUpdate(replace(made, internal=True)))
    box.run("ip", "route", "replace", "default", "via", GATEWAY)
    assert not connect(box, host, UPLINK, timeout=SILENCE)
    host.run("ip", "link", "set", made.interface, "name", "lan9")
    assert not connect(box, host, UPLINK, timeout=SILENCE)
    assert connect(box, host, GATEWAY)


def test_a_new_bridge_is_in_the_group_from_its_first_moment(
    host: Namespace, driver: BridgeDriver, made: Network
) -> None:
    link = host.link(made.interface)
    assert link
    assert link["group"] == str(0x6D62)
    host.run("ip", "link", "set", made.interface, "group", "0")
    (problem,) = driver.check_network(CALL, made)
    assert "link group 0" in problem
    driver.create(CALL, made)
    assert driver.check_network(CALL, made) == []

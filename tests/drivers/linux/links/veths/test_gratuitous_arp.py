"""Neighbours reach an address that is used again with another MAC address at once."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.links.veths.gratuitous_arp import announcement
from mynet.drivers.testing import SampleCall, sample_endpoint
from tests.drivers.linux.support.namespaces import Namespace, open_descriptors

CALL = SampleCall()
OLD, NEW = "02:00:5e:00:53:aa", "02:00:5e:00:53:bb"

ARP = """
    ffffffffffff 02005e0053bb 0806
    0001 0800 06 04 0001 02005e0053bb 0a090009 000000000000 0a090009
"""
ADVERTISEMENT = """
    333300000001 02005e0053bb 86dd 60000000 0020 3a ff
    fd090000000000000000000000000009 ff020000000000000000000000000001
    88 00 a8be 20000000 fd090000000000000000000000000009 02 01 02005e0053bb
"""


@pytest.fixture
def neighbour(
    driver: BridgeDriver, endpoint: Endpoint, new_sandbox: Callable[[], Namespace]
) -> Namespace:
    """A sandbox that stays on the network."""
    made = new_sandbox()
    driver.connect(CALL, sample_endpoint(endpoint.network, 2, sandbox=made.sandbox))
    return made


def reaches(asker: Namespace, address: str) -> bool:
    """Return whether one of a few packets is answered within a second."""
    done = asker.run("ping", "-c4", "-i0.2", "-W0.3", "-w1", address, check=False)
    return " 0 received" not in done


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("asker", ["neighbour", "host"])
def test_neighbours_reach_an_address_with_another_mac_within_a_second(
    request: pytest.FixtureRequest,
    driver: BridgeDriver,
    endpoint: Endpoint,
    neighbour: Namespace,
    new_sandbox: Callable[[], Namespace],
    asker: str,
    version: int,
) -> None:
    (address,) = (str(address.ip) for address in endpoint.addresses if address.version == version)
    from_here: Namespace = request.getfixturevalue(asker)
    first = replace(endpoint, mac_address=OLD)
    driver.connect(CALL, first)
    assert from_here.pings(address)
    driver.disconnect(CALL, first)
    known = from_here.run("ip", "neigh", "show", address)
    assert OLD in known
    second = replace(first, id="second", mac_address=NEW, sandbox=new_sandbox().sandbox)
    driver.connect(CALL, second)
    assert NEW in from_here.run("ip", "neigh", "show", address)
    assert reaches(from_here, address)


def test_an_announcement_adds_no_neighbour_that_was_unknown(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint, neighbour: Namespace
) -> None:
    driver.connect(CALL, endpoint)
    for address in endpoint.addresses:
        assert neighbour.run("ip", "neigh", "show", str(address.ip)) == ""
        assert host.run("ip", "neigh", "show", str(address.ip)) == ""


def test_a_second_connect_announces_nothing(
    driver: BridgeDriver, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.connect(CALL, endpoint)
    monkeypatch.setattr(
        "mynet.drivers.linux.links.veths.gratuitous_arp.announcement",
        lambda *_: pytest.fail("it was announced"),
    )
    driver.connect(CALL, endpoint)


def test_the_driver_keeps_two_descriptors_until_it_is_closed(
    driver: BridgeDriver, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The thread that deletes the flows of endpoints that are gone has a socket while it does.
    monkeypatch.setattr("mynet.drivers.linux.firewall.flows.gone_flows.DELAY", 3600)
    driver.close()
    before = open_descriptors()
    for _ in range(5):
        driver.connect(CALL, endpoint)
        driver.disconnect(CALL, endpoint)
    # One to announce with, and one to change the firewall with.
    assert open_descriptors() == before + 2
    driver.close()
    assert open_descriptors() == before


@pytest.mark.parametrize(("address", "frame"), [("10.9.0.9", ARP), ("fd09::9", ADVERTISEMENT)])
def test_an_announcement_has_the_bytes_that_the_rfc_says(address: str, frame: str) -> None:
    assert announcement(ip_address(address), NEW) == bytes.fromhex(frame)

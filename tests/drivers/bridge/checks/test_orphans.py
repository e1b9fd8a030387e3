"""Differences of a network, and links of this instance without a record."""

import pytest

from mynet.drivers.api import Endpoint, Network, Orphan
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.testing import SampleCall

CALL = SampleCall()


@pytest.fixture(autouse=True)
def made(driver: BridgeDriver, network: Network, endpoint: Endpoint) -> None:
    driver.create(CALL, network)
    driver.connect(CALL, endpoint)


def test_a_whole_network_has_no_differences(driver: BridgeDriver, network: Network) -> None:
    assert list(driver.check_network(CALL, network)) == []


def test_a_missing_bridge_and_another_device_are_reported(
    driver: BridgeDriver, kernel: FakeKernel, network: Network
) -> None:
    name = network.interface
    kernel.delete_link(name)
    assert driver.check_network(CALL, network) == [f"The bridge {name} is not there."]
    kernel.add_link(name, mark="mynet:other:lan")
    assert driver.check_network(CALL, network) == [
        f"The interface {name} is not the network's bridge."
    ]
    kernel.delete_link(name)
    driver.create(CALL, network)
    assert list(driver.check_network(CALL, network)) == []


def test_a_missing_address_of_the_bridge_is_reported(
    driver: BridgeDriver, kernel: FakeKernel, network: Network
) -> None:
    bridge = driver._specs.bridge(network)
    kernel.delete_link(network.interface)
    kernel.links.ensure_bridge(type(bridge)(bridge.name, bridge.mark, bridge.mac, bridge.mtu))
    assert driver.check_network(CALL, network) == [
        f"{bridge.name} lacks the address {address}."
        for address in with_link_local(bridge.addresses, bridge.mac)
    ]


def test_orphans_are_links_of_this_instance_without_a_known_record(
    driver: BridgeDriver, kernel: FakeKernel, network: Network, endpoint: Endpoint
) -> None:
    kernel.add_link("br-other", mark="mynet:other instance:lan")
    kernel.add_link("tun7", mark="another program's")
    assert driver.orphans(CALL, {network.id, endpoint.id}) == []
    orphan = Orphan(endpoint.id, f"interface {endpoint.host_interface}", in_use=True)
    assert driver.orphans(CALL, {network.id}) == [orphan]
    for _ in range(2):
        driver.discard(CALL, orphan)
        names = {link.name for link in kernel.list_links()}
        assert names == {network.interface, "br-other", "tun7"}

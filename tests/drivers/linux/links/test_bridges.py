"""Bridges on the real kernel, as ``ip`` shows them."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from mynet.drivers.api import Endpoint, Network, Subnet
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.networks import MAX_SUBNETS
from mynet.drivers.errors import InterfaceExists, KernelError
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
NETWORK = sample_network()


def test_a_new_bridge_is_up_marked_and_usable_at_once(host: Namespace, network: Network) -> None:
    link = host.link(network.interface)
    assert link is not None
    assert link["linkinfo"]["info_kind"] == "bridge"
    assert link["ifalias"] == f"mynet:test:{network.id}"
    assert link["mtu"] == 1400
    assert link["address"].startswith("02:")
    assert "UP" in link["flags"]
    assert link["inet6_addr_gen_mode"] == "none"
    addresses = host.addresses(network.interface)
    assert {"198.18.1.1/24", "fd6d:796e:6574:1::1/64"} < addresses
    assert not [address for address in addresses if "tentative" in address]


def test_a_bridge_keeps_its_mtu_and_mac_when_its_last_port_goes(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    before = host.link(endpoint.network.interface)
    driver.connect(CALL, endpoint)
    driver.disconnect(CALL, endpoint)
    after = host.link(endpoint.network.interface)
    assert before
    assert after
    assert (after["mtu"], after["address"]) == (before["mtu"], before["address"])


def test_the_bridge_of_an_ipv4_network_has_no_ipv6_address(
    host: Namespace, driver: BridgeDriver, box: Namespace
) -> None:
    network = replace(NETWORK, subnets=NETWORK.subnets[:1])
    driver.create(CALL, network)
    driver.connect(CALL, sample_endpoint(network, sandbox=box.sandbox))
    assert host.addresses(network.interface) == {"198.18.1.1/24"}
    assert box.addresses("check1") == {"198.18.1.2/24"}


def test_a_network_may_have_dozens_of_subnets(host: Namespace, driver: BridgeDriver) -> None:
    cidrs = [IPv4Network(f"10.0.{number}.0/24") for number in range(MAX_SUBNETS)]
    network = replace(NETWORK, subnets=[Subnet(cidr, cidr[1]) for cidr in cidrs])
    for _ in ("without a table", "with one"):
        driver.create(CALL, network)
        assert host.addresses(network.interface) == {f"{cidr[1]}/24" for cidr in cidrs}
        assert "10.0.63.0/24" in host.table()
    for _ in ("with everything", "with nothing"):
        driver.delete(CALL, network)
        assert "10.0.63.0/24" not in host.table()


def test_a_second_create_repairs_a_changed_bridge(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    before = host.addresses(network.interface)
    host.run("ip", "link", "set", network.interface, "down", "mtu", "1300")
    host.run("ip", "addr", "flush", "dev", network.interface)
    driver.create(CALL, network)
    link = host.link(network.interface)
    assert link
    assert link["mtu"] == 1400
    assert host.addresses(network.interface) == before


def test_an_address_that_another_program_added_stays(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    host.run("ip", "addr", "add", "192.0.2.7/32", "dev", network.interface)
    driver.create(CALL, network)
    assert "192.0.2.7/32" in host.addresses(network.interface)


@pytest.mark.parametrize("kind", ["type bridge", "type veth peer name other"])
def test_a_second_create_does_not_change_a_foreign_device(
    host: Namespace, driver: BridgeDriver, kind: str
) -> None:
    host.run("ip", "link", "add", NETWORK.interface, *kind.split())
    before = host.configuration()
    with pytest.raises(InterfaceExists, match=NETWORK.interface):
        driver.create(CALL, NETWORK)
    driver.delete(CALL, NETWORK)  # as the daemon does after a failure
    assert host.configuration() == before


def test_another_instances_bridge_is_foreign(host: Namespace, driver: BridgeDriver) -> None:
    host.run("ip", "link", "add", NETWORK.interface, "type", "bridge")
    host.run("ip", "link", "set", NETWORK.interface, "alias", f"mynet:other:{NETWORK.id}")
    with pytest.raises(InterfaceExists):
        driver.create(CALL, NETWORK)


def test_a_device_with_the_bridges_name_as_an_alternative_name_is_foreign(
    host: Namespace, driver: BridgeDriver
) -> None:
    host.run("ip", "link", "add", "theirs", "type", "bridge")
    host.run("ip", "link", "property", "add", "dev", "theirs", "altname", NETWORK.interface)
    with pytest.raises(InterfaceExists):
        driver.create(CALL, NETWORK)
    driver.delete(CALL, NETWORK)
    assert host.link("theirs")


def test_a_failed_create_leaves_the_network_that_has_the_name_alone(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    rival = replace(network, id="rival", name="rival")
    before = host.table()
    with pytest.raises(InterfaceExists):
        driver.create(CALL, rival)
    driver.delete(CALL, rival)
    assert host.table() == before
    assert host.link(network.interface)


def test_create_completes_a_bridge_without_a_mark(host: Namespace, driver: BridgeDriver) -> None:
    bridge = driver._specs.bridge(NETWORK)
    host.run("ip", "link", "add", bridge.name, "address", bridge.mac, "type", "bridge")
    driver.create(CALL, NETWORK)
    link = host.link(bridge.name)
    assert link
    assert link["ifalias"] == bridge.mark


def test_delete_removes_a_bridge_without_a_mark(host: Namespace, driver: BridgeDriver) -> None:
    bridge = driver._specs.bridge(NETWORK)
    host.run("ip", "link", "add", bridge.name, "address", bridge.mac, "type", "bridge")
    driver.delete(CALL, NETWORK)
    assert host.names() == {"lo"}


def test_a_name_that_the_kernel_refuses_is_an_error_with_its_words(
    host: Namespace, driver: BridgeDriver
) -> None:
    with pytest.raises(KernelError, match="ERANGE: Attribute failed policy validation") as caught:
        driver.create(CALL, replace(NETWORK, interface="br-of-16-letters"))
    assert caught.value.metadata["errno"] == "ERANGE"
    assert host.names() == {"lo"}


def test_a_restart_restores_every_network(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    gone, kept = sample_network(2), network
    driver.create(CALL, gone)
    host.run("ip", "link", "del", kept.interface)
    host.run("nft", "flush", "ruleset")
    driver.restore(CALL, [kept])
    assert host.link(kept.interface)
    assert kept.interface in host.table()
    assert gone.interface not in host.table()

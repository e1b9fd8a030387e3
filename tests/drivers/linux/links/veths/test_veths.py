"""Pairs of links on the real kernel, as ``ip`` shows them."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint, Network, Sandbox
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()


def test_on_return_the_inner_end_has_addresses_and_routes(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    inner = box.link("check1")
    assert inner
    assert inner["address"] == endpoint.mac_address
    assert inner["mtu"] == 1400
    assert "UP" in inner["flags"]
    assert box.addresses("check1") == {
        "198.18.1.2/24",
        "fd6d:796e:6574:1::2/64",
        "fe80::5eff:fe00:5301/64",
    }
    assert box.default_routes(4) == [("198.18.1.1", 1)]
    assert box.default_routes(6) == [("fd6d:796e:6574:1::1", 1)]
    outer = host.link(endpoint.host_interface)
    assert outer
    assert outer["master"] == endpoint.network.interface
    assert outer["ifalias"] == f"mynet:test:{endpoint.id}"
    assert driver.check(CALL, endpoint) == []


def test_a_second_connect_keeps_the_pair(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    before = host.configuration(), box.configuration()
    driver.connect(CALL, endpoint)
    assert (host.configuration(), box.configuration()) == before


def test_connect_sets_the_sandboxs_loopback_up(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    box.run("ip", "link", "set", "lo", "down")
    driver.connect(CALL, endpoint)
    assert box.pings("127.0.0.1")
    assert box.pings("::1")


def test_disconnect_works_without_sandbox_bridge_and_firewall(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    host.run("nft", "flush", "ruleset")
    host.run("ip", "link", "del", endpoint.network.interface)
    driver.disconnect(CALL, replace(endpoint, sandbox=Sandbox("/gone", 1)))
    assert host.names() == {"lo"}
    driver.delete(CALL, endpoint.network)


def test_connect_names_a_bridge_that_is_missing(driver: BridgeDriver, box: Namespace) -> None:
    network = sample_network()
    with pytest.raises(KernelError, match=network.interface) as caught:
        driver.connect(CALL, sample_endpoint(network, sandbox=box.sandbox))
    assert caught.value.metadata["errno"] == "ENODEV"


def test_a_bridge_with_the_name_as_a_prefix_is_another_bridge(
    host: Namespace, driver: BridgeDriver, box: Namespace
) -> None:
    host.run("ip", "link", "add", "br-15-character", "type", "bridge")
    network = replace(sample_network(), interface="br-15-characters")
    with pytest.raises(KernelError) as caught:
        driver.connect(CALL, sample_endpoint(network, sandbox=box.sandbox))
    assert caught.value.metadata["errno"] == "ENODEV"


def test_without_a_sandbox_the_inner_end_stays_on_the_host_and_down(
    host: Namespace, box: Namespace, driver: BridgeDriver, network: Network
) -> None:
    endpoint = sample_endpoint(network)
    driver.connect(CALL, endpoint)
    inner = host.link("cif-check1")
    assert inner
    assert "UP" not in inner["flags"]
    assert inner["address"] == endpoint.mac_address
    assert host.addresses("cif-check1") == set()
    host.run("ip", "link", "set", "cif-check1", "name", "eth0", "netns", box.path)
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []
    assert box.names() == {"lo", "eth0"}
    driver.disconnect(CALL, endpoint)
    assert box.names() == {"lo"}
    assert host.names() == {"lo", network.interface}


def test_two_networks_of_one_sandbox_need_different_metrics(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    second = sample_network(2)
    driver.create(CALL, second)
    driver.connect(CALL, endpoint)
    rival = replace(sample_endpoint(second, 2, sandbox=box.sandbox), route_metric=1)
    with pytest.raises(KernelError, match="metric 1") as caught:
        driver.connect(CALL, rival)
    assert caught.value.metadata["errno"] == "EEXIST"
    driver.connect(CALL, replace(rival, route_metric=2))
    assert [metric for _, metric in box.default_routes(4)] == [1, 2]
    assert [metric for _, metric in box.default_routes(6)] == [1, 2]


def test_metric_0_is_the_best_for_both_ip_versions(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    second = sample_network(2)
    driver.create(CALL, second)
    driver.connect(CALL, replace(endpoint, route_metric=0))
    driver.connect(CALL, replace(sample_endpoint(second, 2, sandbox=box.sandbox), route_metric=100))
    for probe in ("192.0.2.1", "2001:db8::1"):
        (route,) = box.json("ip", "-j", "route", "get", probe)
        assert route["dev"] == "check1"


def test_one_call_detaches_many_endpoints(
    host: Namespace, kernel: LinuxKernel, driver: BridgeDriver, network: Network
) -> None:
    veths = [driver._specs.veth(sample_endpoint(network, number)) for number in range(1, 121)]
    for veth in veths:
        kernel.links.attach(veth)
    kernel.links.detach(veths)
    assert host.names() == {"lo", network.interface}

"""A failure at every step: the next verb deletes or completes what is half-made."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import DriverError, KernelError, PrivilegeMissing
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import SampleCall, sample_network, sample_ports

CALL = SampleCall()
CREATE = [
    "links.ensure_bridge",
    "links.ensure_bridge.mark",
    "firewall.add",
    "host.enable_forwarding",
]
DELETE = ["links.inspect_bridge", "firewall.remove", "links.delete_bridge"]
PUBLISH = ["links.open_loopback", "firewall.add_endpoint", "firewall.add_endpoint.forget"]
CONNECT = ["links.attach", "links.attach.mark", "links.attach.inner", *PUBLISH]
DISCONNECT = ["firewall.remove_endpoint", "links.detach"]


@pytest.fixture
def endpoint(endpoint: Endpoint) -> Endpoint:
    """An endpoint with published ports."""
    return replace(endpoint, ports=sample_ports())


@pytest.mark.parametrize("point", CREATE)
def test_delete_undoes_a_create_that_fails_at_any_step(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, point: str
) -> None:
    kernel.control.fail(point)
    with pytest.raises(KernelError, match="a test asked for it"):
        driver.create(CALL, network)
    driver.delete(CALL, network)
    assert not kernel.list_links()
    assert not kernel.firewall.networks


@pytest.mark.parametrize("point", CREATE)
def test_create_completes_a_create_that_failed_at_any_step(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, point: str
) -> None:
    kernel.control.fail(point)
    with pytest.raises(KernelError):
        driver.create(CALL, network)
    driver.create(CALL, network)
    assert [link.mark for link in kernel.list_links()] == [f"mynet:test:{network.id}"]
    assert set(kernel.firewall.networks) == {network.interface}
    assert kernel.host.forwarding == {4, 6}


@pytest.mark.parametrize("point", DELETE)
def test_delete_completes_a_delete_that_failed_at_any_step(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, point: str
) -> None:
    driver.create(CALL, network)
    kernel.control.fail(point)
    with pytest.raises(KernelError):
        driver.delete(CALL, network)
    driver.delete(CALL, network)
    assert not kernel.list_links()
    assert not kernel.firewall.networks


@pytest.mark.parametrize("point", CONNECT)
def test_disconnect_undoes_a_connect_that_fails_at_any_step(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint, point: str
) -> None:
    driver.create(CALL, endpoint.network)
    kernel.control.fail(point)
    with pytest.raises(KernelError):
        driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) or point == "firewall.add_endpoint.forget"
    driver.disconnect(CALL, endpoint)
    assert [link.kind for link in kernel.list_links()] == ["bridge"]
    assert not kernel.list_links(endpoint.sandbox)
    assert not kernel.firewall.endpoints


@pytest.mark.parametrize("point", CONNECT)
def test_connect_completes_a_connect_that_failed_at_any_step(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint, point: str
) -> None:
    driver.create(CALL, endpoint.network)
    kernel.control.fail(point)
    with pytest.raises(KernelError):
        driver.connect(CALL, endpoint)
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []
    assert len(kernel.list_links(endpoint.sandbox)) == 1


@pytest.mark.parametrize("point", DISCONNECT)
def test_disconnect_completes_a_disconnect_that_failed(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint, point: str
) -> None:
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    kernel.control.fail(point, times=2)
    for _ in range(2):
        with pytest.raises(KernelError):
            driver.disconnect(CALL, endpoint)
    driver.disconnect(CALL, endpoint)
    assert not kernel.list_links(endpoint.sandbox)
    assert not kernel.firewall.endpoints


def test_an_error_of_the_kernel_is_raised_unchanged(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    refusal = PrivilegeMissing("no", metadata={"capability": "CAP_NET_ADMIN"})
    kernel.control.fail("links.inspect", refusal)
    with pytest.raises(PrivilegeMissing) as caught:
        driver.check(CALL, endpoint)
    assert caught.value is refusal


def test_restore_continues_after_a_network_that_cannot_be_made(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    networks = [sample_network(number) for number in range(1, 5)]
    kernel.add_link("br-check2")
    kernel.add_link("br-check3", kind="bridge", mark="mynet:other:3")
    with pytest.raises(DriverError, match="2 of 4 networks could not be restored") as caught:
        driver.restore(CALL, networks)
    assert list(caught.value.metadata) == [networks[1].id, networks[2].id]
    for network in networks[1:3]:
        assert network.interface in str(caught.value)
        assert network.interface in caught.value.metadata[network.id]
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert len(caught.value.__cause__.exceptions) == 2
    ours = {link.name for link in kernel.list_links() if link.mark.startswith("mynet:test:")}
    assert ours == {"br-check1", "br-check4"}


def test_restore_filters_no_device_of_another_program(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    networks = [sample_network(number) for number in (1, 2)]
    kernel.add_link("br-check2", kind="bridge")
    with pytest.raises(DriverError):
        driver.restore(CALL, networks)
    assert set(kernel.firewall.networks) == {"br-check1"}


def test_a_network_that_is_half_restored_is_firewalled(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    kernel.control.fail("host.enable_forwarding")
    with pytest.raises(DriverError, match="1 of 1"):
        driver.restore(CALL, [network])
    assert set(kernel.firewall.networks) == {network.interface}


def test_restore_removes_other_networks_from_the_firewall(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    driver.create(CALL, network)
    driver.create(CALL, sample_network(2))
    driver.restore(CALL, [network])
    assert set(kernel.firewall.networks) == {network.interface}
    driver.restore(CALL, [])
    assert not kernel.firewall.networks


def test_without_a_firewall_nothing_is_restored(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    kernel.control.fail("firewall.load")
    with pytest.raises(KernelError):
        driver.restore(CALL, [network])
    assert not kernel.list_links()
    driver.restore(CALL, [replace(network)])
    assert len(kernel.list_links()) == 1

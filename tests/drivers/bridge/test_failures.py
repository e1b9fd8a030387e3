"""A failure at every point: what is half-made is taken away, or completed, by the next verb."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import DriverError, KernelError, PrivilegeMissing
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import SampleCall, sample_network, sample_ports

CALL = SampleCall()
CREATE = ["ensure_bridge", "ensure_bridge.mark", "add_segment", "enable_forwarding"]
DELETE = ["is_taken", "remove_segment", "delete_bridge"]
PUBLISH = ["open_loopback", "publish", "publish.forget"]
CONNECT = ["attach", "attach.mark", "attach.inner", *PUBLISH]
DISCONNECT = ["unpublish", "detach"]


@pytest.fixture
def endpoint(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with published ports."""
    return replace(endpoint, ports=sample_ports())


@pytest.mark.parametrize("point", CREATE)
def test_a_create_that_fails_anywhere_is_undone_by_delete(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, point: str
) -> None:
    kernel.fail(point)
    with pytest.raises(KernelError, match="it was told to"):
        driver.create(CALL, network)
    driver.delete(CALL, network)
    assert not kernel.links()
    assert not kernel.segments


@pytest.mark.parametrize("point", CREATE)
def test_a_create_that_failed_anywhere_is_completed_by_the_next(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, point: str
) -> None:
    kernel.fail(point)
    with pytest.raises(KernelError):
        driver.create(CALL, network)
    driver.create(CALL, network)
    assert [link.mark for link in kernel.links()] == [f"mynet:test:{network.id}"]
    assert set(kernel.segments) == {network.interface}
    assert kernel.forwarding == {4, 6}


@pytest.mark.parametrize("point", DELETE)
def test_a_delete_that_failed_anywhere_is_finished_by_the_next(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, point: str
) -> None:
    driver.create(CALL, network)
    kernel.fail(point)
    with pytest.raises(KernelError):
        driver.delete(CALL, network)
    driver.delete(CALL, network)
    assert not kernel.links()
    assert not kernel.segments


@pytest.mark.parametrize("point", CONNECT)
def test_a_connect_that_fails_anywhere_is_undone_by_disconnect(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint, point: str
) -> None:
    driver.create(CALL, endpoint.network)
    kernel.fail(point)
    with pytest.raises(KernelError):
        driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) or point == "publish.forget"
    driver.disconnect(CALL, endpoint)
    assert [link.kind for link in kernel.links()] == ["bridge"]
    assert not kernel.links(endpoint.sandbox)
    assert not kernel.publications


@pytest.mark.parametrize("point", CONNECT)
def test_a_connect_that_failed_anywhere_is_completed_by_the_next(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint, point: str
) -> None:
    driver.create(CALL, endpoint.network)
    kernel.fail(point)
    with pytest.raises(KernelError):
        driver.connect(CALL, endpoint)
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []
    assert len(kernel.links(endpoint.sandbox)) == 1


@pytest.mark.parametrize("point", DISCONNECT)
def test_a_disconnect_that_failed_is_finished_by_the_next(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint, point: str
) -> None:
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    kernel.fail(point, times=2)
    for _ in range(2):
        with pytest.raises(KernelError):
            driver.disconnect(CALL, endpoint)
    driver.disconnect(CALL, endpoint)
    assert not kernel.links(endpoint.sandbox)
    assert not kernel.publications


def test_the_kernels_own_error_comes_out_as_it_is(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    refusal = PrivilegeMissing("no", metadata={"capability": "CAP_NET_ADMIN"})
    kernel.fail("inspect", refusal)
    with pytest.raises(PrivilegeMissing) as caught:
        driver.check(CALL, endpoint)
    assert caught.value is refusal


def test_restoring_goes_on_past_a_network_that_cannot_be_made(
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
    ours = {link.name for link in kernel.links() if link.mark.startswith("mynet:test:")}
    assert ours == {"br-check1", "br-check4"}


def test_restoring_lets_the_firewall_judge_nothing_of_others(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    networks = [sample_network(number) for number in (1, 2)]
    kernel.add_link("br-check2", kind="bridge")
    with pytest.raises(DriverError):
        driver.restore(CALL, networks)
    assert set(kernel.segments) == {"br-check1"}


def test_a_network_that_is_half_restored_is_firewalled(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    kernel.fail("enable_forwarding")
    with pytest.raises(DriverError, match="1 of 1"):
        driver.restore(CALL, [network])
    assert set(kernel.segments) == {network.interface}


def test_restoring_forgets_what_is_no_network_any_more(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    driver.create(CALL, network)
    driver.create(CALL, sample_network(2))
    driver.restore(CALL, [network])
    assert set(kernel.segments) == {network.interface}
    driver.restore(CALL, [])
    assert not kernel.segments


def test_without_a_firewall_nothing_is_restored(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    kernel.fail("load_firewall")
    with pytest.raises(KernelError):
        driver.restore(CALL, [network])
    assert not kernel.links()
    driver.restore(CALL, [replace(network)])
    assert len(kernel.links()) == 1

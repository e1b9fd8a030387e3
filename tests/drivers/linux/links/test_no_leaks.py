"""After success and failure no descriptor is left open, and each thread is where it was."""

import threading
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from mynet.drivers.api import Endpoint, Sandbox
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import DriverError
from mynet.drivers.linux import netns
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links.veths import veths
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace, open_descriptors

CALL = SampleCall()
THREADS, ROUNDS = 10, 20


def here() -> int:
    return netns.identify("/proc/thread-self/ns/net").cookie


def descriptors(driver: BridgeDriver) -> int:
    """Return the number of descriptors, without the one that a driver keeps until it is closed."""
    driver.close()
    return open_descriptors()


def at_once(work: Callable[[int], None]) -> None:
    """Run the work in many threads, each of which must be on the host before and after."""
    home, failures = here(), list[BaseException]()

    def run(number: int) -> None:
        try:
            assert here() == home
            work(number)
            assert here() == home
        except BaseException as failure:  # noqa: BLE001 - it is looked at below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, THREADS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_two_hundred_endpoints_leave_no_thread_descriptor_or_link(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    network = endpoint.network
    before = descriptors(driver)

    def come_and_go(number: int) -> None:
        own = sample_endpoint(network, number, sandbox=endpoint.sandbox)
        for _ in range(ROUNDS):
            driver.connect(CALL, own)
            assert driver.check(CALL, own) == []
            driver.disconnect(CALL, own)

    at_once(come_and_go)
    assert descriptors(driver) <= before  # those of earlier tests may be closed meanwhile
    assert box.names() == {"lo"}
    assert host.names() == {"lo", network.interface}


FAULTS: dict[str, Callable[[Endpoint], Endpoint]] = {
    "another sandbox": lambda endpoint: replace(endpoint, sandbox=Sandbox("/proc/self/ns/net", 1)),
    "no sandbox": lambda endpoint: replace(endpoint, sandbox=Sandbox("/no/where", 1)),
    "no namespace": lambda endpoint: replace(endpoint, sandbox=Sandbox("/dev/null", 1)),
    "of another type": lambda endpoint: replace(endpoint, sandbox=Sandbox("/proc/self/ns/mnt", 1)),
    "no bridge": lambda endpoint: replace(endpoint, network=sample_network(9)),
    "outer name taken": lambda endpoint: replace(endpoint, host_interface="lo"),
    "inner name taken": lambda endpoint: replace(endpoint, interface="taken"),
    "bad address": lambda endpoint: replace(endpoint, mac_address="01:00:00:00:00:01"),
    "bad gateway": lambda endpoint: replace(endpoint, gateways=(ip_address("224.0.0.1"),)),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_after_an_error_no_descriptor_is_open_and_the_thread_is_back(
    box: Namespace,
    driver: BridgeDriver,
    endpoint: Endpoint,
    fault: Callable[[Endpoint], Endpoint],
) -> None:
    box.run("ip", "link", "add", "taken", "type", "bridge")
    wrong = fault(endpoint)
    before = descriptors(driver)

    def fail(_number: int) -> None:
        for verb in (driver.connect, driver.check, driver.disconnect):
            try:
                verb(CALL, wrong)
            except DriverError:
                continue

    with pytest.raises(DriverError):
        driver.connect(CALL, wrong)
    driver.disconnect(CALL, wrong)
    at_once(fail)
    assert descriptors(driver) <= before  # those of earlier tests may be closed meanwhile


@pytest.mark.parametrize("step", ["_make", "finish_outer", "inner_end.finish_inner"])
def test_an_exception_in_the_sandbox_brings_the_thread_back(
    driver: BridgeDriver, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(f"{veths.__name__}.{step}", break_down)
    home, before = here(), descriptors(driver)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            driver.connect(CALL, endpoint)
    assert here() == home
    assert descriptors(driver) <= before  # those of earlier tests may be closed meanwhile


def test_the_driver_keeps_no_ended_sandbox_alive(
    host: Namespace, kernel: LinuxKernel, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    assert endpoint.sandbox
    assert kernel.sandboxes.free_name(endpoint.sandbox, ("lo", "check1", "eth0")) == "eth0"
    box.close()
    assert not kernel.sandboxes.exists(endpoint.sandbox)
    driver.disconnect(CALL, endpoint)
    assert host.link(endpoint.host_interface) is None

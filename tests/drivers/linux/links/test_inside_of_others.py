"""What another connect and a check do to the inside of a sandbox that they may leave alone."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.specs import Specs
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()

CHANGES = (
    "ip link set check1 mtu 1300",
    "ip link set check1 address 02:00:00:00:00:01",
    "ip link set check1 name other",
    "ip addr del 198.18.1.2/24 dev check1",
    "ip route del default",
)


@pytest.fixture
def endpoint(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose inside is its owner's."""
    return replace(endpoint, options={"manage_inside": "false"})


@pytest.mark.parametrize("change", CHANGES)
def test_the_owners_change_stays_and_is_no_problem(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint, change: str
) -> None:
    driver.connect(CALL, endpoint)
    box.run(*change.split())
    inside = seen(box)
    assert driver.check(CALL, endpoint) == []
    driver.connect(CALL, endpoint)
    assert seen(box) == inside


def test_an_inside_that_no_path_leads_to_is_no_problem(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    assert endpoint.sandbox
    moved = replace(endpoint, sandbox=replace(endpoint.sandbox, path="/run/netns/moved"))
    assert driver.check(CALL, moved) == []
    driver.connect(CALL, moved)
    assert driver.living(CALL, [moved]) == {endpoint.id}
    assert box.link("check1")


def test_a_look_at_the_endpoint_does_not_enter_the_sandbox(
    driver: BridgeDriver, kernel: LinuxKernel, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    veth = Specs("test", kernel.host.ip_versions()).veth(endpoint)
    looked = kernel.links.inspect(veth)
    assert looked.outer
    assert looked.inner is None
    assert kernel.links.inspect(replace(veth, manages_inner=True)).inner


def seen(box: Namespace) -> tuple[str, ...]:
    return tuple(box.run("ip", "-o", subject) for subject in ("link", "addr", "route"))

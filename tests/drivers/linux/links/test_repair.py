"""Pairs that are damaged or incomplete, and other links with their names."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint, Sandbox
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import InterfaceExists, KernelError, SandboxNotFound
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.testing import SampleCall, sample_network
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()


@pytest.mark.parametrize(
    "damage",
    [
        "host: ip link set vethchk1 nomaster",
        "host: ip link set vethchk1 down",
        "host: ip link set vethchk1 mtu 1300",
        "host: ip link set vethchk1 alias foo",
        "host: ip link set vethchk1 group default",
        "host: ip link set vethchk1 type bridge_slave learning on",
        "host: ip link set vethchk1 type bridge_slave locked off",
        "host: ip link set vethchk1 type bridge_slave flood on",
        "host: ip link set vethchk1 type bridge_slave mcast_flood off",
        "host: ip link set vethchk1 type bridge_slave bcast_flood off",
        "host: ip link set vethchk1 type bridge_slave neigh_suppress on",
        "host: ip link set vethchk1 type bridge_slave group_fwd_mask 0",
        "host: bridge fdb flush dev br-check1",
        "host: bridge fdb del MAC dev vethchk1 master",
        "box: ip link set check1 down",
        "box: ip link set check1 mtu 1300",
        "box: ip link set check1 address 02:00:00:00:00:01",
        "box: ip addr del 198.18.1.2/24 dev check1",
        "box: ip -6 addr flush dev check1",
        "box: ip route del default",
        "box: ip -6 route del default",
        "box: ip link set check1 down name other",
    ],
)
def test_check_names_the_damage(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint, damage: str
) -> None:
    driver.connect(CALL, endpoint)
    _do(damage.replace("MAC", endpoint.mac_address), host, box)
    problems = driver.check(CALL, endpoint)
    assert problems
    assert all(problem.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    "damage",
    [
        "host: ip link set vethchk1 nomaster",
        "host: ip link set vethchk1 master br-check2",
        "host: ip link set vethchk1 down mtu 1300",
        "host: ip link set vethchk1 group 7",
        "host: ip link set vethchk1 type bridge_slave learning on locked off flood on",
        "host: ip link set vethchk1 type bridge_slave group_fwd_mask 8",
        "host: bridge fdb flush dev br-check1",
        "host: bridge fdb del MAC dev vethchk1 master",
        "box: ip link set check1 down mtu 1300 address 02:00:00:00:00:01",
        "box: ip addr flush dev check1",
        "box: ip route del default",
        "box: ip link set check1 down name other",
        "box: ip link del check1",
    ],
)
def test_a_second_connect_repairs_the_damage(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint, damage: str
) -> None:
    driver.create(CALL, sample_network(2))
    driver.connect(CALL, endpoint)
    _do(damage.replace("MAC", endpoint.mac_address), host, box)
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []
    assert box.names() == {"lo", "check1"}


def test_a_route_with_several_next_hops_is_judged_by_the_first(
    box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    hops = "nexthop via 198.18.1.1 dev check1 nexthop via 198.18.1.9 dev check1"
    box.run("ip", "route", "replace", "default", "metric", "1", *hops.split())
    assert driver.check(CALL, endpoint) == []


def _do(damage: str, host: Namespace, box: Namespace) -> None:
    where, command = damage.split(": ")
    {"host": host, "box": box}[where].run(*command.split())


def test_connect_completes_a_pair_without_a_mark(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    _make_unfinished(host, box, driver, endpoint)
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []


def test_disconnect_deletes_a_pair_without_a_mark(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    _make_unfinished(host, box, driver, endpoint)
    driver.disconnect(CALL, endpoint)
    assert host.link(endpoint.host_interface) is None
    assert box.names() == {"lo"}


def _make_unfinished(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    """Send the first message of an attach, like a daemon that was killed after it."""
    with Netlink() as nl:
        master = nl.index(endpoint.network.interface)
        message = link_requests.new_veth(driver._specs.veth(endpoint), master, box.fd)
        nl.ask(Request(message, "make a pair", "interface"))
    outer = host.link(endpoint.host_interface)
    assert outer
    assert "ifalias" not in outer


def test_connect_does_not_change_a_foreign_link_with_the_name(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    host.run("ip", "link", "add", endpoint.host_interface, "type", "veth", "peer", "foreign")
    with pytest.raises(InterfaceExists, match=endpoint.host_interface):
        driver.connect(CALL, endpoint)
    driver.disconnect(CALL, endpoint)
    assert {endpoint.host_interface, "foreign"} <= host.names()
    assert box.names() == {"lo"}


def test_connect_does_not_change_a_link_in_the_sandbox_with_the_name(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    box.run("ip", "link", "add", "check1", "type", "bridge")
    with pytest.raises(InterfaceExists, match="check1 in the sandbox"):
        driver.connect(CALL, endpoint)
    driver.disconnect(CALL, endpoint)
    assert box.names() == {"lo", "check1"}
    assert host.link(endpoint.host_interface) is None


def test_an_endpoint_is_disconnected_before_it_moves_to_another_sandbox(
    new_sandbox: Callable[[], Namespace],
    box: Namespace,
    driver: BridgeDriver,
    endpoint: Endpoint,
) -> None:
    driver.connect(CALL, endpoint)
    moved = replace(endpoint, sandbox=new_sandbox().sandbox)
    with pytest.raises(KernelError, match="not in the sandbox"):
        driver.connect(CALL, moved)
    assert driver.check(CALL, endpoint) == []
    driver.disconnect(CALL, moved)
    driver.connect(CALL, moved)
    assert driver.check(CALL, moved) == []
    assert box.names() == {"lo"}


def test_connect_refuses_a_sandbox_that_was_replaced(
    new_sandbox: Callable[[], Namespace], driver: BridgeDriver, endpoint: Endpoint, host: Namespace
) -> None:
    assert endpoint.sandbox
    lost = Sandbox(new_sandbox().path, endpoint.sandbox.cookie)
    with pytest.raises(SandboxNotFound, match="another network namespace"):
        driver.connect(CALL, replace(endpoint, sandbox=lost))
    assert host.link(endpoint.host_interface) is None
    assert driver.check(CALL, replace(endpoint, sandbox=lost))


@pytest.mark.parametrize("end", ["host", "box"])
def test_a_repair_keeps_what_an_interface_knows_of_its_neighbours(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint, end: str
) -> None:
    driver.connect(CALL, endpoint)
    where, name = (host, "br-check1") if end == "host" else (box, "check1")
    lasting = ["198.18.1.77", "lladdr", "02:00:00:00:00:77", "dev", name, "nud", "permanent"]
    where.run("ip", "neigh", "add", *lasting)
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    assert "02:00:00:00:00:77" in where.run("ip", "neigh", "show", "198.18.1.77")

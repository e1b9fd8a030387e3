"""Links that other programs gave a copy of a mark."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_interface

import pytest

from mynet.drivers.api import Endpoint, Network, Orphan
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.links.carriers import Carriers
from mynet.drivers.linux.links.links import Links
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Bridge, Veth
from mynet.drivers.linux.watch import monitor
from mynet.drivers.linux.watch.monitor import Monitor
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.kernels import KernelTestbed
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
PATIENCE = 60.0  # seconds that a notification may take on a busy machine


def copy(host: Namespace, name: str, of: str, *kind: str) -> None:
    """Make a link with the alias of another."""
    host.run("ip", "link", "add", name, "type", *kind)
    link = host.link(of)
    assert link
    host.run("ip", "link", "set", name, "alias", link["ifalias"])


def test_a_second_link_with_a_mark_is_found_and_removed(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    copy(host, "lan9", network.interface, "bridge")
    assert driver.orphans(CALL, {network.id}) == [
        Orphan(network.id, "interface lan9", is_copy=True)
    ]
    assert driver.check_network(CALL, network) == []
    for orphan in driver.orphans(CALL, {network.id}):
        driver.discard(CALL, orphan)
    assert host.names() == {"lo", network.interface}


def test_one_that_packets_pass_is_found_and_kept(
    host: Namespace, driver: BridgeDriver, network: Network, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    copy(host, "lan8", endpoint.host_interface, "veth", "peer", "name", "lan7")
    copy(host, "lan9", network.interface, "bridge")
    host.run("ip", "link", "set", "lan8", "master", "lan9")
    found = {
        orphan.name: orphan.in_use for orphan in driver.orphans(CALL, {network.id, endpoint.id})
    }
    assert found == {"interface lan8": True, "interface lan9": True}
    driver.delete(CALL, network)
    assert not {"lan9", network.interface} & host.names()


BRIDGE = Bridge("br-web", "mynet:i:web", "02:00:00:00:00:01", 1500)
VETH = Veth(
    name="vethe1",
    mark="mynet:i:e1",
    outer_mac="02:00:00:00:00:02",
    bridge=BRIDGE.name,
    bridge_mark=BRIDGE.mark,
    bridge_mac=BRIDGE.mac,
    mtu=1500,
    interface="eth0",
    mac="02:00:00:00:00:03",
    addresses=(ip_interface("10.1.0.2/24"),),
)


def test_both_kernels_leave_nothing_with_the_mark_of_a_detached_endpoint(
    testbed: KernelTestbed,
) -> None:
    links, veth = testbed.kernel.links, replace(VETH, sandbox=testbed.add_sandbox())
    links.ensure_bridge(BRIDGE)
    links.attach(veth)
    for name in ("lan7", "lan8"):
        testbed.add_link(name, mark=VETH.mark, kind="veth")
    links.detach([veth])
    assert set(testbed.links()) == {BRIDGE.name}
    links.detach([veth])


@pytest.fixture
def carriers() -> Carriers:
    return Carriers()


@pytest.fixture
def links(host: Namespace, carriers: Carriers) -> Iterator[Links]:
    """The links of a host whose notifications tell which marks they carry."""
    assert host
    links = Links(carriers)
    links.ensure_bridge(BRIDGE)
    watch = Monitor((), carriers).watch(lambda _: None)
    yield links
    watch.close()
    links.close()
    assert carriers.count(BRIDGE.mark) is None


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was listed of the kernel; a list of all links takes as long as the host has links."""
    lists: list[str] = []
    dump = Netlink.dump

    def noted(nl: Netlink, request: Request, most: int | None = None) -> list[bytes]:
        lists.append(request.doing)
        return dump(nl, request, most)

    monkeypatch.setattr(Netlink, "dump", noted)
    return lists


def settle(carriers: Carriers, mark: str, expected: int) -> None:
    """Wait until so many links are known to carry a mark."""
    end = time.monotonic() + PATIENCE
    while carriers.count(mark) != expected and time.monotonic() < end:
        time.sleep(monitor.WINDOW)
    assert carriers.count(mark) == expected


def test_an_endpoint_is_detached_without_a_list_of_all_links(
    links: Links, carriers: Carriers, lists: list[str], box: Namespace
) -> None:
    veth = replace(VETH, sandbox=box.sandbox)
    links.attach(veth)
    settle(carriers, veth.mark, 1)
    links.detach([veth])
    settle(carriers, veth.mark, 0)
    links.detach([veth])
    assert "list interfaces" not in lists


def carry(host: Namespace, name: str, alias: str) -> None:
    host.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")
    host.run("ip", "link", "set", name, "alias", alias, "up")


def change_alias(host: Namespace) -> None:
    """Leave the mark to the copy alone; the pair keeps its alternative name."""
    carry(host, "lan8", VETH.mark)
    host.run("ip", "link", "set", VETH.name, "alias", "mine")


def rename_copy(host: Namespace) -> None:
    carry(host, "lan8", VETH.mark)
    host.run("ip", "link", "set", "lan8", "name", "lan9")


def mark_again(host: Namespace) -> None:
    """Give the copy another alias, and the mark once more."""
    carry(host, "lan8", VETH.mark)
    for alias in ("mine", VETH.mark):
        host.run("ip", "link", "set", "lan8", "alias", alias)


@pytest.mark.parametrize("copy_mark", [change_alias, rename_copy, mark_again])
def test_a_copy_goes_with_its_endpoint_while_the_kernel_is_watched(
    copy_mark: Callable[[Namespace], None],
    host: Namespace,
    links: Links,
    carriers: Carriers,
    box: Namespace,
) -> None:
    veth = replace(VETH, sandbox=box.sandbox)
    links.attach(veth)
    copy_mark(host)
    carry(host, "last", "mynet:i:last")  # the kernel notifies in order
    settle(carriers, "mynet:i:last", 1)
    links.detach([veth])
    assert host.names() == {"lo", BRIDGE.name, "last", "last-peer"}


def test_a_copy_that_is_down_is_known_after_a_survey(
    host: Namespace, links: Links, carriers: Carriers, box: Namespace
) -> None:
    veth = replace(VETH, sandbox=box.sandbox)
    links.attach(veth)
    copy(host, "lan8", VETH.name, "veth", "peer", "name", "lan7")
    links.survey()
    assert carriers.count(VETH.mark) == 2
    links.detach([veth])
    assert host.names() == {"lo", BRIDGE.name}

"""Published ports: what the bridge driver makes in its kernel."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from mynet.drivers.api import PORTS, Endpoint, PortMapping, PortProtocol
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.values.ports import Forward
from mynet.drivers.testing import SampleCall, sample_network, sample_ports

CALL = SampleCall()
V4, V6 = ip_address("198.18.1.2"), ip_address("fd6d:796e:6574:1::2")
TCP, UDP = PortProtocol.TCP, PortProtocol.UDP
LOOPBACK = ip_address("127.0.0.1")
ALL_V4, ALL_V6 = ip_address("0.0.0.0"), ip_address("::")  # noqa: S104 - what is tested


@pytest.fixture
def published(driver: BridgeDriver, endpoint: Endpoint) -> Endpoint:
    """An unconnected endpoint with published ports, on an existing network."""
    driver.create(CALL, endpoint.network)
    return replace(endpoint, ports=sample_ports())


def test_the_driver_declares_the_capability() -> None:
    info = BridgeDriver.info.fget(None)  # type: ignore[attr-defined]
    assert PORTS in info.capabilities


@pytest.mark.parametrize(
    ("port", "forwards"),
    [
        (
            PortMapping(80, host_port=8080),
            [Forward(TCP, None, 8080, V4, 80), Forward(TCP, None, 8080, V6, 80)],
        ),
        (
            PortMapping(53, UDP, 5300, count=9),
            [Forward(UDP, None, 5300, V4, 53, 9), Forward(UDP, None, 5300, V6, 53, 9)],
        ),
        (
            PortMapping(80, host_port=8080, host_ip=LOOPBACK),
            [Forward(TCP, LOOPBACK, 8080, V4, 80)],
        ),
        (PortMapping(80, host_port=8080, host_ip=ALL_V4), [Forward(TCP, None, 8080, V4, 80)]),
        (PortMapping(80, host_port=8080, host_ip=ALL_V6), [Forward(TCP, None, 8080, V6, 80)]),
    ],
)
def test_a_port_leads_to_the_first_address_of_each_family(
    kernel: FakeKernel,
    driver: BridgeDriver,
    published: Endpoint,
    port: PortMapping,
    forwards: list[Forward],
) -> None:
    more = (*published.addresses, ip_interface("198.18.1.9/24"))
    driver.connect(CALL, replace(published, ports=[port], addresses=more))
    assert kernel.firewall.endpoints[published.id].forwards == tuple(forwards)


@pytest.mark.parametrize(
    ("host_ip", "opened"),
    [
        (None, True),
        (LOOPBACK, True),
        (ALL_V4, True),
        (ip_address("192.0.2.7"), False),
        (ALL_V6, False),
    ],
    ids=str,
)
def test_the_loopback_is_opened_for_ports_that_it_reaches(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint, host_ip: None, *, opened: bool
) -> None:
    driver.connect(CALL, replace(published, ports=()))
    assert kernel.links.open_loopbacks == frozenset()
    ports = [PortMapping(80, host_port=8080, host_ip=host_ip)]
    driver.connect(CALL, replace(published, ports=ports))
    assert kernel.links.open_loopbacks == ({"br-check1"} if opened else set())


def test_without_ports_the_loopback_stays_closed(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    driver.check(CALL, endpoint)
    driver.disconnect(CALL, endpoint)
    assert kernel.control.calls["links.open_loopback"] == 0


def test_a_port_that_is_not_published_is_a_difference(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint
) -> None:
    driver.connect(CALL, published)
    assert driver.check(CALL, published) == []
    (rules,) = kernel.firewall.endpoints.values()
    kernel.firewall.load("test", [], [replace(rules, forwards=())])
    assert driver.check(CALL, replace(published, ports=published.ports[:1])) == [
        "The firewall does not lead TCP port 48080 to 198.18.1.2:80.",
        "The firewall does not lead TCP port 48080 to [fd6d:796e:6574:1::2]:80.",
    ]
    ranged = [PortMapping(90, host_port=90, count=3, host_ip=LOOPBACK)]
    assert driver.check(CALL, replace(published, ports=ranged)) == [
        "The firewall does not lead TCP 127.0.0.1:90 to 198.18.1.2:90 and the 2 that follow.",
    ]


def test_disconnect_unpublishes_ports_before_it_deletes_the_link(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint
) -> None:
    driver.connect(CALL, published)
    kernel.control.fail("links.detach")
    with pytest.raises(Exception, match="a test asked for it"):
        driver.disconnect(CALL, published)
    assert kernel.firewall.endpoints == {}
    assert kernel.list_links(published.sandbox)


def test_restore_loads_the_firewall_once_with_all_ports(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint
) -> None:
    other = replace(published, id="b", host_interface="vethb", ports=())  # not attached
    network = replace(published.network, endpoints=(published, other))
    driver.connect(CALL, published)
    before = kernel.firewall.endpoints
    kernel.firewall.load("test", [])
    kernel.control.calls.clear()
    driver.restore(CALL, [network, sample_network(2)])
    assert kernel.firewall.endpoints == before
    assert kernel.control.calls["firewall.load"] == 1
    assert kernel.control.calls["firewall.add_endpoint"] == 0
    assert kernel.links.open_loopbacks == {"br-check1"}


def test_restore_loads_no_ports_if_another_device_has_the_name(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    kernel.add_link(endpoint.network.interface)
    network = replace(endpoint.network, endpoints=(replace(endpoint, ports=sample_ports()),))
    with pytest.raises(Exception, match="1 of 1 networks"):
        driver.restore(CALL, [network])
    assert kernel.firewall.endpoints == {}


def test_an_update_publishes_the_given_ports_and_no_others(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint
) -> None:
    driver.connect(CALL, published)
    for ports in (published.ports[:1], published.ports[1:], (), published.ports):
        changed = replace(published, ports=ports)
        driver.update_endpoint(CALL, changed)
        assert driver.check(CALL, changed) == []
        standing = [endpoint.forwards for endpoint in kernel.firewall.endpoints.values()]
        assert sum(map(len, standing)) == 2 * len(ports)


def test_an_update_makes_no_links(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint
) -> None:
    """The sandbox may be gone; only connect and disconnect handle that."""
    assert published.sandbox
    driver.connect(CALL, published)
    kernel.delete_sandbox(published.sandbox.path)
    before = kernel.list_links()
    driver.update_endpoint(CALL, replace(published, ports=()))
    assert kernel.list_links() == before
    assert kernel.firewall.endpoints == {}


def test_an_update_opens_the_loopback_for_a_port_that_needs_it(
    kernel: FakeKernel, driver: BridgeDriver, published: Endpoint
) -> None:
    driver.connect(CALL, replace(published, ports=()))
    assert kernel.links.open_loopbacks == frozenset()
    driver.update_endpoint(CALL, published)
    assert kernel.links.open_loopbacks == {"br-check1"}

"""What one look at everything finds, and what the driver tells of what it is told."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import SampleCall, sample_network, sample_ports

CALL = SampleCall()


@pytest.fixture
def networks(driver: BridgeDriver, endpoint: Endpoint) -> list[Network]:
    """Two networks, made; the first has the endpoint, with ports."""
    published = replace(endpoint, ports=sample_ports())
    for network in (published.network, sample_network(2)):
        driver.create(CALL, network)
    driver.connect(CALL, published)
    return [replace(published.network, endpoints=(published,)), sample_network(2)]


def ids(networks: list[Network]) -> tuple[str, str, str]:
    one, two = networks
    return one.id, two.id, one.endpoints[0].id


def test_of_what_stands_nothing_is_suspicious(
    driver: BridgeDriver, networks: list[Network]
) -> None:
    assert driver.survey(CALL, networks) == []
    assert driver.survey(CALL, []) == []


def test_a_flushed_firewall_is_everybodys_damage(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    one, two, endpoint = ids(networks)
    kernel.flush_firewall()
    assert set(driver.survey(CALL, networks)) == {one, two, endpoint}
    assert driver.check_network(CALL, networks[1])[0] == (
        "The firewall's rules are not as they were loaded."
    )
    driver.create(CALL, networks[1])
    assert driver.survey(CALL, networks) == []


def test_a_network_that_the_firewall_lacks_is_suspicious_alone(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    _, two, _ = ids(networks)
    kernel.firewall.remove(kernel.firewall.networks["br-check2"])
    assert driver.survey(CALL, networks) == [two]
    sentences = driver.check_network(CALL, networks[1])
    assert sentences[0] == 'The firewall lacks "br-check2" in the set br_all.'


def test_an_endpoint_whose_ports_lead_nowhere_is_suspicious_alone(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    _, _, endpoint = ids(networks)
    (publication,) = kernel.firewall.endpoints.values()
    kernel.firewall.unpublish(publication)
    assert driver.survey(CALL, networks) == [endpoint]


def test_without_forwarding_those_that_need_it_are_suspicious(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    one, two, _ = ids(networks)
    kernel.stop_forwarding()
    assert driver.survey(CALL, networks) == [one, two]
    inner = replace(networks[1], internal=True)
    driver.create(CALL, inner)
    assert driver.survey(CALL, [inner]) == []
    assert driver.check_network(CALL, inner) == []
    assert driver.check_network(CALL, networks[0]) == [
        "The host does not forward IPv4 (net.ipv4.ip_forward is 0).",
        "The host does not forward IPv6 (net.ipv6.conf.all.forwarding is 0).",
    ]


def test_what_passes_a_device_of_anothers_is_not_ours_to_filter(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    _, two, _ = ids(networks)
    kernel.delete_link("br-check2")
    kernel.add_link("br-check2")
    driver.restore(CALL, networks[:1])
    assert "br-check2" not in kernel.firewall.networks
    assert driver.survey(CALL, networks) == [two]
    assert driver.check_network(CALL, networks[1]) == [
        "The interface br-check2 is not the network's bridge."
    ]
    kernel.control.calls.clear()
    driver.survey(CALL, networks[1:])
    assert not kernel.control.calls["firewall.missing"]


def test_only_marks_of_our_own_are_told_and_anything_is(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    told: list[Collection[str]] = []
    driver.watch(CALL, told.append)
    kernel.add_link("br-theirs", mark="mynet:other:1")
    kernel.delete_link("br-theirs")
    assert told == []
    kernel.delete_link("br-check2")
    assert told == [{networks[1].id}]
    kernel.lose_notifications()
    assert told == [{networks[1].id}, set()]
    driver.close()
    kernel.lose_notifications()
    assert len(told) == 2

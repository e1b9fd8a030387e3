"""What a survey finds, and which notifications of the kernel the driver reports."""

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
    """Two networks in the kernel; the first has an endpoint with published ports."""
    published = replace(endpoint, ports=sample_ports())
    for network in (published.network, sample_network(2)):
        driver.create(CALL, network)
    driver.connect(CALL, published)
    return [replace(published.network, endpoints=(published,)), sample_network(2)]


def ids(networks: list[Network]) -> tuple[str, str, str]:
    one, two = networks
    return one.id, two.id, one.endpoints[0].id


def test_a_survey_of_whole_networks_finds_nothing(
    driver: BridgeDriver, networks: list[Network]
) -> None:
    assert driver.survey(CALL, networks) == []
    assert driver.survey(CALL, []) == []


def test_a_flushed_firewall_damages_all_networks_and_endpoints(
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


def test_a_network_that_the_firewall_lacks_is_damaged_alone(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    _, two, _ = ids(networks)
    kernel.firewall.remove(kernel.firewall.networks["br-check2"])
    assert driver.survey(CALL, networks) == [two]
    sentences = driver.check_network(CALL, networks[1])
    assert sentences[0] == 'The firewall lacks "br-check2" in the set br_all.'


def test_an_endpoint_whose_ports_lead_nowhere_is_damaged_alone(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    _, _, endpoint = ids(networks)
    (forwards,) = kernel.firewall.endpoints.values()
    kernel.firewall.remove_endpoint(forwards)
    assert driver.survey(CALL, networks) == [endpoint]


def test_without_forwarding_the_networks_that_need_it_are_damaged(
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


def test_a_device_of_another_program_is_not_filtered(
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


def test_only_changes_of_this_instance_and_lost_notifications_are_reported(
    kernel: FakeKernel, driver: BridgeDriver, networks: list[Network]
) -> None:
    alarms: list[Collection[str]] = []
    driver.watch(CALL, alarms.append)
    kernel.add_link("br-theirs", mark="mynet:other:1")
    kernel.delete_link("br-theirs")
    assert alarms == []
    kernel.delete_link("br-check2")
    assert alarms == [{networks[1].id}]
    kernel.lose_notifications()
    assert alarms == [{networks[1].id}, set()]
    driver.close()
    kernel.lose_notifications()
    assert len(alarms) == 2

"""Replies by the uplink of the request: what the driver asks of the firewall and of the host."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mynet.drivers.api import ExpectedState, Network, NetworkRequest
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.networks import contradictions
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.values.replies import Uplink
from mynet.drivers.testing import SampleCall, sample_network

CALL = SampleCall()
UPLINKS = [Uplink("up0", 1), Uplink("up1", 2)]


def chosen(network: Network, value: str = "true") -> Network:
    return replace(network, options={**network.options, "reply_by_ingress": value})


@pytest.fixture
def leading(kernel: FakeKernel, driver: BridgeDriver, network: Network) -> Network:
    """A network with the option in the kernel, on a host with two uplinks."""
    kernel.host.default_uplinks = list(UPLINKS)
    driver.create(CALL, chosen(network))
    return chosen(network)


def test_a_network_without_the_option_asks_for_nothing(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    kernel.host.default_uplinks = list(UPLINKS)
    driver.create(CALL, network)
    assert driver.survey(CALL, [network]) == []
    assert not kernel.host.led
    assert kernel.firewall.networks[network.interface].uplinks == ()
    assert not {"host.uplinks", "host.lead_replies"} & kernel.control.calls.keys()


def test_the_option_is_changed_while_the_network_is_in_use(
    kernel: FakeKernel, driver: BridgeDriver, leading: Network
) -> None:
    assert kernel.host.led == {leading.interface}
    assert kernel.firewall.networks[leading.interface].uplinks == tuple(UPLINKS)
    driver.create(CALL, chosen(leading, "false"))
    assert not kernel.host.led
    assert kernel.firewall.networks[leading.interface].uplinks == ()


def test_a_deleted_network_leaves_nothing(
    kernel: FakeKernel, driver: BridgeDriver, leading: Network
) -> None:
    driver.delete(CALL, leading)
    assert not kernel.host.led


def test_a_survey_finds_missing_rules_and_new_uplinks(
    kernel: FakeKernel, driver: BridgeDriver, leading: Network
) -> None:
    assert driver.survey(CALL, [leading]) == []
    kernel.host.led.clear()
    assert driver.survey(CALL, [leading]) == [leading.id]
    assert driver.check_network(CALL, leading) == [
        f"The host lacks the policy rule that leads replies from {leading.interface}."
    ]
    driver.create(CALL, leading)
    kernel.host.default_uplinks.append(Uplink("up2", 3))
    assert driver.survey(CALL, [leading]) == [leading.id]
    driver.create(CALL, leading)
    assert driver.survey(CALL, [leading]) == []


def test_a_start_leads_replies_and_releases_those_of_networks_that_are_gone(
    kernel: FakeKernel, driver: BridgeDriver, leading: Network
) -> None:
    kernel.host.led = {"br-gone"}
    driver.restore(CALL, [leading, sample_network(2)])
    assert kernel.host.led == {leading.interface}
    driver.restore(CALL, [])
    assert not kernel.host.led


def test_an_audit_finds_what_is_left_over(
    kernel: FakeKernel, driver: BridgeDriver, leading: Network
) -> None:
    expected = ExpectedState(networks=[leading], unfinished=[])
    assert driver.audit(CALL, expected) == []
    kernel.host.led.add("br-gone")
    assert driver.audit(CALL, expected) == [
        "Policy rules still lead replies from br-gone to uplinks."
    ]


def test_strict_filtering_is_a_condition_of_networks_with_the_option(
    kernel: FakeKernel, driver: BridgeDriver, leading: Network
) -> None:
    kernel.host.strict_uplinks = ["up.1"]
    other = sample_network(2)
    found = driver.conditions(CALL, [leading, other])
    (condition,) = found[leading.id]
    assert condition.commands == ("sysctl -w net.ipv4.conf.up/1.rp_filter=2",)
    assert not found[other.id]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"reply_by_ingress": "false"}, {}),
        (
            {"reply_by_ingress": "true"},
            {"options[reply_by_ingress]": "an internal network has no uplinks; leave it out"},
        ),
    ],
)
def test_an_internal_network_has_no_uplinks(
    options: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    assert contradictions(NetworkRequest(options=options, internal=True)) == expected

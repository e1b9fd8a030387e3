"""The options of an endpoint: what each may be, and what comes of them."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.endpoint_options import ENDPOINT_OPTIONS, SYSCTLS, sysctls
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import SampleCall

CHECKS = {option.name: option.check for option in ENDPOINT_OPTIONS}
RP_FILTER, ACCEPT_RA = "net.ipv4.conf.IFNAME.rp_filter", "net.ipv6.conf.IFNAME.accept_ra"


@pytest.mark.parametrize("sysctl", SYSCTLS, ids=lambda sysctl: sysctl.name)
def test_a_sysctl_takes_the_numbers_that_its_description_names(sysctl: object) -> None:
    (known,) = [each for each in SYSCTLS if each is sysctl]
    check, first, last = CHECKS[known.name], known.values[0], known.values[-1]
    assert check(str(first)) is check(str(last)) is None
    sentence = f"is a whole number from {first} to {last}"
    for value in (str(first - 1), str(last + 1), "", f"0{last}", f"+{last}", f" {last}", "٢"):
        assert check(value) == sentence, value
    assert known.option.description.startswith(f"{first} to {last}: ")


def test_each_concerns_one_interface_and_none_that_mynet_has_set_itself() -> None:
    for name in (each.name for each in SYSCTLS):
        net, family, folder, interface, _ = name.split(".")
        assert (net, interface) == ("net", "IFNAME")
        assert family in {"ipv4", "ipv6"}
        assert folder in {"conf", "neigh"}
    taken = {each.name.rpartition(".")[2] for each in SYSCTLS}
    assert not taken & {"disable_ipv6", "mtu", "addr_gen_mode", "route_localnet", "accept_dad"}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, {ACCEPT_RA: "0"}),
        ({ACCEPT_RA: "2"}, {ACCEPT_RA: "2"}),
        ({RP_FILTER: "1"}, {ACCEPT_RA: "0", RP_FILTER: "1"}),
    ],
)
def test_router_advertisements_are_not_taken_unless_they_are_asked_for(
    endpoint: Endpoint, options: dict[str, str], settings: dict[str, str]
) -> None:
    asked = replace(endpoint, options=options)
    assert sysctls(asked) == settings
    ipv4 = replace(asked, addresses=endpoint.addresses[:1])
    assert sysctls(ipv4) == options


def test_what_was_set_is_checked_and_set_again(driver: BridgeDriver, endpoint: Endpoint) -> None:
    driver.create(SampleCall(), endpoint.network)
    driver.connect(SampleCall(), endpoint)
    asked = replace(endpoint, options={RP_FILTER: "2"})
    assert driver.check(SampleCall(), asked) == [
        "net.ipv4.conf.check1.rp_filter is not there instead of 2."
    ]
    driver.connect(SampleCall(), asked)
    assert driver.check(SampleCall(), asked) == []


def test_without_a_sandbox_what_can_only_be_set_there_is_refused_before_anything_is_made(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(SampleCall(), endpoint.network)
    before = kernel.list_links()
    lone = replace(endpoint, sandbox=None, gateways=())
    with pytest.raises(CapabilityUnsupported, match=r"rp_filter cannot be set without a sandbox"):
        driver.connect(SampleCall(), replace(lone, options={RP_FILTER: "2"}))
    assert kernel.list_links() == before
    driver.connect(SampleCall(), lone)  # where nothing was asked for, nothing is refused
    assert driver.check(SampleCall(), lone) == []

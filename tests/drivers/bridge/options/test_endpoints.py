"""The sysctls of an endpoint: their values, and what is set in the sandbox."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.endpoints import ENDPOINT_OPTIONS
from mynet.drivers.bridge.options.sysctls import SYSCTLS, sysctls
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import SampleCall

OPTIONS = {option.name: option for option in ENDPOINT_OPTIONS}
RP_FILTER, ACCEPT_RA = "net.ipv4.conf.IFNAME.rp_filter", "net.ipv6.conf.IFNAME.accept_ra"
DISABLE_IPV6 = "net.ipv6.conf.IFNAME.disable_ipv6"


@pytest.mark.parametrize("name", SYSCTLS)
def test_a_sysctl_accepts_the_numbers_in_its_description(name: str) -> None:
    values, _ = SYSCTLS[name]
    check, first, last = OPTIONS[name].check, values[0], values[-1]
    assert check(str(first)) is check(str(last)) is None
    sentence = f"must be a whole number from {first} to {last}"
    for value in (str(first - 1), str(last + 1), "", f"0{last}", f"+{last}", f" {last}", "٢"):
        assert check(value) == sentence, value
    assert OPTIONS[name].description.startswith(f"{first} to {last}: ")


def test_no_sysctl_affects_other_interfaces_or_what_mynet_sets() -> None:
    for name in SYSCTLS:
        net, family, folder, interface, _ = name.split(".")
        assert (net, interface) == ("net", "IFNAME")
        assert family in {"ipv4", "ipv6"}
        assert folder in {"conf", "neigh"}
    settings = {name.rpartition(".")[2] for name in SYSCTLS}
    assert not settings & {"mtu", "addr_gen_mode", "route_localnet", "accept_dad"}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, {DISABLE_IPV6: "0", ACCEPT_RA: "0"}),
        ({ACCEPT_RA: "2"}, {DISABLE_IPV6: "0", ACCEPT_RA: "2"}),
        ({RP_FILTER: "1"}, {DISABLE_IPV6: "0", ACCEPT_RA: "0", RP_FILTER: "1"}),
    ],
)
def test_router_advertisements_are_ignored_unless_an_option_accepts_them(
    endpoint: Endpoint, options: dict[str, str], settings: dict[str, str]
) -> None:
    assert sysctls(options, endpoint.addresses) == settings
    assert sysctls(options, endpoint.addresses[:1]) == options


def test_a_sysctl_that_differs_is_reported_and_set_again(
    driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(SampleCall(), endpoint.network)
    driver.connect(SampleCall(), endpoint)
    asked = replace(endpoint, options={RP_FILTER: "2"})
    assert driver.check(SampleCall(), asked) == [
        "net.ipv4.conf.check1.rp_filter is not there instead of 2."
    ]
    driver.connect(SampleCall(), asked)
    assert driver.check(SampleCall(), asked) == []


def test_sysctls_without_a_sandbox_are_refused_before_anything_is_made(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(SampleCall(), endpoint.network)
    before = kernel.list_links()
    lone = replace(endpoint, sandbox=None, gateways=())
    with pytest.raises(CapabilityUnsupported, match=r"rp_filter cannot be set without a sandbox"):
        driver.connect(SampleCall(), replace(lone, options={RP_FILTER: "2"}))
    assert kernel.list_links() == before
    driver.connect(SampleCall(), lone)  # without sysctls nothing is refused
    assert driver.check(SampleCall(), lone) == []

"""The options ``host_ipv4`` and ``host_ipv6``: what is accepted, and what is said of the rest."""

from dataclasses import replace

import pytest

from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.host_addresses import HOST_ADDRESS_OPTIONS, without_masquerading
from mynet.drivers.errors import InvalidOptions
from mynet.drivers.testing import SampleCall, sample_network

IPV4, IPV6 = HOST_ADDRESS_OPTIONS


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("203.0.113.7", None),
        ("host", "'host' is not an address; write an IPv4 address of this host"),
        ("2001:db8::7", "2001:db8::7 is not an IPv4 address"),
        ("0.0.0.0", "is a unspecified address"),  # noqa: S104 - what is refused
        ("127.0.0.1", "is a loopback address"),
        ("169.254.0.1", "is a link-local address"),
        ("224.0.0.1", "is a multicast address"),
    ],
)
def test_an_address_that_packets_can_leave_by(value: str, words: str | None) -> None:
    said = IPV4.check(value)
    assert (said is None) if words is None else (words in (said or ""))


def test_a_zone_is_no_part_of_an_address() -> None:
    assert IPV6.check("fe80::1%eth0") == "fe80::1%eth0 is not an IPv6 address"


def test_only_what_is_masqueraded_has_an_address_to_leave_by() -> None:
    given = {"host_ipv4": "203.0.113.7", "host_ipv6": "2001:db8::7"}
    assert [key for key, _ in without_masquerading(given, {4})] == ["host_ipv6"]


def test_the_host_must_have_the_address(driver: BridgeDriver) -> None:
    network = replace(sample_network(), options={"host_ipv4": "203.0.113.99"})
    with pytest.raises(InvalidOptions, match=r"203\.0\.113\.99 is not an address of this host"):
        driver.create(SampleCall(), network)
    (condition,) = driver.conditions(SampleCall(), [network])[network.id]
    assert condition.commands == ("mynetctl network update --opt-rm host_ipv4 conformance-1",)

"""The options that limit what an endpoint may send."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from mynet.drivers.bridge.options.endpoints import ENDPOINT_OPTIONS
from mynet.drivers.bridge.options.guard import GUARD_OPTIONS, GuardOptions
from mynet.drivers.bridge.options.networks import OPTIONS
from mynet.drivers.testing import sample_endpoint, sample_network

CHECKS = {option.name: option.check for option in GUARD_OPTIONS}


def parsed(network: dict[str, str], own: dict[str, str] | None = None) -> GuardOptions:
    """Return the options of an endpoint on a network with options."""
    endpoint = sample_endpoint(replace(sample_network(), options=network))
    return GuardOptions.of(replace(endpoint, options=own or {}))


def test_networks_and_endpoints_have_the_same_options() -> None:
    assert set(GUARD_OPTIONS) <= set(OPTIONS)
    assert set(GUARD_OPTIONS) <= set(ENDPOINT_OPTIONS)


def test_the_options_can_change_while_the_endpoint_is_in_use() -> None:
    for option in GUARD_OPTIONS:
        assert option.change(None, "x") is None


def test_an_endpoint_is_guarded_by_default() -> None:
    assert parsed({}) == GuardOptions(spoof_check=True, allowed=(), conntrack_limit=4096)


def test_the_option_of_the_endpoint_wins_over_that_of_its_network() -> None:
    network = {"spoof_check": "false", "conntrack_limit": "10", "allowed_addresses": "10.9.0.0/24"}
    assert parsed(network) == GuardOptions(
        spoof_check=False, allowed=(ip_network("10.9.0.0/24"),), conntrack_limit=10
    )
    own = {"spoof_check": "true", "conntrack_limit": "0", "allowed_addresses": ""}
    assert parsed(network, own) == GuardOptions(spoof_check=True, allowed=(), conntrack_limit=0)
    assert parsed(network, {"conntrack_limit": "7"}).allowed == (ip_network("10.9.0.0/24"),)


def test_overlapping_cidrs_are_merged() -> None:
    value = "fd09::/64, 10.9.0.7,10.9.0.0/25,10.9.0.128/25,fd09::7"
    assert CHECKS["allowed_addresses"](value) is None
    allowed = parsed({"allowed_addresses": value}).allowed
    assert allowed == (ip_network("10.9.0.0/24"), ip_network("fd09::/64"))


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("spoof_check", "no", "must be true or false"),
        ("conntrack_limit", "-1", "must be a whole number from 0 to 16777216; 0 is no limit"),
        ("conntrack_limit", "16777217", "must be a whole number from 0 to 16777216"),
        ("conntrack_limit", "010", "must be a whole number from 0 to 16777216"),
        ("conntrack_limit", "", "must be a whole number from 0 to 16777216"),
        ("conntrack_limit", "\u0661", "must be a whole number from 0 to 16777216"),
        ("allowed_addresses", "10.9.0.0/33", "'10.9.0.0/33' is not an address or a CIDR"),
        ("allowed_addresses", "10.9.0.0/0.0.0.255", "'10.9.0.0/0.0.0.255' is not an address"),
        ("allowed_addresses", "10.9.0.1,,10.9.0.2", "'' is not an address or a CIDR"),
        ("allowed_addresses", "fe80::1%eth0", "'fe80::1%eth0' is not an address or a CIDR"),
        ("allowed_addresses", "10.9.0.7/24", "10.9.0.7/24 has bits set after its prefix; write"),
        ("allowed_addresses", "127.0.0.1", "127.0.0.1/32 is loopback, and no packet comes from"),
        ("allowed_addresses", "224.0.0.0/24", "224.0.0.0/24 is multicast"),
        ("allowed_addresses", "::ffff:10.0.0.0/104", "is IPv4-mapped"),
        ("allowed_addresses", "::1", "::1/128 is loopback"),
        ("allowed_addresses", "0.0.0.1", "0.0.0.1/32 is unspecified"),
        ("allowed_addresses", ",".join(65 * ["10.9.0.1"]), "has 65 CIDRs; up to 64 are accepted"),
    ],
)
def test_a_wrong_value_is_explained(name: str, value: str, fault: str) -> None:
    said = CHECKS[name](value)
    assert said is not None
    assert fault in said


def test_all_faults_of_a_list_are_reported_at_once() -> None:
    said = CHECKS["allowed_addresses"]("x,10.9.0.7/24,::1")
    assert said is not None
    assert said.count("; ") == 3  # one of them is within a sentence


@pytest.mark.parametrize("value", ["0.0.0.0/0,::/0", "10.9.0.7", "fe80::/10", "", " 10.9.0.7 "])
def test_addresses_and_cidrs_of_both_families_are_accepted(value: str) -> None:
    assert CHECKS["allowed_addresses"](value) is None

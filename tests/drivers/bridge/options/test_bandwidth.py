"""Options that limit an endpoint's bandwidth: their values, and the limits they set."""

from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.bandwidth import (
    BANDWIDTH_OPTIONS,
    EGRESS,
    INGRESS,
    bandwidth_contradictions,
    limit,
)
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Rate, Shaper
from mynet.drivers.testing import SampleCall, sample_endpoint

CHECKS = {option.name: option.check for option in BANDWIDTH_OPTIONS}
RATES = ("bandwidth_ingress", "bandwidth_egress")
BURSTS = ("bandwidth_ingress_burst", "bandwidth_egress_burst")


def test_there_is_a_rate_and_a_burst_for_each_direction() -> None:
    assert set(CHECKS) == {*RATES, *BURSTS}


@pytest.mark.parametrize(
    ("written", "bytes_per_second"),
    [
        ("8kbit", 1000),
        ("10Mbit", 1_250_000),
        ("10MBIT", 1_250_000),
        ("1.5mbit", 187_500),
        ("1Gbit", 125_000_000),
        ("100gbit", 12_500_000_000),
        ("1Mibit", 131_072),
        ("1Gibit", 134_217_728),
        ("64Kibit", 8192),
        ("9000bit", 1125),
    ],
)
@pytest.mark.parametrize("key", RATES)
def test_rates_are_parsed_like_tc_does(key: str, written: str, bytes_per_second: int) -> None:
    assert CHECKS[key](written) is None
    rate = limit({key: written}, key, 1500)
    assert rate
    assert rate.bytes_per_second == bytes_per_second


@pytest.mark.parametrize(
    "value",
    [
        *("", "10", "10M", "10Mbps", "10 Mbit", "-1Mbit", "Mbit", "1,5Mbit", "1e3Mbit", ".5Mbit"),
        *("0Mbit", "7999bit", "101Gbit", "٣Mbit", "9" * 5000 + "bit", "1." + "0" * 5000 + "Mbit"),
    ],
    ids=lambda value: value[:12],
)
@pytest.mark.parametrize("key", RATES)
def test_an_invalid_rate_is_refused(key: str, value: str) -> None:
    assert CHECKS[key](value) == "must be a rate from 8kbit to 100Gbit, such as 10Mbit"


@pytest.mark.parametrize(
    ("written", "size"),
    [("65536", 2**16), ("64k", 2**16), ("64kb", 2**16), ("2048b", 2048), ("1M", 2**20)],
)
@pytest.mark.parametrize("key", RATES)
def test_bursts_are_parsed_like_tc_does(key: str, written: str, size: int) -> None:
    assert CHECKS[f"{key}_burst"](written) is None
    assert limit({key: "10Mbit", f"{key}_burst": written}, key, 1500) == Rate(1_250_000, size)


@pytest.mark.parametrize("value", ["", "1023", "0.9k", "2g", "64kbit", "k", "-1k", "1 k"])
@pytest.mark.parametrize("key", BURSTS)
def test_an_invalid_burst_is_refused(key: str, value: str) -> None:
    assert CHECKS[key](value) == "must be a size in bytes from 1k to 1g, such as 64k"


@pytest.mark.parametrize(
    ("options", "mtu", "burst"),
    [
        ({INGRESS: "10Mbit"}, 1500, 16384),  # the smallest default, more than 10 ms of the rate
        ({INGRESS: "1Gbit"}, 1500, 1_250_000),  # 10 ms of the rate
        ({INGRESS: "10Mbit"}, 65535, 65553),
        ({INGRESS: "10Mbit", f"{INGRESS}_burst": "1k"}, 1500, 1518),
    ],
)
def test_a_burst_has_room_for_a_packet_and_for_a_step_of_the_clock(
    options: dict[str, str], mtu: int, burst: int
) -> None:
    rate = limit(options, INGRESS, mtu)
    assert rate
    assert rate.burst == burst


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, set()),
        ({INGRESS: "1Mbit", f"{INGRESS}_burst": "2k", EGRESS: "1Mbit"}, set()),
        ({f"{INGRESS}_burst": "2k", EGRESS: "1Mbit"}, {f"options[{INGRESS}_burst]"}),
        (
            {f"{INGRESS}_burst": "2k", f"{EGRESS}_burst": "2k"},
            {f"options[{INGRESS}_burst]", f"options[{EGRESS}_burst]"},
        ),
    ],
)
def test_a_burst_without_a_rate_is_a_contradiction(
    options: dict[str, str], fields: set[str]
) -> None:
    assert set(bandwidth_contradictions(options)) == fields


@pytest.mark.parametrize(
    ("bytes_per_second", "written"),
    [(1000, "8kbit"), (1_250_000, "10Mbit"), (125_000_000, "1Gbit"), (131_072, "1048576bit")],
)
def test_a_rate_is_written_in_its_largest_whole_unit(bytes_per_second: int, written: str) -> None:
    assert str(Rate(bytes_per_second, 0)) == written


def test_each_direction_has_its_own_limit(driver: BridgeDriver, endpoint: Endpoint) -> None:
    plain = driver._specs.veth(endpoint)
    assert (plain.ingress, plain.shaper) == (None, None)
    limited = driver._specs.veth(replace(endpoint, options={INGRESS: "1Mbit", EGRESS: "2Mbit"}))
    assert limited.ingress == Rate(125_000, 16384)
    assert limited.shaper == Shaper(
        "ifb-chk1",
        "mynet:test:conformance-1-1",
        mac_from("shaper of conformance-1-1"),
        Rate(250_000, 16384),
    )


def test_a_shaper_without_a_record_is_an_orphan(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(SampleCall(), endpoint.network)
    limited = replace(endpoint, options={EGRESS: "2Mbit"})
    driver.connect(SampleCall(), limited)
    driver.connect(SampleCall(), sample_endpoint(endpoint.network, 2, sandbox=endpoint.sandbox))
    known = {endpoint.network.id, "conformance-1-2"}
    assert driver.orphans(SampleCall(), {*known, endpoint.id}) == []
    orphans = driver.orphans(SampleCall(), known)
    assert {orphan.name for orphan in orphans} == {"interface vethchk1", "interface ifb-chk1"}
    for orphan in orphans:
        driver.discard(SampleCall(), orphan)
    assert {link.name for link in kernel.list_links()} == {"br-check1", "vethchk2"}

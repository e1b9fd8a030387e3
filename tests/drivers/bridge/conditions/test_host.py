"""Conditions by the host's kernel and its settings: which they are, and the commands."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network, sample_ports
from tests.drivers.bridge.support.surroundings import (
    APART,
    BLUE,
    INTERNAL,
    ONLY_IPV4,
    around,
    conditions,
)


def test_an_uplink_that_ignores_advertisements_affects_networks_with_ipv6(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, ra_ignored=("eth0", "eth0.7"))
    first, second = conditions(driver, BLUE)
    assert list(first.commands) == ["sysctl -w net.ipv6.conf.eth0.accept_ra=2"]
    assert list(second.commands) == ["sysctl -w net.ipv6.conf.eth0/7.accept_ra=2"]
    for network in (ONLY_IPV4, INTERNAL):
        assert conditions(driver, network) == []


@pytest.mark.parametrize(
    ("bridged", "settings"),
    [
        ((), None),
        ((4,), ["bridge-nf-call-iptables"]),
        ((6,), ["bridge-nf-call-ip6tables"]),
        ((4, 6), ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"]),
    ],
)
def test_unreachable_ports_of_isolated_endpoints_are_reported(
    kernel: FakeKernel,
    driver: BridgeDriver,
    bridged: Sequence[int],
    settings: Sequence[str] | None,
) -> None:
    around(kernel, bridged=frozenset(bridged))
    driver.create(SampleCall(), APART)
    assert conditions(driver, APART) == []
    driver.connect(SampleCall(), replace(sample_endpoint(APART), ports=sample_ports()))
    commands = [
        command for condition in conditions(driver, APART) for command in condition.commands
    ]
    assert commands == [f"sysctl -w net.bridge.{setting}=0" for setting in settings or ()]
    assert conditions(driver, BLUE) == []
    elsewhere = replace(APART, subnets=sample_network(2).subnets)
    assert conditions(driver, elsewhere) == []


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("198.18.0.255", False),
        ("198.18.1.0", True),
        ("198.18.1.255", True),
        ("198.18.2.0", False),
        ("fd6d:796e:6574:1::7", False),
    ],
)
def test_targets_of_ports_are_found_by_subnet(target: str, *, inside: bool) -> None:
    around = Surroundings(targets=frozenset({ip_address(target)}))
    assert around.leads_into(BLUE.subnets[0].cidr) is inside


def test_a_kernel_without_ipv6_is_a_condition_of_networks_with_ipv6_subnets(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, versions=frozenset({4}))
    (condition,) = conditions(driver, BLUE)
    assert "has no IPv6" in condition.problem
    assert str(BLUE.subnets[1].cidr) in condition.problem
    assert conditions(driver, ONLY_IPV4) == []


def test_read_only_sysctls_are_a_condition(kernel: FakeKernel, driver: BridgeDriver) -> None:
    around(kernel, sets_sysctls=False)
    (condition,) = conditions(driver, BLUE)
    assert "may not write to /proc/sys" in condition.problem
    assert "docs/mynetd.md" in condition.remedy


@pytest.mark.parametrize(("used", "count"), [(0, 0), (94, 0), (95, 1), (100, 1)])
def test_a_full_connection_table_is_a_condition(
    kernel: FakeKernel, driver: BridgeDriver, used: int, count: int
) -> None:
    around(kernel, connections=used, most_connections=100)
    found = conditions(driver, BLUE)
    assert len(found) == count
    for condition in found:
        assert f"tracks {used} connections of at most 100" in condition.problem
        assert list(condition.commands) == ["sysctl -w net.netfilter.nf_conntrack_max=200"]


def test_without_connection_tracking_no_table_is_full(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel)
    assert conditions(driver, BLUE) == []

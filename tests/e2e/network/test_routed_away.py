"""A host that routes private ranges elsewhere, as a VPN of a company does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import Daemon, create, refusal
from tests.e2e.support.testbed import OUTSIDE, Sandbox

ALL_IPV4 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
ALL_IPV6 = ("fc00::/7",)


@pytest.fixture
def route(daemon: Daemon) -> Iterator[Callable[..., None]]:
    """Route ranges to the outside, for the time of the test."""

    def add(*ranges: str) -> None:
        for cidr in ranges:
            gateway = OUTSIDE[":" in cidr]
            daemon.testbed.run("ip", "route", "add", cidr, "via", gateway)
            undo.callback(daemon.testbed.run, "ip", "route", "del", cidr)

    with ExitStack() as undo:
        yield add


def automatic(daemon: Daemon, name: str = "blue") -> network_pb2.Network:
    """Create a network that leaves its subnets to the daemon."""
    asked = network_pb2.Network(name=name)
    return daemon.net.CreateNetwork(network_pb2.CreateNetworkRequest(network=asked)).network


@pytest.mark.parametrize(
    ("routed", "prefix"),
    [
        (1, "172.16.0.0/24"),
        (2, "192.168.0.0/24"),
        (3, "100.64.0.0/24"),
    ],
)
def test_other_private_ranges_are_used(
    daemon: Daemon, route: Callable[..., None], one: Sandbox, routed: int, prefix: str
) -> None:
    route(*ALL_IPV4[:routed])
    network = automatic(daemon)
    assert [subnet.cidr for subnet in network.subnets if ":" not in subnet.cidr] == [prefix]
    assert list(network.conditions) == []
    daemon.connect("one")
    for subnet in network.subnets:
        assert one.pings(subnet.gateway)


def test_another_ipv6_prefix_is_used(daemon: Daemon, route: Callable[..., None]) -> None:
    _, first = automatic(daemon, "first").subnets
    route(first.cidr.replace("::/64", "::/48"))
    _, second = automatic(daemon, "second").subnets
    assert second.cidr.startswith("fd")
    assert second.cidr[:14] != first.cidr[:14]


@pytest.mark.parametrize(
    ("routed", "version", "lacking"), [(ALL_IPV6, 4, "IPv6"), (ALL_IPV4, 6, "IPv4")]
)
def test_an_ip_version_without_a_free_subnet_does_not_fail_the_other(
    daemon: Daemon,
    route: Callable[..., None],
    one: Sandbox,
    routed: tuple[str, ...],
    version: int,
    lacking: str,
) -> None:
    route(*routed)
    network = automatic(daemon)
    (subnet,) = network.subnets
    (condition,) = network.conditions
    begin = f"It is a network of IPv{version} alone: no {lacking} subnet is free"
    assert condition.problem.startswith(begin)
    assert f"the host's own routes ({routed[0]}) have them" in condition.problem
    assert "make it anew with subnets that you name" in condition.remedy
    daemon.connect("one")
    assert one.pings(subnet.gateway)
    findings = daemon.net.Doctor(network_pb2.DoctorRequest()).findings
    assert condition.problem in [finding.problem for finding in findings]


def test_an_ip_version_that_was_asked_for_is_an_error_with_the_reason(
    daemon: Daemon, route: Callable[..., None]
) -> None:
    route(*ALL_IPV6)
    refused = refusal(daemon.net.CreateNetwork, create("blue", "0.0.0.0/24", "::/64"))
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED")
    assert "the host's own routes (fc00::/7) have them" in refused.message
    assert "name a subnet, or give mynetd other pools" in refused.message
    assert daemon.networks() == []


def test_a_host_with_every_private_range_routed_says_so(
    daemon: Daemon, route: Callable[..., None]
) -> None:
    route(*ALL_IPV4, *ALL_IPV6)
    asked = network_pb2.CreateNetworkRequest(network=network_pb2.Network(name="blue"))
    refused = refusal(daemon.net.CreateNetwork, asked)
    assert refused.reason == "POOLS_EXHAUSTED"
    assert "the host's own routes (10.0.0.0/8)" in refused.message


def test_a_route_that_comes_later_leaves_a_network_as_it_is(
    daemon: Daemon, route: Callable[..., None], one: Sandbox
) -> None:
    """The network's own route is longer, so its packets stay where they belong."""
    network = automatic(daemon)
    route(*ALL_IPV4, *ALL_IPV6)
    daemon.connect("one")
    for subnet in network.subnets:
        assert one.pings(subnet.gateway)
    assert one.pings(OUTSIDE[0])
    assert list(daemon.networks()[0].conditions) == []

"""The core on a kernel without IPv6, over the real driver and the kernel in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.v1 import ipam_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import create
from tests.server.support.stack import Stack


@pytest.fixture
def ipv4_only(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, versions=frozenset({4}))
    yield made
    made.close()


def test_both_kernels_have_both_versions_by_default() -> None:
    assert FakeKernel().host.ip_versions() == {4, 6}


def test_an_ipv6_subnet_leaves_nothing(ipv4_only: Stack) -> None:
    refused = refusal(ipv4_only.net.CreateNetwork, create("web", "10.1.0.0/24", "fd01::/64"))
    assert refused.reason == "CAPABILITY_UNSUPPORTED"
    assert ipv4_only.kernel.list_links() == []
    assert ipv4_only.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest()).subnets == []
    ipv4_only.net.CreateNetwork(create("web", "10.1.0.0/24"))


def test_a_network_without_subnets_has_ipv4_alone_and_no_condition(ipv4_only: Stack) -> None:
    request = create("web")
    request.network.ClearField("subnets")
    network = ipv4_only.net.CreateNetwork(request).network
    assert [":" in subnet.cidr for subnet in network.subnets] == [False]
    assert list(network.conditions) == []

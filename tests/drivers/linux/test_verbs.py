"""The values that kernels are asked with, and whose a link is."""

from ipaddress import ip_address, ip_interface

import pytest

from mynet.drivers.linux.verbs import (
    Bridge,
    Link,
    Veth,
    is_ours,
    link_local,
    mac_from,
    priority,
    with_link_local,
)

BRIDGE = Bridge("br-web", "mynet:i:web", "02:00:00:00:00:01", 1500)
VETH = Veth("veth1", "mynet:i:1", "02:00:00:00:00:02", "br-web", 1500, "eth0", "02:00:00:00:00:03")


def test_a_derived_mac_is_the_same_every_time_local_and_unicast() -> None:
    macs = {mac_from(str(number)) for number in range(1000)}
    assert len(macs) == 1000
    assert {mac[:2] for mac in macs} == {"02"}
    assert mac_from("web") == "02:4b:5e:57:f6:eb"  # as in every release: links are known by it


@pytest.mark.parametrize(
    ("mac", "address"),
    [
        ("34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde/64"),  # RFC 4291, appendix A
        ("02:00:5e:00:53:01", "fe80::5eff:fe00:5301/64"),
    ],
)
def test_a_link_local_address_follows_from_the_mac(mac: str, address: str) -> None:
    assert link_local(mac) == ip_interface(address)


def test_a_link_local_address_comes_with_ipv6_alone() -> None:
    ipv4, ipv6 = ip_interface("10.1.0.2/24"), ip_interface("fd00:1::2/64")
    own = link_local(VETH.mac)
    assert with_link_local([], VETH.mac) == ()
    assert with_link_local([ipv4], VETH.mac) == (ipv4,)
    assert with_link_local([ipv6], VETH.mac) == (ipv6, own)
    assert with_link_local([ipv4, ipv6], VETH.mac) == (ipv4, ipv6, own)


@pytest.mark.parametrize(
    ("gateway", "metric", "expected"),
    [("10.1.0.1", 0, 0), ("10.1.0.1", 7, 7), ("fd00::1", 0, 1), ("fd00::1", 7, 7)],
)
def test_metric_0_is_1_in_ipv6(gateway: str, metric: int, expected: int) -> None:
    assert priority(ip_address(gateway), metric) == expected


@pytest.mark.parametrize(
    ("kind", "mac", "mark", "ours"),
    [
        ("bridge", "02:00:00:00:00:01", "mynet:i:web", True),
        ("bridge", "02:00:00:00:00:01", "", True),  # only begun
        ("bridge", "02:00:00:00:00:99", "mynet:i:web", True),  # the MAC was changed by hand
        ("bridge", "02:00:00:00:00:99", "", False),
        ("bridge", "02:00:00:00:00:01", "mynet:i:other", False),
        ("bridge", "02:00:00:00:00:01", "mynet:j:web", False),
        ("bridge", "02:00:00:00:00:01", "a note", False),
        ("veth", "02:00:00:00:00:01", "mynet:i:web", False),
        ("", "02:00:00:00:00:01", "mynet:i:web", False),
    ],
)
def test_a_bridge_is_ours_by_kind_and_mark(kind: str, mac: str, mark: str, *, ours: bool) -> None:
    assert is_ours(Link(7, "br-web", kind, mac, 1500, mark), BRIDGE) is ours


@pytest.mark.parametrize(
    ("kind", "mac", "mark", "ours"),
    [
        ("veth", "02:00:00:00:00:02", "mynet:i:1", True),
        ("veth", "02:00:00:00:00:02", "", True),
        ("veth", "02:00:00:00:00:03", "", False),  # the inner end's
        ("veth", "02:00:00:00:00:02", "mynet:i:2", False),
        ("bridge", "02:00:00:00:00:02", "mynet:i:1", False),
    ],
)
def test_a_pair_is_ours_by_its_outer_end(kind: str, mac: str, mark: str, *, ours: bool) -> None:
    assert is_ours(Link(7, "veth1", kind, mac, 1500, mark), VETH) is ours

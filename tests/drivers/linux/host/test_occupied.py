"""The subnets of the host's addresses and routes, which no network may use."""

import time
from collections.abc import Callable
from ipaddress import ip_interface

import pytest
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_requests
from mynet.drivers.linux.values.desired import Bridge
from tests.drivers.linux.support.kernels import KernelTestbed
from tests.drivers.linux.support.namespaces import Namespace, decoded


@pytest.fixture
def added(host: Namespace, kernel: LinuxKernel) -> Callable[..., set[str]]:
    """Return a function that runs ``ip`` and returns the subnets that it has occupied.

    The kernel configures IPv6 addresses asynchronously, so the links' own subnets are left out.
    """
    host.run("ip", "link", "add", "up0", "type", "veth", "peer", "up1")
    for name in ("up0", "up1"):
        host.run("ip", "link", "set", name, "addrgenmode", "none")
        host.run("ip", "link", "set", name, "up")
    host.run("ip", "addr", "add", "198.51.100.9/24", "dev", "up0")
    host.run("ip", "addr", "add", "2001:db8::9/64", "dev", "up0", "nodad")

    def added(*words: str) -> set[str]:
        before = occupied(kernel)
        host.run("ip", *words)
        new = occupied(kernel) - before
        own = ("198.51.", "2001:", "fe80:", "ff00:")
        return {subnet for subnet in new if not subnet.startswith(own)}

    return added


def occupied(kernel: LinuxKernel) -> set[str]:
    return {str(cidr) for cidr in kernel.host.occupied_subnets()}


def test_an_empty_host_occupies_only_its_loopback(host: Namespace, kernel: LinuxKernel) -> None:
    subnets = occupied(kernel)
    assert {"127.0.0.0/8", "::1/128"} <= subnets
    assert all(subnet.startswith(("127.", "::1", "fe80:", "ff00:")) for subnet in subnets)


@pytest.mark.parametrize("table", ["main", "local", "100", "4711"])
@pytest.mark.parametrize(
    ("route", "via"),
    [("10.9.0.0/16", "198.51.100.1"), ("fd00:9::/48", "2001:db8::1")],
    ids=["IPv4", "IPv6"],
)
def test_routes_of_every_table_count(
    added: Callable[..., set[str]], route: str, via: str, table: str
) -> None:
    assert added("route", "add", route, "via", via, "table", table) == {route}


@pytest.mark.parametrize(
    "words",
    [
        ("10.9.0.0/16", "dev", "up0"),
        ("10.9.0.0/16", "dev", "up0", "metric", "99", "scope", "link"),
        ("10.9.0.0/16", "nexthop", "via", "198.51.100.1", "nexthop", "via", "198.51.100.2"),
        ("10.9.0.0/16", "via", "inet6", "2001:db8::1", "dev", "up0"),
        ("local", "10.9.0.0/16", "dev", "up0"),
        ("broadcast", "10.9.0.0/16", "dev", "up0"),
    ],
    ids=" ".join,
)
def test_a_route_of_any_kind_to_a_destination_counts(
    added: Callable[..., set[str]], words: tuple[str, ...]
) -> None:
    assert added("route", "add", *words) == {"10.9.0.0/16"}


@pytest.mark.parametrize("kind", ["unreachable", "blackhole", "prohibit", "throw"])
@pytest.mark.parametrize("route", ["10.0.0.0/8", "192.168.0.0/16", "fd00::/8"])
def test_a_route_that_rejects_packets_does_not_count(
    added: Callable[..., set[str]], kind: str, route: str
) -> None:
    assert added("route", "add", kind, route) == set()
    assert added("route", "add", kind, route, "table", "100") == set()


@pytest.mark.parametrize(
    ("route", "via"),
    [
        ("default", "198.51.100.1"),
        ("0.0.0.0/1", "198.51.100.1"),
        ("128.0.0.0/1", "198.51.100.1"),
        ("::/0", "2001:db8::1"),
        ("::/1", "2001:db8::1"),
        ("8000::/1", "2001:db8::1"),
    ],
)
@pytest.mark.parametrize("table", ["main", "100"])
def test_a_default_route_and_the_halves_of_one_do_not_count(
    added: Callable[..., set[str]], route: str, via: str, table: str
) -> None:
    assert added("route", "add", route, "via", via, "table", table) == set()


def test_a_quarter_of_all_addresses_counts(added: Callable[..., set[str]]) -> None:
    assert added("route", "add", "64.0.0.0/2", "via", "198.51.100.1") == {"64.0.0.0/2"}


@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize(
    ("address", "subnet"),
    [
        ("10.9.0.7/16", "10.9.0.0/16"),
        ("fd00:9::7/48", "fd00:9::/48"),
        ("10.9.0.7/32", "10.9.0.7/32"),
    ],
)
def test_an_address_counts_with_its_subnet_even_without_a_route(
    host: Namespace, added: Callable[..., set[str]], address: str, subnet: str, state: str
) -> None:
    host.run("ip", "link", "set", "up1", state)
    assert subnet in added("addr", "add", address, "dev", "up1", "noprefixroute")


def test_an_address_with_a_peer_counts_with_both_ends(added: Callable[..., set[str]]) -> None:
    words = ("10.9.0.7", "peer", "10.8.0.0/24", "dev", "up1", "noprefixroute")
    assert {"10.8.0.0/24", "10.9.0.7/32"} <= added("addr", "add", *words)
    words = ("fd00:9::7", "peer", "fd00:8::/64", "dev", "up1", "noprefixroute")
    assert {"fd00:8::/64", "fd00:9::7/128"} <= added("addr", "add", *words)


def test_a_secondary_address_counts(added: Callable[..., set[str]]) -> None:
    added("addr", "add", "10.9.0.7/24", "dev", "up1")
    assert "10.8.0.0/24" in added("addr", "add", "10.8.0.7/24", "dev", "up1")


def test_addresses_and_routes_in_sandboxes_do_not_count(
    box: Namespace, host: Namespace, kernel: LinuxKernel
) -> None:
    before = occupied(kernel)
    box.run("ip", "route", "add", "unreachable", "10.9.0.0/16")
    box.run("ip", "addr", "add", "10.8.0.7/24", "dev", "lo")
    assert occupied(kernel) == before


def test_bridges_of_both_kernels_count(testbed: KernelTestbed) -> None:
    addresses = (ip_interface("10.9.0.1/24"), ip_interface("fd00:9::1/64"))
    bridge = Bridge("br-web", "mynet:i:web", mac_from("web"), 1400, addresses)
    subnets = {address.network for address in addresses}
    testbed.kernel.links.ensure_bridge(bridge)
    assert subnets <= set(testbed.kernel.host.occupied_subnets())
    testbed.kernel.links.delete_bridge(bridge)
    assert not subnets & set(testbed.kernel.host.occupied_subnets())


def test_ten_thousand_routes_are_read_quickly(host: Namespace, kernel: LinuxKernel) -> None:
    """Reading only the routes with pyroute2 takes longer."""
    lines = [f"route add 10.{n // 256}.{n % 256}.0/24 dev lo table 100\n" for n in range(10_000)]
    host.run("ip", "-batch", "-", text="".join(lines))
    started = time.process_time()
    assert len(kernel.host.occupied_subnets()) > 10_000
    took = time.process_time() - started
    started = time.process_time()
    with Netlink() as nl:
        for data in nl.dump(Request(route_requests.get_routes(4), "list IPv4 routes", "routes")):
            decoded(rtmsg, data).get_attr("RTA_DST")
    assert took < time.process_time() - started

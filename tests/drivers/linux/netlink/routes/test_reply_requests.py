"""The routes of uplinks, as the kernel lists them."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from mynet.drivers.api import IPV4, IPV6
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes.reply_requests import get_routes, read_routes
from mynet.drivers.linux.values.replies import UplinkRoute
from tests.drivers.linux.support.namespaces import Namespace

TABLE = 77


@pytest.fixture
def host() -> Iterator[Namespace]:
    """A host with two uplinks, up0 and up1."""
    made = Namespace()
    for number in range(2):
        made.run("ip", "link", "add", f"up{number}", "type", "veth", "peer", "name", f"p{number}")
        made.run("ip", "link", "set", f"up{number}", "up")
        made.run("ip", "link", "set", f"p{number}", "up")
        made.run("ip", "addr", "add", f"192.0.{number}.2/24", "dev", f"up{number}")
        made.run("ip", "addr", "add", f"fd0{number}::2/64", "dev", f"up{number}", "nodad")
    yield made
    made.close()


def listed(host: Namespace, version: int) -> set[tuple[int, UplinkRoute, str]]:
    """Return the routes of the table, with the names of their devices."""
    with host.entered(), Netlink() as nl:
        dump = nl.dump(Request(get_routes(version, TABLE), "list routes", "routes"))
        found = [route for data in dump for route in read_routes(data)]
        return {
            (metric, route, socket.if_indextoname(route.device))
            for metric, route in found
            if route.table == TABLE
        }


@pytest.mark.parametrize(
    ("version", "to", "gateways"),
    [
        (IPV4, "default", ("192.0.0.1", "192.0.1.1")),
        (IPV4, "198.51.100.0/24", ("192.0.0.1", "192.0.1.1")),
        (IPV6, "default", ("fd00::1", "fd01::1")),
    ],
)
def test_each_next_hop_is_a_route(
    host: Namespace, version: int, to: str, gateways: tuple[str, str]
) -> None:
    hops = [word for number, via in enumerate(gateways) for word in _hop(number, via)]
    host.run("ip", f"-{version}", "route", "add", to, "metric", "9", "table", str(TABLE), *hops)
    everywhere = {IPV4: "0.0.0.0/0", IPV6: "::/0"}[version]
    destination = ip_network(everywhere if to == "default" else to)
    assert {(metric, route.destination, name) for metric, route, name in listed(host, version)} == {
        (9, destination, "up0"),
        (9, destination, "up1"),
    }
    assert {route.gateway for _, route, _ in listed(host, version)} == set(
        map(ip_address, gateways)
    )


def _hop(number: int, via: str) -> tuple[str, ...]:
    return "nexthop", "via", via, "dev", f"up{number}"


def test_a_gateway_may_be_of_the_other_ip_version(host: Namespace) -> None:
    via = ("via", "inet6", "fe80::1", "dev", "up0")
    host.run("ip", "route", "add", "198.51.100.0/24", "table", str(TABLE), *via)
    [(metric, route, name)] = listed(host, IPV4)
    assert (metric, route.gateway, name) == (0, ip_address("fe80::1"), "up0")


def test_a_route_that_forbids_packets_leads_nowhere(host: Namespace) -> None:
    host.run("ip", "route", "add", "blackhole", "198.51.100.0/24", "table", str(TABLE))
    assert listed(host, IPV4) == set()

"""A sandbox that advertises itself as a router: the host takes no route and no address from it."""

import socket
import struct
import time

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.namespaces import Namespace

ACCEPT = "ipv6/conf/br-check1/accept_ra"


def advertise(box: Namespace, device: str) -> None:
    """Send a router advertisement to all on the link, RFC 4861: a router, and a prefix."""
    prefix = socket.inet_pton(socket.AF_INET6, "fd66::")
    router = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    information = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, prefix)
    with (
        box.entered(),
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock,
    ):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.sendto(router + information, (f"ff02::1%{device}", 0))


def learned(host: Namespace) -> str:
    """Return the host's IPv6 routes that it has from advertisements, and the addresses."""
    addresses = host.run("ip", "-6", "address", "show", "dev", "br-check1", "dynamic")
    return host.run("ip", "-6", "route", "show", "proto", "ra") + addresses


@pytest.mark.parametrize("again", [False, True], ids=["made", "made again"])
def test_nobody_on_a_network_becomes_the_host_s_router(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint, *, again: bool
) -> None:
    driver.connect(SampleCall(), endpoint)
    host.set("ipv6/conf/all/forwarding", "0")  # a host that forwards takes no advertisements
    if again:
        host.set(ACCEPT, "1")
        driver.create(SampleCall(), endpoint.network)
        host.set("ipv6/conf/all/forwarding", "0")
    advertise(box, endpoint.interface)
    assert box.pings(str(endpoint.gateways[1]))  # what was sent before it has arrived, too
    assert learned(host) == ""

    host.set(ACCEPT, "1")  # so that is what kept it off
    advertise(box, endpoint.interface)
    deadline = time.monotonic() + 10
    while "default via fe80::" not in learned(host):
        assert time.monotonic() < deadline, "the advertisement was not heard"

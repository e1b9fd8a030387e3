"""A sandbox that advertises itself as a router gives the host no route and no address."""

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.testing import SampleCall, sample_endpoint
from tests.drivers.linux.support.namespaces import Namespace

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


UNGUARDED = {"spoof_check": "false"}  # no other endpoint sends advertisements


def learned(host: Namespace, device: str = "br-check1") -> str:
    """Return the IPv6 routes and addresses that a namespace has from advertisements."""
    addresses = host.run("ip", "-6", "address", "show", "dev", device, "dynamic")
    return host.run("ip", "-6", "route", "show", "proto", "ra") + addresses


@pytest.mark.parametrize("again", [False, True], ids=["made", "made again"])
def test_no_sandbox_becomes_the_host_s_router(
    host: Namespace, box: Namespace, driver: BridgeDriver, endpoint: Endpoint, *, again: bool
) -> None:
    driver.connect(SampleCall(), replace(endpoint, options=UNGUARDED))
    host.set("ipv6/conf/all/forwarding", "0")  # a host that forwards ignores advertisements
    if again:
        host.set(ACCEPT, "1")
        driver.create(SampleCall(), endpoint.network)
        host.set("ipv6/conf/all/forwarding", "0")
    advertise(box, endpoint.interface)
    assert box.pings(str(endpoint.gateways[1]))  # so the advertisement has arrived, too
    assert learned(host) == ""

    host.set(ACCEPT, "1")  # so the setting is what ignored the advertisement
    advertise(box, endpoint.interface)
    deadline = time.monotonic() + 60
    while "default via fe80::" not in learned(host):
        assert time.monotonic() < deadline, "the advertisement was ignored"


@pytest.mark.parametrize("asked", [None, "1"])
def test_a_sandbox_becomes_its_neighbour_s_router_only_by_an_option(
    box: Namespace,
    new_sandbox: Callable[[], Namespace],
    driver: BridgeDriver,
    endpoint: Endpoint,
    asked: str | None,
) -> None:
    neighbour = new_sandbox()
    for namespace in (box, neighbour):  # a new namespace inherits the machine's settings
        namespace.set("ipv6/conf/all/forwarding", "0")
    options = {"net.ipv6.conf.IFNAME.accept_ra": asked} if asked else {}
    second = sample_endpoint(endpoint.network, 2, sandbox=neighbour.sandbox)
    driver.connect(SampleCall(), replace(endpoint, options=UNGUARDED))
    driver.connect(SampleCall(), replace(second, options=options))
    assert box.pings(str(second.addresses[1].ip))  # so frames pass
    advertise(box, endpoint.interface)
    assert box.pings(str(second.addresses[1].ip))  # so the advertisement has arrived, too
    deadline = time.monotonic() + 60
    while asked and "default via fe80::" not in learned(neighbour, "check2"):
        assert time.monotonic() < deadline, "every advertisement was ignored"
        advertise(box, endpoint.interface)
    assert asked or learned(neighbour, "check2") == ""

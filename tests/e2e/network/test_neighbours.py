"""The host looks for no address of a network that no endpoint has.

Each address that does not answer takes a place in the kernel's table of neighbours, which all
namespaces share, for some seconds.
"""

import socket
from collections.abc import Callable
from ipaddress import ip_network
from itertools import islice

import pytest

from mynet.v1.network_pb2 import UpdateEndpointRequest
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.forging import GATEWAYS
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.testbed import HOST, Sandbox

MANY = 20  # fewer than take another test's room
ROUTED = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
FREE = {4: "10.88.0.96/27", 6: "fd88::100/120"}  # no endpoint has an address of these
GUESTS = {4: ("10.88.0.66", "10.88.0.77"), 6: ("fd88::66", "fd88::77")}
FIRST = {4: "10.88.0.2", 6: "fd88::2"}
SUBNETS = {4: "10.88.0.0/24", 6: "fd88::/64"}

by_family = pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)


@pytest.fixture
def routed(daemon: Daemon) -> None:
    """Make network ``blue``, to which the outside has routes."""
    daemon.create("blue", *SUBNETS.values(), options=ROUTED)
    for version, subnet in SUBNETS.items():
        outside = daemon.testbed.outside
        outside.run("ip", "route", "replace", subnet, "via", HOST[version == 6])


def looked_for(daemon: Daemon, sender: Namespace, version: int) -> int:
    """Return for how many of the addresses that a sender writes to the host looks."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    addresses = list(map(str, islice(ip_network(FREE[version]).hosts(), MANY)))
    with sender.inside(lambda: socket.socket(family, socket.SOCK_DGRAM)) as client:
        for address in addresses:
            client.sendto(b"hello", (address, 9))
    # The host has forwarded all of it when it has forwarded what comes last.
    assert sender.pings(FIRST[version])
    entries = daemon.testbed.json("ip", "-j", "neigh", "show", "dev", "br-blue")
    return len({entry["dst"] for entry in entries} & set(addresses))


@by_family
@pytest.mark.usefixtures("routed")
def test_the_outside_fills_no_table_of_neighbours(
    daemon: Daemon, one: Sandbox, version: int
) -> None:
    daemon.connect("one")
    assert looked_for(daemon, daemon.testbed.outside, version) == 0


@by_family
@pytest.mark.usefixtures("blue")
def test_an_endpoint_fills_no_table_of_neighbours(
    daemon: Daemon, one: Sandbox, two: Sandbox, version: int
) -> None:
    """Its own network as seen through the gateway."""
    daemon.connect("two")
    daemon.connect("one")
    one.run("ip", "route", "add", FREE[version], "via", GATEWAYS[version])
    assert looked_for(daemon, one, version) == 0


@by_family
@pytest.mark.usefixtures("routed")
def test_an_address_that_no_endpoint_has_is_refused_at_once(
    daemon: Daemon, one: Sandbox, version: int
) -> None:
    daemon.connect("one")
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with daemon.testbed.outside.inside(lambda: socket.socket(family)) as client:
        client.settimeout(60)
        with pytest.raises(OSError, match="No route to host"):
            client.connect((str(ip_network(FREE[version])[1]), 80))


@by_family
@pytest.mark.usefixtures("routed")
def test_guests_behind_an_endpoint_are_found(
    daemon: Daemon, one: Sandbox, two: Sandbox, version: int
) -> None:
    daemon.connect("one", options={"spoof_check": "false"})
    daemon.connect("two", options={"allowed_addresses": "10.88.0.77,fd88::77"})
    one.run("ip", "link", "add", "link", "eth0", "name", "guest", "type", "macvlan")
    one.run("ip", "link", "set", "guest", "up")
    prefix = SUBNETS[version].partition("/")[2]
    without_detection = ["nodad"] if version == 6 else []
    for box, link, guest in zip((one, two), ("guest", "eth0"), GUESTS[version], strict=True):
        box.run("ip", "address", "add", f"{guest}/{prefix}", "dev", link, *without_detection)
        assert daemon.testbed.outside.pings(guest)


@pytest.mark.usefixtures("blue")
def test_a_bridge_stays_open_while_one_endpoint_needs_it(
    daemon: Daemon, one: Sandbox, two: Sandbox, new_sandbox: Callable[[str], Sandbox]
) -> None:
    new_sandbox("three")

    def is_open() -> bool:
        return "open_bridges" in daemon.testbed.firewall()

    daemon.connect("three")
    assert not is_open()
    daemon.connect("one", options={"spoof_check": "false"})
    daemon.connect("two", options={"allowed_addresses": "10.9.0.0/24"})
    daemon.disconnect("one")
    assert is_open()
    daemon.connect("one", options={"spoof_check": "false"})
    daemon.net.UpdateEndpoint(
        UpdateEndpointRequest(
            network="blue", container_id="two", remove_options=["allowed_addresses"]
        )
    )
    assert is_open()
    daemon.disconnect("one")
    assert not is_open()

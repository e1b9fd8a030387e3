"""Addresses and links of networks of every shape: several subnets, one family, an MTU."""

from collections.abc import Iterator

import pytest

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace, talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox


def test_a_network_has_several_subnets_of_a_family(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.create("blue", "10.88.0.0/30", "10.89.0.0/24", "fd88::/64", "fd89::/64")
    daemon.connect("one")  # the first subnet has room for one beside its gateway
    daemon.connect("two")
    assert one.addresses("eth0") == {"10.88.0.2/30", "fd88::2/64"}
    assert two.addresses("eth0") == {"10.89.0.2/24", "fd88::3/64"}
    gateways = {"10.88.0.1/30", "10.89.0.1/24", "fd88::1/64", "fd89::1/64"}
    assert daemon.testbed.addresses("br-blue") == gateways
    for box in (one, two):
        assert talk(box, daemon.testbed.outside, OUTSIDE[0]) == HOST[0]
    assert talk(one, two, "10.89.0.2") == "10.88.0.2"  # by way of the gateways, untranslated


def test_an_endpoint_has_an_address_of_each_subnet_that_it_asks_for(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.create("blue", "10.88.0.0/24", "10.89.0.0/24")
    daemon.connect("one", addresses=["10.88.0.7", "10.89.0.7"])
    daemon.connect("two", addresses=["10.89.0.8"])
    assert one.addresses("eth0") == {"10.88.0.7/24", "10.89.0.7/24"}
    assert talk(two, one, "10.89.0.7") == "10.89.0.8"
    assert talk(two, one, "10.88.0.7") == "10.89.0.8"


def test_a_network_of_ipv6_alone_works_and_has_no_ipv4(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.create("blue", "fd88::/64")
    daemon.connect("one")
    daemon.connect("two")
    assert one.addresses("eth0") == {"fd88::2/64"}
    assert one.json("ip", "-4", "-j", "route", "show") == []
    assert daemon.testbed.addresses("br-blue") == {"fd88::1/64"}
    assert talk(one, two, "fd88::3") == "fd88::2"
    assert talk(one, daemon.testbed, "fd88::1") == "fd88::2"
    assert talk(one, daemon.testbed.outside, OUTSIDE[1]) == HOST[1]


def test_ipv6_is_usable_the_moment_connect_returns(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.create("blue")
    talks: list[tuple[Namespace, Namespace, str]] = []
    shown: list[str] = []
    for box in (one, two):
        daemon.connect(box.name)
        # Duplicate address detection, which would take a second, has not begun.
        shown.append(box.run("ip", "-6", "addr", "show", "dev", "eth0"))
        talks.append((box, daemon.testbed, "fd88::1"))
    talks.append((one, two, "fd88::3"))
    for client, server, address in talks:
        assert talk(client, server, address).startswith("fd88::")
    shown.append(daemon.testbed.run("ip", "-6", "addr", "show", "dev", "br-blue"))
    assert all("tentative" not in text and "nodad" in text for text in shown)


@pytest.fixture
def narrow_uplink(daemon: Daemon) -> Iterator[None]:
    """Give the host's uplink a small MTU, as it has in some clouds."""
    daemon.testbed.run("ip", "link", "set", "uplink", "mtu", "1420")
    yield
    daemon.testbed.run("ip", "link", "set", "uplink", "mtu", "1500")


@pytest.mark.usefixtures("narrow_uplink")
@pytest.mark.parametrize(("fields", "mtu"), [({}, 1420), ({"mtu": 1300}, 1300)])
def test_bridge_and_pair_have_the_mtu_of_the_uplink_unless_one_is_given(
    daemon: Daemon, one: Sandbox, fields: dict[str, int], mtu: int
) -> None:
    network = daemon.create("blue", **fields)
    endpoint = daemon.connect("one")
    links = daemon.testbed.links()
    devices = (links["br-blue"], links[endpoint.host_interface], one.links()["eth0"])
    assert [device["mtu"] for device in devices] == [mtu] * 3
    assert (network.mtu, endpoint.mtu) == (mtu, mtu)
    largest = str(mtu - 28)  # less the headers of IPv4 and ICMP
    ping = ("ping", "-q", "-c1", "-W2", "-M", "do", "-s")
    assert one.attempt(*ping, largest, "10.88.0.1").returncode == 0
    assert one.attempt(*ping, str(int(largest) + 1), "10.88.0.1").returncode != 0

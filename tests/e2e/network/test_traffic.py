"""Packets between sandboxes and to the outside pass, and those that must not pass do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import Namespace, talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox


@pytest.fixture
def way_back(daemon: Daemon) -> Iterator[None]:
    """Give the outside routes to network blue."""
    outside = daemon.testbed.outside
    outside.run("ip", "route", "add", "10.88.0.0/24", "via", HOST[0])
    outside.run("ip", "route", "add", "fd88::/64", "via", HOST[1])
    yield
    outside.run("ip", "route", "flush", "root", "10.88.0.0/24")
    outside.run("ip", "-6", "route", "flush", "root", "fd88::/64")


@pytest.mark.usefixtures("blue")
@pytest.mark.parametrize("address", ["10.88.0.3", "fd88::3"])
def test_sandboxes_reach_each_other_the_moment_connect_returns(
    daemon: Daemon, one: Sandbox, two: Sandbox, address: str
) -> None:
    daemon.connect("one")
    daemon.connect("two")
    assert one.pings(address)


@pytest.mark.usefixtures("blue")
def test_a_connected_sandbox_has_its_own_loopback(daemon: Daemon, one: Sandbox) -> None:
    assert not one.pings("127.0.0.1")
    daemon.connect("one")
    assert one.pings("127.0.0.1")


@pytest.mark.usefixtures("blue")
def test_a_sandbox_is_given_by_name_by_path_or_by_process(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    process = daemon.testbed.start("unshare", "--net", "sleep", "infinity")
    three = Namespace(f"/proc/{process.pid}/ns/net")
    eventually(lambda: not Path(three.path).samefile(daemon.testbed.path))
    daemon.testbed.run("touch", "/run/somewhere")
    daemon.testbed.run("mount", "--bind", f"/run/netns/{two.name}", "/run/somewhere")

    daemon.connect("one", netns_name="one")
    daemon.connect("two", netns_path="/run/somewhere")
    daemon.connect("three", pid=process.pid)

    for box, number in ((one, 2), (two, 3), (three, 4)):
        assert box.addresses("eth0") == {f"10.88.0.{number}/24", f"fd88::{number}/64"}
    assert one.pings("10.88.0.4")
    assert two.pings("fd88::4")
    assert three.pings("10.88.0.3")
    daemon.testbed.run("umount", "/run/somewhere")
    process.kill()


@pytest.mark.usefixtures("blue")
@pytest.mark.parametrize(
    ("address", "source"), [("10.88.0.3", "10.88.0.2"), ("fd88::3", "fd88::2")]
)
def test_sandboxes_talk_tcp_with_their_own_addresses(
    daemon: Daemon, one: Sandbox, two: Sandbox, address: str, source: str
) -> None:
    daemon.connect("one")
    daemon.connect("two")
    assert talk(one, two, address) == source


@pytest.mark.usefixtures("blue")
@pytest.mark.parametrize(
    ("gateway", "source"), [("10.88.0.1", "10.88.0.2"), ("fd88::1", "fd88::2")]
)
def test_a_sandbox_talks_to_the_host_by_the_gateway(
    daemon: Daemon, one: Sandbox, gateway: str, source: str
) -> None:
    daemon.connect("one")
    assert talk(one, daemon.testbed, gateway) == source


@pytest.mark.usefixtures("blue")
@pytest.mark.parametrize("family", [0, 1])
def test_the_outside_sees_the_address_of_the_host(
    daemon: Daemon, one: Sandbox, family: int
) -> None:
    daemon.connect("one")
    outside = daemon.testbed.outside
    assert not outside.pings(["10.88.0.2", "fd88::2"][family], within=0.3)  # it has no route
    assert talk(one, outside, OUTSIDE[family]) == HOST[family]


@pytest.mark.usefixtures("way_back")
@pytest.mark.parametrize("family", [0, 1])
def test_without_masquerade_the_outside_sees_the_address_of_the_sandbox(
    daemon: Daemon, one: Sandbox, family: int
) -> None:
    daemon.create("blue", masquerade=False)
    daemon.connect("one")
    assert talk(one, daemon.testbed.outside, OUTSIDE[family]) == ["10.88.0.2", "fd88::2"][family]


@pytest.mark.usefixtures("blue", "way_back")
@pytest.mark.parametrize("address", ["10.88.0.2", "fd88::2"])
def test_the_outside_does_not_reach_a_sandbox(daemon: Daemon, one: Sandbox, address: str) -> None:
    daemon.connect("one")
    assert not daemon.testbed.outside.pings(address, within=0.3)
    assert daemon.testbed.pings(address)  # so the address exists


@pytest.mark.usefixtures("way_back")
def test_an_internal_network_is_shut_off(daemon: Daemon, one: Sandbox, two: Sandbox) -> None:
    daemon.create("blue", internal=True)
    daemon.connect("one")
    daemon.connect("two")
    assert one.pings("10.88.0.3")
    assert one.pings("fd88::3")
    assert one.json("ip", "-j", "route", "show", "default") == []
    assert one.json("ip", "-6", "-j", "route", "show", "default") == []
    # Not for want of a route alone, because root in the sandbox can add one.
    one.run("ip", "route", "add", "default", "via", "10.88.0.1")
    one.run("ip", "route", "add", "default", "via", "fd88::1")
    assert [one.pings(address, within=0.3) for address in OUTSIDE] == [False, False]


@pytest.mark.usefixtures("blue")
@pytest.mark.parametrize("address", ["10.77.0.2", "fd77::2"])
def test_two_networks_do_not_reach_each_other(
    daemon: Daemon, one: Sandbox, two: Sandbox, address: str
) -> None:
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    daemon.connect("one")
    daemon.connect("two", network="red")
    assert not one.pings(address, within=0.3)
    assert daemon.testbed.pings(address)  # so the address exists


def test_a_sandbox_on_two_networks_leaves_by_the_first(daemon: Daemon, one: Sandbox) -> None:
    daemon.create("blue", "10.88.0.0/24")
    daemon.create("red", "10.77.0.0/24")
    daemon.connect("one")
    second = daemon.connect("one", network="red")
    assert second.interface == "eth1"
    assert one.addresses("eth1") == {"10.77.0.2/24"}
    assert talk(one, daemon.testbed.outside, OUTSIDE[0]) == HOST[0]
    (route,) = one.json("ip", "-j", "route", "get", OUTSIDE[0])
    assert (route["dev"], route["gateway"]) == ("eth0", "10.88.0.1")


def test_the_kernel_has_the_name_mtu_and_addresses_that_were_asked_for(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.create("blue", "10.88.0.0/24", interface="lan0", mtu=1300)
    daemon.connect(
        "one", interface="lan0", addresses=["10.88.0.77"], mac_address="02:00:00:00:00:77"
    )
    bridge, inner = daemon.testbed.links()["lan0"], one.links()["lan0"]
    assert (bridge["mtu"], inner["mtu"]) == (1300, 1300)
    assert inner["address"] == "02:00:00:00:00:77"
    assert one.addresses("lan0") == {"10.88.0.77/24"}
    assert daemon.testbed.addresses("lan0") == {"10.88.0.1/24"}

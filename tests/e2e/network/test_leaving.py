"""Disconnect, DeleteNetwork and a Connect that fails leave nothing behind."""

from collections.abc import Callable

import pytest

from mynet.v1.network_pb2 import Endpoint, Network
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox


def test_after_disconnect_nothing_of_the_endpoint_is_left(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect("two")  # so that the bridge is up before and after
    before, inside = daemon.everything(), one.state()
    endpoint = daemon.connect("one")
    assert "eth0" in one.links()
    assert endpoint.host_interface in daemon.testbed.links()
    daemon.disconnect("one")
    assert daemon.everything() == before
    # lo stays up, because programs in the sandbox may use it by now.
    assert one.links().keys() == {"lo"}
    assert one.state()["firewall"] == inside["firewall"] == ""
    assert one.json("ip", "-j", "route") == []


def test_after_delete_nothing_of_the_network_is_left(daemon: Daemon, one: Sandbox) -> None:
    before = daemon.everything()
    network = daemon.create("blue")
    ipv4 = {"prefix": {"addr": "10.88.0.0", "len": 24}}
    ipv6 = {"prefix": {"addr": "fd88::", "len": 64}}
    assert daemon.testbed.firewall() == {
        "all_subnets4": [ipv4],
        "all_subnets6": [ipv6],
        "br_all": [network.interface],
        "br_icc": [{"concat": [network.interface, network.interface]}],
        "br_self": [{"concat": [network.interface, network.interface]}],
        "masq4": [ipv4],
        "masq6": [ipv6],
        "subnets4": [ipv4],
        "subnets6": [ipv6],
    }
    daemon.connect("one")
    daemon.delete("blue")
    assert daemon.testbed.firewall() == {}
    assert daemon.everything() == before
    assert one.links().keys() == {"lo"}


def delete_namespace(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    box.close()


def delete_inner_end(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    box.run("ip", "link", "del", endpoint.interface)


def rename_inner_end(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    box.run("ip", "link", "set", endpoint.interface, "down")
    box.run("ip", "link", "set", endpoint.interface, "name", "other0")


def delete_outer_end(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    daemon.testbed.run("ip", "link", "del", endpoint.host_interface)


def take_out_of_bridge(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    daemon.testbed.run("ip", "link", "set", endpoint.host_interface, "nomaster")


def delete_bridge(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    daemon.testbed.run("ip", "link", "del", network.interface)


def delete_elements(daemon: Daemon, box: Sandbox, network: Network, endpoint: Endpoint) -> None:
    daemon.testbed.run("nft", "flush", "set", "inet", "mynet", "masq4")
    daemon.testbed.run("nft", "flush", "set", "inet", "mynet", "br_all")


Breakage = Callable[[Daemon, Sandbox, Network, Endpoint], None]


@pytest.mark.parametrize(
    "break_it",
    [
        delete_namespace,
        delete_inner_end,
        rename_inner_end,
        delete_outer_end,
        take_out_of_bridge,
        delete_bridge,
        delete_elements,
    ],
)
def test_disconnect_works_whatever_has_happened(
    daemon: Daemon, one: Sandbox, break_it: Breakage
) -> None:
    before = daemon.everything()
    network = daemon.create("blue")
    with_network = daemon.allocations()
    endpoint = daemon.connect("one")
    break_it(daemon, one, network, endpoint)
    daemon.disconnect("one")
    assert daemon.endpoints() == []
    assert daemon.allocations() == with_network
    assert not daemon.testbed.links().keys() & {endpoint.host_interface, endpoint.interface}
    daemon.delete("blue")
    assert daemon.everything() == before


def test_a_firewall_table_that_was_deleted_hinders_no_call(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect("one")
    daemon.testbed.run("nft", "delete", "table", "inet", "mynet")
    daemon.disconnect("one")
    daemon.delete("blue")
    assert daemon.allocations() == {}
    daemon.create("blue")  # and brings the table back
    daemon.connect("two")
    assert talk(two, daemon.testbed.outside, OUTSIDE[0]) == HOST[0]


def test_a_sandbox_that_was_made_anew_gets_the_endpoint_of_the_one_before(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect("two")
    before = daemon.connect("one")
    one.close()
    again = Sandbox(daemon.testbed, "one")
    after = daemon.connect("one")
    assert (after.id, after.addresses) == (before.id, before.addresses)
    assert again.pings("10.88.0.2")
    assert again.pings("fd88::2")
    again.close()

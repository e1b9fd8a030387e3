"""The daemon changes its host where a network needs it, and logs the change."""

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Testbed


def test_without_networks_the_daemon_adds_two_tables_to_the_host_and_nothing_else(
    empty_testbed: Testbed,
) -> None:
    before = empty_testbed.state()
    Daemon(empty_testbed)
    assert empty_testbed.forwarding() == ("0", "0")
    empty_testbed.spoilt = True
    for family in ("inet", "bridge"):
        empty_testbed.run("nft", "delete", "table", family, "mynet")
    assert empty_testbed.state() == before


def test_forwarding_is_turned_on_for_the_families_that_need_it_and_logged(
    empty_testbed: Testbed,
) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("shut", "10.1.0.0/24", "fd01::/64", internal=True)
    assert empty_testbed.forwarding() == ("0", "0")
    daemon.create("ipv4", "10.2.0.0/24")
    assert empty_testbed.forwarding() == ("1", "0")
    assert "net.ipv6.conf.all.forwarding" not in daemon.log.read_text()
    daemon.create("ipv6", "fd03::/64")
    assert empty_testbed.forwarding() == ("1", "1")
    log = daemon.log.read_text()
    assert log.count("turned on IP forwarding on this host (net.ipv4.ip_forward)") == 1
    assert log.count("turned on IP forwarding on this host (net.ipv6.conf.all.forwarding)") == 1

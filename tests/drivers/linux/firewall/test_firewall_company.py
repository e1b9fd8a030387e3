"""The table beside other tables, and with many threads that change it."""

import logging
import threading
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.desired import NetworkRules
from tests.drivers.linux.support.namespaces import Namespace

INSTANCE = "7f3a"
THREADS = 16

FOREIGN = """
table ip filter {
  chain FORWARD { type filter hook forward priority filter; policy drop; counter drop; }
}
table inet mynet2 {
  set br_all { type ifname; elements = { "br-theirs" }; }
}
table inet theirs {
  set br_all { type ifname; elements = { "br-n0", "br-theirs" }; }
  set masq4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/24, 192.168.0.0/16 }; }
  map ports { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.7 }; }
  chain filter_fwd { counter packets 7 bytes 700 accept comment "theirs"; }
}
"""


def rules_of(number: int) -> NetworkRules:
    subnets = (ip_network(f"10.0.{number}.0/24"), ip_network(f"fd00:0:0:{number:x}::/64"))
    return NetworkRules(f"br-n{number}", masquerade=subnets)


@pytest.fixture
def firewall(host: Namespace) -> Firewall:
    assert host
    made = Firewall()
    made.load(INSTANCE, [rules_of(200)])
    return made


def at_once(verb: Callable[[int], None], numbers: range) -> None:
    """Call the verb for every number, each in a thread of its own."""
    threads = [threading.Thread(target=verb, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_tables_of_other_programs_are_not_changed(host: Namespace) -> None:
    host.run("nft", "-f", "-", text=FOREIGN)
    before = host.run("nft", "-a", "list", "ruleset")
    firewall = Firewall()
    for _ in range(2):
        firewall.load(INSTANCE, [rules_of(0)])
        firewall.add(INSTANCE, rules_of(1))
        firewall.remove(rules_of(1))
        firewall.remove(rules_of(0))
    for family in ("inet", "bridge"):
        host.run("nft", "delete", "table", family, "mynet")
    assert host.run("nft", "-a", "list", "ruleset") == before


@pytest.mark.parametrize(
    "how", ["flush ruleset", "delete table inet mynet", "delete table bridge mynet"]
)
def test_a_deleted_table_is_loaded_whole_with_the_next_network(
    host: Namespace, firewall: Firewall, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    firewall.add(INSTANCE, rules_of(0))
    firewall.add(INSTANCE, rules_of(1))
    firewall.remove(rules_of(0))
    host.run("nft", *how.split())
    firewall.add(INSTANCE, rules_of(2))
    assert (
        "another program changed tables inet mynet and bridge mynet: they are loaded again"
        in caplog.messages
    )
    healed = host.table()
    firewall.load(INSTANCE, [rules_of(200), rules_of(1), rules_of(2)])
    assert healed == host.table()


def test_an_intact_table_is_not_logged(
    firewall: Firewall, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    firewall.add(INSTANCE, rules_of(0))
    firewall.remove(rules_of(0))
    assert not caplog.messages


def test_many_threads_add_and_remove_at_once(host: Namespace, firewall: Firewall) -> None:
    errors: list[Exception] = []

    def add_and_remove(number: int) -> None:
        try:
            for _ in range(3):
                firewall.add(INSTANCE, rules_of(number))
                firewall.remove(rules_of(number))
            if number % 2:
                firewall.add(INSTANCE, rules_of(number))
        except Exception as error:  # noqa: BLE001 - the test looks at it below
            errors.append(error)

    at_once(add_and_remove, range(THREADS))
    assert not errors
    changed = host.table()
    firewall.load(INSTANCE, [rules_of(number) for number in (200, *range(1, THREADS, 2))])
    assert changed == host.table()


def test_threads_that_find_the_table_gone_lose_no_network(
    host: Namespace, firewall: Firewall
) -> None:
    host.run("nft", "flush", "ruleset")
    at_once(lambda number: firewall.add(INSTANCE, rules_of(number)), range(THREADS))
    healed = host.table()
    firewall.load(INSTANCE, [rules_of(number) for number in (200, *range(THREADS))])
    assert healed == host.table()


def test_the_kernel_object_has_one_firewall(host: Namespace, kernel: LinuxKernel) -> None:
    kernel.firewall.load(INSTANCE, [rules_of(0)])
    kernel.firewall.add(INSTANCE, rules_of(1))
    kernel.firewall.remove(rules_of(0))
    assert "br-n1" in host.table()
    assert "br-n0" not in host.table()

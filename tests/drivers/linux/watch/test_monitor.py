"""The monitor reports what other programs damage, and nothing else."""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.netlink.notifications import subscription
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.ports import Forward
from mynet.drivers.linux.watch import monitor
from mynet.drivers.linux.watch.filter import ANYTHING
from tests.drivers.linux.support.kernels import KernelTestbed
from tests.drivers.linux.support.namespaces import Namespace, open_descriptors

BRIDGE = Bridge(
    "br-web",
    "mynet:i:web",
    mac_from("web"),
    1500,
    (ip_interface("10.1.0.1/24"), ip_interface("fd00:1::1/64")),
)
RULES = NetworkRules("br-web", masquerade=[ip_interface("10.1.0.1/24").network])
PORTS = EndpointRules("e1", (Forward(PortProtocol.TCP, None, 80, ip_address("10.1.0.2"), 80),))


PATIENCE = 60.0  # seconds that a report may take on a busy machine


class Reports:
    """What a monitor has reported."""

    def __init__(self) -> None:
        self.all: list[frozenset[str]] = []

    def marks(self, expected: Collection[str] = ()) -> set[str]:
        """Return the marks that were reported; "*" for anything.

        It waits for the expected ones, however busy the machine is, and then for what else comes.
        """
        end = time.monotonic() + PATIENCE
        while not self._reported().issuperset(expected) and time.monotonic() < end:
            time.sleep(monitor.WINDOW)
        time.sleep(6 * monitor.WINDOW)
        return self._reported()

    def _reported(self) -> set[str]:
        return {mark for report in list(self.all) for mark in report or {"*"}}


@pytest.fixture
def veth(box: Namespace) -> Veth:
    return Veth(
        name="veth1",
        mark="mynet:i:e1",
        outer_mac=mac_from("e1"),
        bridge="br-web",
        bridge_mark=BRIDGE.mark,
        bridge_mac=BRIDGE.mac,
        mtu=1500,
        interface="eth0",
        mac=mac_from("inner"),
        addresses=(ip_interface("10.1.0.2/24"), ip_interface("fd00:1::2/64")),
        gateways=(ip_address("10.1.0.1"),),
        sandbox=box.sandbox,
        hairpin=True,
    )


@pytest.fixture
def watched(kernel: LinuxKernel, veth: Veth) -> Iterator[Callable[[], Reports]]:
    """Create a network and an endpoint; the returned function starts a watch."""
    kernel.firewall.load("i", [RULES], [PORTS])
    kernel.host.enable_forwarding({4, 6})
    kernel.links.ensure_bridge(BRIDGE)
    kernel.links.attach(veth)
    watches = []

    def begin() -> Reports:
        reports = Reports()
        watches.append(kernel.monitor.watch(reports.all.append))
        return reports

    yield begin
    for watch in watches:
        watch.close()


def test_both_kernels_report_the_mark_of_a_deleted_link(testbed: KernelTestbed) -> None:
    reports = Reports()
    testbed.kernel.links.ensure_bridge(BRIDGE)
    with_mark = replace(BRIDGE, name="br-shop", mark="mynet:i:shop", mac=mac_from("shop"))
    watch = testbed.kernel.monitor.watch(reports.all.append)
    testbed.kernel.links.ensure_bridge(with_mark)
    testbed.add_link("br-other", mark="not mynet's")
    assert reports.marks() == set()
    testbed.delete_link("br-other")
    testbed.delete_link("br-shop")
    assert reports.marks({"mynet:i:shop"}) == {"mynet:i:shop"}
    watch.close()
    testbed.delete_link("br-web")
    assert reports.marks({"mynet:i:shop"}) == {"mynet:i:shop"}


@pytest.mark.parametrize(
    ("damage", "marks"),
    [
        ("host: ip link del br-web", {"mynet:i:web", "mynet:i:e1"}),
        ("host: ip link set br-web down", {"mynet:i:web"}),
        ("host: ip addr del 10.1.0.1/24 dev br-web", {"mynet:i:web"}),
        ("host: ip addr del fd00:1::1/64 dev br-web", {"mynet:i:web"}),
        ("host: ip link set br-web arp off", {"mynet:i:web"}),
        ("host: ip link set br-web multicast off", {"mynet:i:web"}),
        ("host: ip route del 10.1.0.0/24 dev br-web", {"mynet:i:web"}),
        ("host: ip route replace 10.1.0.0/24 dev lo", {"mynet:i:web"}),
        ("host: ip -6 route del fd00:1::/64 dev br-web", {"mynet:i:web"}),
        ("host: ip -6 route replace fd00:1::/64 dev lo metric 256", {"mynet:i:web"}),
        ("host: ip route del local 10.1.0.1 dev br-web table local", {"mynet:i:web"}),
        ("host: ip -6 route flush dev br-web", {"mynet:i:web"}),
        ("host: sysctl -qw net.ipv4.conf.br-web.forwarding=0", {"mynet:i:web"}),
        ("host: sysctl -qw net.ipv6.conf.br-web.forwarding=0", {"mynet:i:web"}),
        ("host: sysctl -qw net.ipv6.conf.br-web.disable_ipv6=1", {"mynet:i:web"}),
        (
            "host: ip neigh replace 10.1.0.2 lladdr 02:0:0:0:0:9 dev br-web nud permanent",
            {"*"},
        ),
        ("host: ip neigh replace fd00:1::2 lladdr 02:0:0:0:0:9 dev br-web nud noarp", {"*"}),
        ("host: ip link del veth1", {"mynet:i:e1"}),
        ("host: ip link set veth1 down", {"mynet:i:e1"}),
        ("host: ip link set veth1 nomaster", {"mynet:i:e1"}),
        ("host: ip link set veth1 group default", {"mynet:i:e1"}),
        ("host: ip link set veth1 type bridge_slave learning on", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 learning on", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 isolated on", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 hairpin off", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 flood on", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 mcast_flood off", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 bcast_flood off", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 neigh_suppress on", {"mynet:i:e1"}),
        ("host: bridge link set dev veth1 locked off", {"mynet:i:e1"}),
        ("host: ip link set veth1 type bridge_slave group_fwd_mask 0", {"mynet:i:e1"}),
        ("host: bridge fdb del MAC dev veth1 master", {"mynet:i:e1"}),
        ("host: bridge fdb flush dev br-web", {"mynet:i:web", "mynet:i:e1"}),
        ("host: ip link set br-web name lan9", {"mynet:i:web"}),
        ("host: ip link set veth1 name lan9", {"mynet:i:e1"}),
        ("box: ip link set eth0 name lan9", {"mynet:i:e1"}),
        ("box: ip link del eth0", {"mynet:i:e1"}),
        ("box: ip link set eth0 down", {"mynet:i:e1"}),
        ("box: ip addr del 10.1.0.2/24 dev eth0", {"mynet:i:e1"}),
        ("box: ip addr del fd00:1::2/64 dev eth0", {"mynet:i:e1"}),
        ("host: sysctl -qw net.ipv4.ip_forward=0", {"*"}),
        ("host: sysctl -qw net.ipv6.conf.all.forwarding=0", {"*"}),
        ("host: nft flush ruleset", {"*"}),
        ("host: nft flush table inet mynet", {"*"}),
        ("host: nft flush chain inet mynet forward", {"*"}),
        ("host: nft insert rule inet mynet forward drop", {"*"}),
        ("host: nft flush map inet mynet pub4", {"*"}),
        ('host: nft delete element inet mynet br_all { "br-web" }', {"*"}),
    ],
)
def test_the_monitor_reports_damage(
    watched: Callable[[], Reports],
    veth: Veth,
    host: Namespace,
    box: Namespace,
    damage: str,
    marks: set[str],
) -> None:
    reports = watched()
    where, _, command = damage.replace("MAC", veth.mac).partition(": ")
    {"host": host, "box": box}[where].run(*command.split())
    assert reports.marks(marks) == marks


def test_the_monitor_reports_an_inner_end_that_is_down(
    watched: Callable[[], Reports], kernel: LinuxKernel, box: Namespace, veth: Veth
) -> None:
    alone = replace(veth, name="veth2", mark="mynet:i:e2", outer_mac=mac_from("e2"))
    alone = replace(alone, interface="eth1", mac=mac_from("eth1"), gateways=())
    kernel.links.attach(replace(alone, addresses=(ip_interface("10.1.0.3/24"),)))
    reports = watched()
    box.run("ip", "link", "set", "eth1", "down")
    assert reports.marks({"mynet:i:e2"}) == {"mynet:i:e2"}


def test_the_monitor_learns_of_links_that_are_made_later(
    kernel: LinuxKernel, box: Namespace, veth: Veth
) -> None:
    reports = Reports()
    watch = kernel.monitor.watch(reports.all.append)
    kernel.links.ensure_bridge(BRIDGE)
    kernel.links.attach(veth)
    assert reports.marks() == set()
    box.run("ip", "link", "set", "eth0", "name", "lan9")
    assert reports.marks({"mynet:i:e1"}) == {"mynet:i:e1"}
    reports.all.clear()
    box.run("ip", "addr", "del", "10.1.0.2/24", "dev", "lan9")
    assert reports.marks({"mynet:i:e1"}) == {"mynet:i:e1"}
    watch.close()


def test_the_monitor_does_not_report_the_daemons_own_changes(
    watched: Callable[[], Reports], kernel: LinuxKernel, veth: Veth
) -> None:
    reports = watched()
    shop = replace(RULES, bridge="br-shop", masquerade=())
    more = EndpointRules("e2", (Forward(PortProtocol.TCP, None, 81, ip_address("10.1.0.2"), 81),))
    for _ in range(3):
        kernel.links.ensure_bridge(BRIDGE)
        kernel.links.attach(veth)
        kernel.links.adjust([veth])
        kernel.firewall.add("i", RULES)
        kernel.firewall.add("i", shop)
        kernel.firewall.remove(shop)
        kernel.firewall.add_endpoint("i", PORTS)
        kernel.firewall.add_endpoint("i", more)
        kernel.firewall.remove_endpoint(more)
        kernel.host.enable_forwarding({4, 6})
    assert reports.marks() == set()
    kernel.links.detach([veth])
    assert reports.marks() <= {veth.mark}


@pytest.mark.parametrize("version", ["-4", "-6"])
def test_the_monitor_reports_a_policy_rule_that_is_gone(
    host: Namespace, kernel: LinuxKernel, version: str
) -> None:
    rule = ("pref", "1010", "fwmark", "1", "lookup", "7")
    reports = Reports()
    watch = kernel.monitor.watch(reports.all.append)
    host.run("ip", version, "rule", "add", *rule)
    assert reports.marks() == set()
    host.run("ip", version, "rule", "delete", *rule)
    assert reports.marks({"*"}) == {"*"}
    watch.close()


def test_the_monitor_does_not_report_what_other_programs_do_to_their_own(
    watched: Callable[[], Reports], host: Namespace, box: Namespace
) -> None:
    reports = watched()
    host.run("nft", "add table inet shop; add chain inet shop c; add rule inet shop c drop")
    host.run("nft", "add table ip mynet; delete table inet shop; delete table ip mynet")
    for where in (host, box):
        where.run("ip", "link", "add", "mine", "type", "bridge")
        where.run("ip", "addr", "add", "192.0.2.1/24", "dev", "mine")
        where.run("ip", "addr", "del", "192.0.2.1/24", "dev", "mine")
        where.run("ip", "link", "set", "mine", "up")
        where.run("ip", "addr", "add", "192.0.2.1/24", "dev", "mine")
        where.run("ip", "route", "add", "192.0.3.0/24", "dev", "mine")
        where.run("ip", "route", "replace", "192.0.3.0/24", "via", "192.0.2.7")
        where.run("ip", "route", "del", "192.0.2.0/24", "dev", "mine")
        neighbour = ("192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "mine")
        where.run("ip", "neigh", "replace", *neighbour, "nud", "permanent")
        where.run("ip", "link", "del", "mine")
    host.run("sysctl", "-qw", "net.ipv4.conf.lo.forwarding=0")
    host.run("ip", "link", "add", "other", "type", "bridge")
    host.run("ip", "link", "add", "port", "master", "other", "type", "veth", "peer", "end")
    host.run("bridge", "link", "set", "dev", "port", "learning", "off")
    host.run("bridge", "fdb", "add", "02:00:00:00:00:09", "dev", "port", "master", "static")
    host.run("bridge", "fdb", "flush", "dev", "other")
    assert reports.marks() == set()


@pytest.mark.parametrize("storm", ["nft", "ip"])
def test_the_monitor_reports_anything_when_notifications_were_lost(
    watched: Callable[[], Reports], host: Namespace, monkeypatch: pytest.MonkeyPatch, storm: str
) -> None:
    monkeypatch.setattr(subscription, "_RECEIVE_BUFFER", 4096)
    reports = watched()
    if storm == "nft":
        ports = ", ".join(map(str, range(1, 20000)))
        lines = "add table inet shop; add set inet shop s { type inet_service; }"
        host.run("nft", "-f", "-", text=f"{lines}; add element inet shop s {{ {ports} }}\n")
    else:
        lines = "".join(f"link add mine{number} type bridge\n" for number in range(100))
        host.run("ip", "-batch", "-", text=lines)
    assert reports.marks({"*"}) == {"*"}
    assert all(report == ANYTHING for report in reports.all)


def test_after_a_loss_the_monitor_lists_the_links_again(
    watched: Callable[[], Reports],
    kernel: LinuxKernel,
    host: Namespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription, "_RECEIVE_BUFFER", 4096)
    window = monitor.WINDOW
    monkeypatch.setattr(monitor, "WINDOW", 0.5)  # seconds, longer than the commands take
    reports = watched()
    lines = "".join(f"link add mine{number} type bridge\n" for number in range(10))
    host.run("ip", "-batch", "-", text=lines)
    shop = Bridge("br-shop", "mynet:i:shop", mac_from("shop"), 1500, (ip_interface("10.2.0.1/24"),))
    kernel.links.ensure_bridge(shop)
    deadline = time.monotonic() + PATIENCE
    while not reports.all:
        assert time.monotonic() < deadline, "nothing was reported"
        time.sleep(0.01)
    monkeypatch.setattr(monitor, "WINDOW", window)
    assert reports.marks({"*"}) == {"*"}
    # On a busy machine notifications are lost again, and then anything is reported again.
    deadline = time.monotonic() + PATIENCE
    while "mynet:i:shop" not in reports.marks():
        assert time.monotonic() < deadline, "the monitor does not know the new link"
        host.run("ip", "addr", "replace", "10.2.0.1/24", "dev", "br-shop")
        host.run("ip", "addr", "del", "10.2.0.1/24", "dev", "br-shop")


def test_close_ends_the_thread_and_closes_its_descriptors(kernel: LinuxKernel) -> None:
    before = threading.active_count(), open_descriptors()
    for _ in range(5):
        kernel.monitor.watch(lambda _: None).close()
    # Threads and descriptors of earlier tests may end meanwhile.
    assert threading.active_count() <= before[0]
    assert open_descriptors() <= before[1]


def test_the_monitor_goes_on_after_a_notice_that_raised(
    watched: Callable[[], Reports], kernel: LinuxKernel, host: Namespace
) -> None:
    seen: list[frozenset[str]] = []

    def notice(marks: frozenset[str]) -> None:
        seen.append(marks)
        raise ValueError("no")

    watch = kernel.monitor.watch(notice)
    watched()
    for count in (1, 2):
        host.run("ip", "link", "set", "br-web", "down")
        deadline = time.monotonic() + PATIENCE
        while len(seen) < count:
            assert time.monotonic() < deadline, "nothing was reported"
            time.sleep(0.01)
        host.run("ip", "link", "set", "br-web", "up")
    watch.close()

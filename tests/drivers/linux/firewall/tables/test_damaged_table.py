"""Damage to the table by another program is noticed until it is repaired."""

from ipaddress import ip_address, ip_network

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.firewall.tables import fingerprint, tables
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.support.namespaces import Namespace

SUBNETS = (ip_network("10.1.0.0/24"), ip_network("10.1.1.0/24"), ip_network("fd00:1::/64"))
WEB = NetworkRules("br-web", masquerade=SUBNETS, routed=(6,))
SHOP = NetworkRules("br-shop", internal=True)
SEGMENTS = [WEB, SHOP]
PORTS = [
    EndpointRules(
        "e1",
        (
            Forward(PortProtocol.TCP, None, 8080, ip_address("10.1.0.2"), 80),
            Forward(PortProtocol.UDP, None, 9000, ip_address("10.1.0.2"), 9000, count=100),
        ),
    )
]
EVERYTHING = {"br-web", "br-shop", "e1"}


@pytest.fixture(autouse=True)
def _loaded(kernel: LinuxKernel) -> None:
    kernel.firewall.load("i", SEGMENTS, PORTS)
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == frozenset()


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "delete table inet mynet",
        "flush table inet mynet",
        "flush chain inet mynet between",
        "add rule inet mynet filter_in counter",
        "insert rule inet mynet forward drop",
        "add chain inet mynet mine",
        "add table inet mynet { flags dormant ; }",
        "chain inet mynet forward { policy drop ; }",
    ],
)
def test_other_rules_are_noticed_and_the_table_is_loaded_again(
    kernel: LinuxKernel, host: Namespace, damage: str
) -> None:
    before = host.table()
    host.run("nft", damage)
    assert not kernel.firewall.is_intact()
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == EVERYTHING
    kernel.firewall.add("i", SHOP)
    assert kernel.firewall.is_intact()
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == frozenset()
    assert host.table() == before


def test_a_rule_in_the_place_of_another_is_noticed(kernel: LinuxKernel, host: Namespace) -> None:
    listed = host.json("nft", "-a", "-j", "list", "chain", "inet", "mynet", "raw_pre")["nftables"]
    handle = next(entry["rule"]["handle"] for entry in listed if "rule" in entry)
    host.run("nft", f"replace rule inet mynet raw_pre handle {handle} counter accept")
    assert not kernel.firewall.is_intact()
    kernel.firewall.add("i", SHOP)
    assert kernel.firewall.is_intact()


@pytest.mark.parametrize(
    ("damage", "lacks"),
    [
        ("flush set inet mynet br_all", {"br-web", "br-shop"}),
        ('delete element inet mynet br_all { "br-shop" }', {"br-shop"}),
        ("delete element inet mynet masq4 { 10.1.1.0/24 }", {"br-web"}),
        ("flush set inet mynet br_self", {"br-web", "br-shop"}),
        ("flush map inet mynet pub4", {"e1"}),
        ("flush map inet mynet pubr_udp4", {"e1"}),
    ],
)
def test_missing_elements_are_noticed_and_added_again(
    kernel: LinuxKernel, host: Namespace, damage: str, lacks: set[str]
) -> None:
    before = host.table()
    host.run("nft", damage)
    assert kernel.firewall.is_intact()
    for _ in range(2):
        assert kernel.firewall.drifted(SEGMENTS, PORTS) == lacks
    for segment in SEGMENTS:
        assert bool(kernel.firewall.missing(segment)) == (segment.bridge in lacks)
        kernel.firewall.add("i", segment)
    kernel.firewall.add_endpoint("i", PORTS[0])
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == frozenset()
    assert host.table() == before


def test_while_no_program_changes_a_table_one_question_is_enough(
    kernel: LinuxKernel, host: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    original = fingerprint.fingerprint

    def counted(nl: Netlink) -> bytes:
        taken.append("fingerprint")
        return original(nl)

    monkeypatch.setattr(tables, "fingerprint", counted)
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == frozenset()
    assert taken == []
    host.run("nft", "add table inet other")
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == frozenset()
    assert taken == ["fingerprint"]


def test_a_table_that_was_flushed_while_it_was_loaded_is_noticed(
    kernel: LinuxKernel, host: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = fingerprint.fingerprint

    def flushed(nl: Netlink) -> bytes:
        host.run("nft", "flush", "ruleset")
        return original(nl)

    with monkeypatch.context() as patch:
        patch.setattr(tables, "fingerprint", flushed)
        kernel.firewall.load("i", SEGMENTS, PORTS)
    assert not kernel.firewall.is_intact()


def test_tables_of_other_programs_are_ignored(kernel: LinuxKernel, host: Namespace) -> None:
    host.run("nft", "add table inet other; add chain inet other c; add rule inet other c drop")
    host.run("nft", "add table ip mynet; add chain ip mynet c; add rule ip mynet c drop")
    assert kernel.firewall.is_intact()
    assert kernel.firewall.drifted(SEGMENTS, PORTS) == frozenset()

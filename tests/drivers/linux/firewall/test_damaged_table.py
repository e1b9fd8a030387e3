"""Whatever somebody does to the table is seen, and is not taken for sound before it is mended."""

from ipaddress import ip_address, ip_network

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.firewall import fingerprint, table
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import Forward, PortForwards
from tests.drivers.linux.support.namespaces import Namespace

SUBNETS = (ip_network("10.1.0.0/24"), ip_network("10.1.1.0/24"), ip_network("fd00:1::/64"))
WEB = NetworkRules("br-web", masquerade=SUBNETS, routed=(6,))
SHOP = NetworkRules("br-shop", internal=True)
SEGMENTS = [WEB, SHOP]
PORTS = [
    PortForwards(
        "e1",
        (
            Forward(PortProtocol.TCP, None, 8080, ip_address("10.1.0.2"), 80),
            Forward(PortProtocol.UDP, None, 9000, ip_address("10.1.0.2"), 9000, count=100),
        ),
    )
]
EVERYBODY = {"br-web", "br-shop", "e1"}


@pytest.fixture(autouse=True)
def _loaded(kernel: LinuxKernel) -> None:
    kernel.load_firewall("i", SEGMENTS, PORTS)
    assert kernel.unserved(SEGMENTS, PORTS) == frozenset()


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "delete table inet mynet",
        "flush table inet mynet",
        "flush chain inet mynet filter_fwd",
        "add rule inet mynet filter_in counter",
        "insert rule inet mynet forward drop",
        "add chain inet mynet mine",
        "add table inet mynet { flags dormant ; }",
        "chain inet mynet forward { policy drop ; }",
    ],
)
def test_other_rules_are_seen_and_loaded_anew(
    kernel: LinuxKernel, host: Namespace, damage: str
) -> None:
    before = host.table()
    host.run("nft", damage)
    assert not kernel.rules_stand()
    assert kernel.unserved(SEGMENTS, PORTS) == EVERYBODY
    kernel.add_segment("i", SHOP)
    assert kernel.rules_stand()
    assert kernel.unserved(SEGMENTS, PORTS) == frozenset()
    assert host.table() == before


def test_a_rule_in_the_place_of_another_is_seen(kernel: LinuxKernel, host: Namespace) -> None:
    listed = host.json("nft", "-a", "-j", "list", "chain", "inet", "mynet", "raw_pre")["nftables"]
    handle = next(each["rule"]["handle"] for each in listed if "rule" in each)
    host.run("nft", f"replace rule inet mynet raw_pre handle {handle} counter accept")
    assert not kernel.rules_stand()
    kernel.add_segment("i", SHOP)
    assert kernel.rules_stand()


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
def test_elements_that_are_gone_are_seen_and_put_back(
    kernel: LinuxKernel, host: Namespace, damage: str, lacks: set[str]
) -> None:
    before = host.table()
    host.run("nft", damage)
    assert kernel.rules_stand()
    for _ in range(2):
        assert kernel.unserved(SEGMENTS, PORTS) == lacks
    for segment in SEGMENTS:
        assert bool(kernel.unfiltered(segment)) == (segment.bridge in lacks)
        kernel.add_segment("i", segment)
    kernel.publish("i", PORTS[0])
    assert kernel.unserved(SEGMENTS, PORTS) == frozenset()
    assert host.table() == before


def test_where_nobody_changed_anything_one_question_is_enough(
    kernel: LinuxKernel, host: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    seen = fingerprint.skeleton

    def counted() -> bytes:
        looks.append("look")
        return seen()

    monkeypatch.setattr(table, "skeleton", counted)
    assert kernel.unserved(SEGMENTS, PORTS) == frozenset()
    assert looks == []
    host.run("nft", "add table inet other")
    assert kernel.unserved(SEGMENTS, PORTS) == frozenset()
    assert looks == ["look"]


def test_a_table_that_was_flushed_as_it_was_loaded_is_not_taken_for_sound(
    kernel: LinuxKernel, host: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fingerprint.skeleton

    def flushed() -> bytes:
        host.run("nft", "flush", "ruleset")
        return seen()

    with monkeypatch.context() as patch:
        patch.setattr(table, "skeleton", flushed)
        kernel.load_firewall("i", SEGMENTS, PORTS)
    assert not kernel.rules_stand()


def test_somebody_elses_tables_are_nothing_to_us(kernel: LinuxKernel, host: Namespace) -> None:
    host.run("nft", "add table inet other; add chain inet other c; add rule inet other c drop")
    host.run("nft", "add table ip mynet; add chain ip mynet c; add rule ip mynet c drop")
    assert kernel.rules_stand()
    assert kernel.unserved(SEGMENTS, PORTS) == frozenset()

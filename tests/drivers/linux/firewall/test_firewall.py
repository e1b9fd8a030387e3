"""Networks in the table: adding elements leads to the same table as loading it."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from mynet.drivers.errors import CapabilityUnsupported, KernelError
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.values.desired import NetworkRules
from tests.drivers.linux.support.namespaces import Namespace, playing_host

INSTANCE = "7f3a"


def rules_of(bridge: str, *subnets: str, internal: bool = False) -> NetworkRules:
    cidrs = tuple(ip_network(subnet) for subnet in subnets)
    return NetworkRules(bridge, internal, cidrs, subnets=cidrs)


BYSTANDER = rules_of("br-other", "172.16.0.0/24", "fd01::/64")
CASES = {
    "ipv4": [rules_of("br-a", "10.1.0.0/24")],
    "ipv6": [rules_of("br-a", "fd00:1::/64")],
    "both": [rules_of("br-a", "10.1.0.0/24", "fd00:1::/64")],
    "no masquerade": [rules_of("br-a")],
    "internal": [rules_of("br-a", internal=True)],
    "routed": [NetworkRules("br-a", routed=(4, 6))],
    "apart": [NetworkRules("br-a", icc=False, routed=(6,)), NetworkRules("br-b", icc=False)],
    "a host": [rules_of("br-a", "10.1.0.7/32", "fd00::7/128")],
    "the first addresses": [rules_of("br-a", "0.0.0.0/8", "::/64")],
    "the last addresses": [rules_of("br-a", "255.255.255.0/24", "ffff:ffff:ffff:ffff::/64")],
    "the last address": [rules_of("br-a", "255.255.255.255/32")],
    "a half": [rules_of("br-a", "0.0.0.0/1", "8000::/1")],
    "both halves": [rules_of("br-a", "0.0.0.0/1"), rules_of("br-b", "128.0.0.0/1")],
    "everything": [rules_of("br-a", "0.0.0.0/0", "::/0")],
    "neighbours": [rules_of("br-b", "10.1.1.0/24"), rules_of("br-a", "10.1.0.0/24")],
    "many": [rules_of(f"br-{n}", f"10.1.{n}.0/24", internal=n % 3 == 0) for n in range(9)],
    "odd names": [rules_of("br.1@x-15_chars"), rules_of("a;#$!&,=~^+"), rules_of("*x")],
}
both_ways = pytest.mark.parametrize("networks", CASES.values(), ids=CASES.keys())


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """One namespace for all tests, each of which begins by loading the table."""
    with playing_host() as namespace:
        yield namespace


@pytest.fixture
def firewall(host: Namespace) -> Firewall:
    """A firewall with an empty table."""
    assert host
    made = Firewall()
    made.load(INSTANCE, [])
    return made


@both_ways
def test_adding_networks_leads_to_the_table_that_loading_makes(
    host: Namespace, firewall: Firewall, networks: list[NetworkRules]
) -> None:
    for network in networks:
        firewall.add(INSTANCE, network)
    by_element = host.table()
    firewall.load(INSTANCE, networks)
    assert by_element == host.table()
    assert networks[0].bridge in by_element


@both_ways
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "added"])
def test_removing_networks_leaves_no_trace(
    host: Namespace, firewall: Firewall, networks: list[NetworkRules], *, loaded: bool
) -> None:
    empty = host.table()
    if loaded:
        firewall.load(INSTANCE, networks)
    for network in networks:
        firewall.add(INSTANCE, network)
    assert host.table() != empty
    for network in networks:
        firewall.remove(network)
    assert host.table() == empty


def test_removing_a_network_keeps_the_elements_of_another(
    host: Namespace, firewall: Firewall
) -> None:
    firewall.add(INSTANCE, BYSTANDER)
    before = host.table()
    neighbour = rules_of("br-a", "172.16.1.0/24", "fd01:0:0:1::/64")
    firewall.add(INSTANCE, neighbour)
    firewall.remove(neighbour)
    assert host.table() == before


def test_adding_twice_is_adding_once(host: Namespace, firewall: Firewall) -> None:
    firewall.add(INSTANCE, BYSTANDER)
    once = host.table()
    firewall.add(INSTANCE, BYSTANDER)
    assert host.table() == once


def test_loading_again_replaces_the_table(host: Namespace, firewall: Firewall) -> None:
    empty = host.table()
    firewall.load(INSTANCE, [BYSTANDER])
    firewall.load("other", [BYSTANDER])
    assert 'comment "managed by mynet, instance other"' in host.table()
    firewall.load(INSTANCE, [])
    assert host.table() == empty


@pytest.mark.parametrize(
    "after",
    [
        rules_of("br-a", "10.1.0.0/24"),
        rules_of("br-a", "10.9.0.0/24", "fd00:9::/64"),
        rules_of("br-a", internal=True),
        rules_of("br-a"),
        NetworkRules("br-a", icc=False, routed=(4,)),
    ],
)
def test_a_network_that_changes_keeps_no_earlier_elements(
    host: Namespace, firewall: Firewall, after: NetworkRules
) -> None:
    firewall.add(INSTANCE, rules_of("br-a", "10.1.0.0/24", "fd00:1::/64"))
    firewall.add(INSTANCE, after)
    changed = host.table()
    firewall.load(INSTANCE, [after])
    assert changed == host.table()


@pytest.mark.parametrize(
    "lost",
    [
        "delete element inet mynet br_all { br-other }",
        "delete element inet mynet masq6 { fd01::/64 }",
        "flush set inet mynet masq4",
        "flush set inet mynet masq4; flush set inet mynet br_icc; flush set inet mynet br_all",
    ],
)
def test_elements_that_another_program_removed_are_added_again(
    host: Namespace, firewall: Firewall, lost: str
) -> None:
    empty = host.table()
    firewall.add(INSTANCE, BYSTANDER)
    whole = host.table()
    host.run("nft", lost)
    firewall.add(INSTANCE, BYSTANDER)
    assert host.table() == whole
    host.run("nft", lost)
    firewall.remove(BYSTANDER)
    assert host.table() == empty


def test_removing_a_missing_network_is_success(host: Namespace, firewall: Firewall) -> None:
    firewall.remove(BYSTANDER)
    firewall.load(INSTANCE, [BYSTANDER])
    host.run("nft", "flush", "ruleset")
    firewall.remove(BYSTANDER)
    firewall.remove(BYSTANDER)
    assert host.table() == ""


def test_a_change_that_is_refused_changes_nothing(host: Namespace, firewall: Firewall) -> None:
    host.run("nft", "add element inet mynet masq4 { 10.0.0.0/8 }")
    before = host.table()
    with pytest.raises(KernelError, match="masq4") as caught:
        firewall.add(INSTANCE, rules_of("br-a", "10.1.0.0/24"))
    assert caught.value.metadata == {
        "errno": "EEXIST",
        "object": "tables inet mynet and bridge mynet",
    }
    assert host.table() == before


def test_a_name_that_nft_cannot_load_is_not_added(host: Namespace, firewall: Firewall) -> None:
    before = host.table()
    with pytest.raises(CapabilityUnsupported, match="'br\\*' cannot be written"):
        firewall.add(INSTANCE, rules_of("br*"))
    assert host.table() == before
    firewall.remove(rules_of("br*"))  # as the daemon does after a failure


def test_a_refused_network_is_not_loaded_with_the_next(host: Namespace, firewall: Firewall) -> None:
    host.run("nft", "add element inet mynet masq4 { 10.0.0.0/8 }")
    with pytest.raises(KernelError):
        firewall.add(INSTANCE, rules_of("br-a", "10.1.0.0/24"))
    host.run("nft", "flush", "ruleset")
    firewall.add(INSTANCE, BYSTANDER)
    assert "br-a" not in host.table()
    assert "br-other" in host.table()


def test_a_load_that_fails_leaves_the_table_as_it_was(host: Namespace, firewall: Firewall) -> None:
    firewall.load(INSTANCE, [BYSTANDER])
    before = host.table()
    overlapping = [rules_of("br-a", "10.0.0.0/8"), rules_of("br-b", "10.1.0.0/24")]
    with pytest.raises(KernelError, match="conflicting intervals"):
        firewall.load(INSTANCE, overlapping)
    assert host.table() == before


def test_networks_of_a_failed_load_are_loaded_later(
    host: Namespace, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run("nft", "flush", "ruleset")
    with monkeypatch.context() as patch:
        patch.setattr(
            "mynet.drivers.linux.firewall.tables.nft.shutil.which", lambda *_, **__: "/bin/false"
        )
        with pytest.raises(KernelError, match="refused to load tables inet mynet and bridge mynet"):
            firewall.load(INSTANCE, [BYSTANDER])
    firewall.add(INSTANCE, replace(BYSTANDER, bridge="br-a", masquerade=()))
    assert {"br-a", "br-other"} <= set(host.table().replace('"', " ").split())

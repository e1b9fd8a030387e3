"""The table ``inet mynet`` in the kernel: loaded whole and by the element, it is the same table."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from mynet.drivers.errors import CapabilityUnsupported, KernelError
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.values.desired import NetworkRules
from tests.drivers.linux.support.namespaces import Namespace, playing_host

INSTANCE = "7f3a"


def segment(bridge: str, *subnets: str, internal: bool = False) -> NetworkRules:
    return NetworkRules(bridge, internal, tuple(ip_network(subnet) for subnet in subnets))


BYSTANDER = segment("br-other", "172.16.0.0/24", "fd01::/64")
CASES = {
    "ipv4": [segment("br-a", "10.1.0.0/24")],
    "ipv6": [segment("br-a", "fd00:1::/64")],
    "both": [segment("br-a", "10.1.0.0/24", "fd00:1::/64")],
    "no masquerade": [segment("br-a")],
    "internal": [segment("br-a", internal=True)],
    "routed": [NetworkRules("br-a", routed=(4, 6))],
    "apart": [NetworkRules("br-a", icc=False, routed=(6,)), NetworkRules("br-b", icc=False)],
    "a host": [segment("br-a", "10.1.0.7/32", "fd00::7/128")],
    "the first addresses": [segment("br-a", "0.0.0.0/8", "::/64")],
    "the last addresses": [segment("br-a", "255.255.255.0/24", "ffff:ffff:ffff:ffff::/64")],
    "the last address": [segment("br-a", "255.255.255.255/32")],
    "a half": [segment("br-a", "0.0.0.0/1", "8000::/1")],
    "both halves": [segment("br-a", "0.0.0.0/1"), segment("br-b", "128.0.0.0/1")],
    "everything": [segment("br-a", "0.0.0.0/0", "::/0")],
    "neighbours": [segment("br-b", "10.1.1.0/24"), segment("br-a", "10.1.0.0/24")],
    "many": [segment(f"br-{n}", f"10.1.{n}.0/24", internal=n % 3 == 0) for n in range(9)],
    "odd names": [segment("br.1@x-15_chars"), segment("a;#$!&,=~^+"), segment("*x")],
}
both_ways = pytest.mark.parametrize("segments", CASES.values(), ids=CASES.keys())


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """One for all: each test begins by loading the table anew."""
    with playing_host() as namespace:
        yield namespace


@pytest.fixture
def firewall(host: Namespace) -> Firewall:
    """A firewall whose table is there, and empty."""
    assert host
    made = Firewall()
    made.load(INSTANCE, [])
    return made


@both_ways
def test_added_by_the_element_it_is_the_table_that_is_loaded_whole(
    host: Namespace, firewall: Firewall, segments: list[NetworkRules]
) -> None:
    for one in segments:
        firewall.add(INSTANCE, one)
    by_element = host.table()
    firewall.load(INSTANCE, segments)
    assert by_element == host.table()
    assert segments[0].bridge in by_element


@both_ways
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "added"])
def test_removed_by_the_element_it_leaves_no_trace(
    host: Namespace, firewall: Firewall, segments: list[NetworkRules], *, loaded: bool
) -> None:
    empty = host.table()
    if loaded:
        firewall.load(INSTANCE, segments)
    for one in segments:
        firewall.add(INSTANCE, one)
    assert host.table() != empty
    for one in segments:
        firewall.remove(one)
    assert host.table() == empty


def test_a_network_takes_nothing_of_another_along(host: Namespace, firewall: Firewall) -> None:
    firewall.add(INSTANCE, BYSTANDER)
    before = host.table()
    neighbour = segment("br-a", "172.16.1.0/24", "fd01:0:0:1::/64")
    firewall.add(INSTANCE, neighbour)
    firewall.remove(neighbour)
    assert host.table() == before


def test_adding_twice_is_adding_once(host: Namespace, firewall: Firewall) -> None:
    firewall.add(INSTANCE, BYSTANDER)
    once = host.table()
    firewall.add(INSTANCE, BYSTANDER)
    assert host.table() == once


def test_loading_again_replaces_what_was_there(host: Namespace, firewall: Firewall) -> None:
    empty = host.table()
    firewall.load(INSTANCE, [BYSTANDER])
    firewall.load("other", [BYSTANDER])
    assert 'comment "managed by mynet, instance other"' in host.table()
    firewall.load(INSTANCE, [])
    assert host.table() == empty


@pytest.mark.parametrize(
    "after",
    [
        segment("br-a", "10.1.0.0/24"),
        segment("br-a", "10.9.0.0/24", "fd00:9::/64"),
        segment("br-a", internal=True),
        segment("br-a"),
        NetworkRules("br-a", icc=False, routed=(4,)),
    ],
)
def test_a_network_that_changes_keeps_nothing_of_before(
    host: Namespace, firewall: Firewall, after: NetworkRules
) -> None:
    firewall.add(INSTANCE, segment("br-a", "10.1.0.0/24", "fd00:1::/64"))
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
def test_what_somebody_took_out_is_put_back_and_removed_all_the_same(
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


def test_removing_what_is_gone_is_success(host: Namespace, firewall: Firewall) -> None:
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
        firewall.add(INSTANCE, segment("br-a", "10.1.0.0/24"))
    assert caught.value.metadata == {"errno": "EEXIST", "object": "table inet mynet"}
    assert host.table() == before


def test_a_name_that_could_not_be_loaded_is_not_added_either(
    host: Namespace, firewall: Firewall
) -> None:
    before = host.table()
    with pytest.raises(CapabilityUnsupported, match="'br\\*' cannot be written"):
        firewall.add(INSTANCE, segment("br*"))
    assert host.table() == before
    firewall.remove(segment("br*"))  # as the daemon does after a failure


def test_a_network_that_was_refused_does_not_come_with_the_next(
    host: Namespace, firewall: Firewall
) -> None:
    host.run("nft", "add element inet mynet masq4 { 10.0.0.0/8 }")
    with pytest.raises(KernelError):
        firewall.add(INSTANCE, segment("br-a", "10.1.0.0/24"))
    host.run("nft", "flush", "ruleset")
    firewall.add(INSTANCE, BYSTANDER)
    assert "br-a" not in host.table()
    assert "br-other" in host.table()


def test_a_load_that_fails_leaves_the_table_as_it_was(host: Namespace, firewall: Firewall) -> None:
    firewall.load(INSTANCE, [BYSTANDER])
    before = host.table()
    overlapping = [segment("br-a", "10.0.0.0/8"), segment("br-b", "10.1.0.0/24")]
    with pytest.raises(KernelError, match="conflicting intervals"):
        firewall.load(INSTANCE, overlapping)
    assert host.table() == before


def test_what_a_failed_load_was_to_hold_is_loaded_when_it_can_be(
    host: Namespace, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run("nft", "flush", "ruleset")
    with monkeypatch.context() as patch:
        patch.setattr(
            "mynet.drivers.linux.firewall.nft.shutil.which", lambda *_, **__: "/bin/false"
        )
        with pytest.raises(KernelError, match="nft could not load"):
            firewall.load(INSTANCE, [BYSTANDER])
    firewall.add(INSTANCE, replace(BYSTANDER, bridge="br-a", masquerade=()))
    assert {"br-a", "br-other"} <= set(host.table().replace('"', " ").split())

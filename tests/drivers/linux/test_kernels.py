"""The kernel in memory does what the real one does: each test runs on both.

These tests need no sandbox; test_kernels_sandboxes.py has the others.
"""

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest

from mynet.drivers.errors import InterfaceExists, KernelError
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.bridge_port import PORT_GROUP
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from tests.drivers.linux.support.kernels import KernelTestbed, SeenLink

BRIDGE = Bridge("br-web", "mynet:i:web", mac_from("web"), 1400, (ip_interface("10.1.0.1/24"),))
VETH = Veth(
    name="veth-shop",
    mark="mynet:i:shop",
    outer_mac=mac_from("shop"),
    bridge="br-web",
    bridge_mark=BRIDGE.mark,
    bridge_mac=BRIDGE.mac,
    mtu=1400,
    interface="cif-shop",
    mac="02:00:5e:00:53:01",
)
BRIDGE_SEEN = SeenLink("bridge", BRIDGE.mark, "", BRIDGE.mac, 1400, up=True)
OUTER_SEEN = SeenLink("veth", VETH.mark, "br-web", VETH.outer_mac, 1400, up=True)
INNER_SEEN = SeenLink("veth", "", "", VETH.mac, 1400, up=False)


def numbered(number: int) -> Veth:
    """Return an endpoint of its own."""
    name, inner = f"veth-{number}", f"cif-{number}"
    return replace(VETH, name=name, mark=f"mynet:i:{number}", interface=inner)


@pytest.fixture
def ready(testbed: KernelTestbed) -> KernelTestbed:
    """A testbed with a bridge."""
    testbed.kernel.links.ensure_bridge(BRIDGE)
    return testbed


def test_ensure_bridge_creates_a_bridge_once(testbed: KernelTestbed) -> None:
    for _ in range(2):
        testbed.kernel.links.ensure_bridge(BRIDGE)
        assert testbed.links() == {"br-web": BRIDGE_SEEN}
    assert not testbed.kernel.links.is_taken(BRIDGE)


def test_ensure_bridge_changes_a_bridge_to_what_it_should_be(ready: KernelTestbed) -> None:
    ready.kernel.links.ensure_bridge(replace(BRIDGE, mtu=1300))
    assert ready.links() == {"br-web": replace(BRIDGE_SEEN, mtu=1300)}


@pytest.mark.parametrize("mark", ["", "mynet:i:other", "mynet:other:web"])
def test_ensure_bridge_refuses_the_name_of_a_foreign_bridge(
    testbed: KernelTestbed, mark: str
) -> None:
    testbed.add_link("br-web", mark=mark)
    before = testbed.links()
    with pytest.raises(InterfaceExists, match="br-web") as caught:
        testbed.kernel.links.ensure_bridge(BRIDGE)
    assert caught.value.resource == "interface br-web"
    assert testbed.kernel.links.is_taken(BRIDGE)
    testbed.kernel.links.delete_bridge(BRIDGE)
    assert testbed.links() == before


def test_ensure_bridge_completes_a_bridge_without_a_mark(testbed: KernelTestbed) -> None:
    testbed.begin_bridge(BRIDGE)
    assert testbed.links()["br-web"].mark == ""
    assert not testbed.kernel.links.is_taken(BRIDGE)
    testbed.kernel.links.ensure_bridge(BRIDGE)
    assert testbed.links() == {"br-web": BRIDGE_SEEN}


def test_delete_bridge_deletes_a_bridge_without_a_mark(testbed: KernelTestbed) -> None:
    testbed.begin_bridge(BRIDGE)
    testbed.kernel.links.delete_bridge(BRIDGE)
    assert not testbed.links()


def test_delete_bridge_accepts_that_the_bridge_is_gone(ready: KernelTestbed) -> None:
    for _ in range(2):
        ready.kernel.links.delete_bridge(BRIDGE)
        assert not ready.links()


@pytest.mark.parametrize("name", ["br-of-16-letters", "br-" + "x" * 60])
def test_a_name_that_is_too_long_is_refused(testbed: KernelTestbed, name: str) -> None:
    with pytest.raises(KernelError) as caught:
        testbed.kernel.links.ensure_bridge(replace(BRIDGE, name=name))
    assert caught.value.metadata["errno"] == "ERANGE"
    assert not testbed.links()


def test_the_ports_of_a_bridge_outlive_it(ready: KernelTestbed) -> None:
    ready.kernel.links.attach(VETH)
    ready.kernel.links.delete_bridge(BRIDGE)
    assert ready.links()["veth-shop"] == replace(OUTER_SEEN, master="")
    assert ready.kernel.links.inspect(VETH).master == ""
    ready.kernel.links.ensure_bridge(BRIDGE)
    ready.kernel.links.attach(VETH)
    assert ready.links()["veth-shop"] == OUTER_SEEN


def test_without_a_sandbox_the_inner_end_is_beside_the_outer_end(ready: KernelTestbed) -> None:
    for _ in range(2):
        ready.kernel.links.attach(VETH)
        assert ready.links() == {
            "br-web": BRIDGE_SEEN,
            "veth-shop": OUTER_SEEN,
            "cif-shop": INNER_SEEN,
        }
    seen = ready.kernel.links.inspect(VETH)
    assert (seen.master, seen.addresses, seen.routes) == ("br-web", frozenset(), frozenset())


def test_attach_refuses_a_bridge_that_is_not_there(ready: KernelTestbed) -> None:
    ready.kernel.links.attach(VETH)
    with pytest.raises(KernelError) as caught:
        ready.kernel.links.attach(
            replace(numbered(2), bridge="br-none", bridge_mark="mynet:i:none")
        )
    assert caught.value.metadata["errno"] == "ENODEV"
    assert set(ready.links()) == {"br-web", "veth-shop", "cif-shop"}


@pytest.mark.parametrize("name", ["veth-shop", "cif-shop"])
def test_attach_does_not_change_another_link_with_the_name(ready: KernelTestbed, name: str) -> None:
    ready.add_link(name)
    before = ready.links()
    with pytest.raises(InterfaceExists, match=name) as caught:
        ready.kernel.links.attach(VETH)
    assert caught.value.resource == f"interface {name}"
    assert ready.links() == before
    ready.kernel.links.detach([VETH])
    assert ready.links() == before


def test_detach_deletes_both_ends_of_a_pair(ready: KernelTestbed) -> None:
    for end in ("veth-shop", "cif-shop"):
        ready.kernel.links.attach(VETH)
        ready.delete_link(end)
        assert ready.links() == {"br-web": BRIDGE_SEEN}


def test_attach_moves_a_pair_to_another_bridge(ready: KernelTestbed) -> None:
    ready.kernel.links.attach(VETH)
    other = replace(BRIDGE, name="br-db", mark="mynet:i:db", mac=mac_from("db"), addresses=())
    ready.kernel.links.ensure_bridge(other)
    moved = replace(VETH, bridge="br-db", bridge_mark=other.mark, bridge_mac=other.mac)
    ready.kernel.links.attach(moved)
    assert ready.links()["veth-shop"].master == "br-db"


def test_attach_isolates_a_port_only_if_it_should(ready: KernelTestbed) -> None:
    for isolated in (True, True, False, False, True):
        veth = replace(VETH, isolated=isolated)
        ready.kernel.links.attach(veth)
        assert ready.links()["veth-shop"] == replace(OUTER_SEEN, isolated=isolated)
        outer = ready.kernel.links.inspect(veth).outer
        assert outer
        assert outer.port.isolated == isolated


def test_attach_sets_hairpin_mode_only_if_it_should(ready: KernelTestbed) -> None:
    for hairpin in (True, True, False, False, True):
        veth = replace(VETH, hairpin=hairpin)
        ready.kernel.links.attach(veth)
        outer = ready.kernel.links.inspect(veth).outer
        assert outer
        assert outer.port.hairpin == hairpin


def test_attach_closes_a_port_only_if_it_should(ready: KernelTestbed) -> None:
    for guarded in (True, True, False, False, True):
        veth = replace(VETH, guarded=guarded)
        ready.kernel.links.attach(veth)
        seen = ready.kernel.links.inspect(veth)
        assert seen.outer
        assert (seen.outer.group, seen.outer.port) == (PORT_GROUP, veth.port)
        assert seen.static_macs == ({VETH.mac} if guarded else set())
        survey = ready.kernel.links.survey().outer(veth)
        assert survey.static_macs == seen.static_macs


def test_attach_isolates_a_pair_that_it_completes(ready: KernelTestbed) -> None:
    veth = replace(VETH, isolated=True)
    ready.begin_pair(veth)
    ready.kernel.links.attach(veth)
    assert ready.links()["veth-shop"] == replace(OUTER_SEEN, isolated=True)


def test_adjust_isolates_many_ports_and_reverts_it(ready: KernelTestbed) -> None:
    others = [numbered(n) for n in range(3)]
    for veth in others:
        ready.kernel.links.attach(veth)
    for isolated in (True, True, False, False):
        ready.kernel.links.adjust([replace(veth, isolated=isolated) for veth in others[:2]])
        ready.kernel.links.adjust([])
        seen = ready.links()
        assert [seen[veth.name].isolated for veth in others] == [isolated, isolated, False]


def test_adjust_creates_no_link_and_changes_no_foreign_one(ready: KernelTestbed) -> None:
    apart = replace(VETH, isolated=True)
    ready.add_link("veth-shop")
    before = ready.links()
    ready.kernel.links.adjust([apart, replace(apart, name="veth-gone")])
    assert ready.links() == before


def test_adjust_leaves_a_port_outside_its_bridge_alone(ready: KernelTestbed) -> None:
    ready.kernel.links.attach(VETH)
    ready.kernel.links.delete_bridge(BRIDGE)
    before = ready.links()
    ready.kernel.links.adjust([replace(VETH, isolated=True)])
    assert ready.links() == before


def test_detach_accepts_that_the_endpoint_is_gone(ready: KernelTestbed) -> None:
    others = [numbered(n) for n in range(3)]
    for veth in others:
        ready.kernel.links.attach(veth)
    ready.kernel.links.detach([])
    ready.kernel.links.detach([VETH, *others[:2]])
    assert set(ready.links()) == {"br-web", "veth-2", "cif-2"}
    ready.kernel.links.detach([VETH, *others])
    assert ready.links() == {"br-web": BRIDGE_SEEN}


def test_the_table_has_the_networks_that_were_added(testbed: KernelTestbed) -> None:
    first, second = (
        NetworkRules("br-1", internal=True),
        NetworkRules("br-2", masquerade=[ip_network("10.1.0.0/24")]),
    )
    testbed.kernel.firewall.add("i", first)
    testbed.kernel.firewall.add("i", second)
    testbed.kernel.firewall.add("i", second)
    assert testbed.firewalled() == {"br-1", "br-2"}
    for _ in range(2):
        testbed.kernel.firewall.remove(second)
        assert testbed.firewalled() == {"br-1"}
    testbed.kernel.firewall.load("i", iter([second]))
    assert testbed.firewalled() == {"br-2"}


def test_enable_forwarding_never_turns_forwarding_off(testbed: KernelTestbed) -> None:
    assert testbed.forwarding() == set()
    testbed.kernel.host.enable_forwarding({4})
    assert testbed.forwarding() == {4}
    testbed.kernel.host.enable_forwarding({6})
    assert testbed.forwarding() == {4, 6}


def test_without_an_uplink_the_mtu_is_that_of_ethernet(testbed: KernelTestbed) -> None:
    assert testbed.kernel.host.uplink_mtu() == 1500


def test_list_marked_returns_only_links_with_a_mark(ready: KernelTestbed) -> None:
    ready.kernel.links.attach(VETH)
    ready.add_link("br-other", mark="mynet:other:lan")
    ready.add_link("tun7", mark="another program's")
    marks = {link.name: link.mark for link in ready.kernel.links.list_marked()}
    assert marks == {
        "br-web": BRIDGE.mark,
        "veth-shop": VETH.mark,
        "br-other": "mynet:other:lan",
    }


def test_delete_removes_a_marked_link_with_its_other_end(ready: KernelTestbed) -> None:
    ready.kernel.links.attach(VETH)
    (link,) = [link for link in ready.kernel.links.list_marked() if link.mark == VETH.mark]
    for _ in range(2):
        ready.kernel.links.delete(link)
        assert ready.links() == {"br-web": BRIDGE_SEEN}


def test_delete_leaves_a_link_that_replaced_the_listed_one(ready: KernelTestbed) -> None:
    (link,) = ready.kernel.links.list_marked()
    ready.kernel.links.delete_bridge(BRIDGE)
    ready.add_link("br-web", mark="mynet:other:lan")
    before = ready.links()
    ready.kernel.links.delete(link)
    assert ready.links() == before


def test_delete_leaves_a_link_whose_mark_is_another_than_listed(ready: KernelTestbed) -> None:
    (link,) = ready.kernel.links.list_marked()
    ready.kernel.links.delete(replace(link, mark="mynet:other:web"))
    assert list(ready.links()) == ["br-web"]


def test_inspect_bridge_returns_link_and_addresses(ready: KernelTestbed) -> None:
    seen = ready.kernel.links.inspect_bridge(BRIDGE)
    assert seen.link is not None
    assert (seen.link.name, seen.link.mark, seen.link.up) == ("br-web", BRIDGE.mark, True)
    assert seen.addresses == frozenset(BRIDGE.addresses)
    ready.kernel.links.delete_bridge(BRIDGE)
    assert ready.kernel.links.inspect_bridge(BRIDGE).link is None

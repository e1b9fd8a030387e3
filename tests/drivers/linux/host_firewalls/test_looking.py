"""What is seen of damage to the firewall, to forwarding and to links, on both kernels."""

from ipaddress import ip_address, ip_interface, ip_network

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Bridge, Segment
from mynet.drivers.linux.values.observed import Survey
from mynet.drivers.linux.values.ports import Forward, Publication
from tests.drivers.linux.support.kernels import Stage

SUBNETS = (ip_network("10.1.0.0/24"), ip_network("10.1.1.0/24"), ip_network("fd00:1::/64"))
WEB = Segment("br-web", masquerade=SUBNETS)
SHOP = Segment("br-shop", internal=True)
PORT = Forward(PortProtocol.TCP, None, 8080, ip_address("10.1.0.2"), 80)
RANGE = Forward(PortProtocol.UDP, None, 9000, ip_address("10.1.0.2"), 9000, count=100)
PORTS = Publication("e1", (PORT, RANGE))
OTHERS = Publication("e2", (Forward(PortProtocol.TCP, None, 81, ip_address("10.1.0.3"), 80),))
BRIDGE = Bridge("br-web", "mynet:i:web", mac_from("web"), 1500, (ip_interface("10.1.0.1/24"),))


def test_a_firewall_that_was_never_loaded_lacks_nothing(stage: Stage) -> None:
    assert stage.kernel.rules_stand()
    assert not stage.kernel.unfiltered(WEB)


def test_of_what_was_loaded_and_added_nothing_is_amiss(stage: Stage) -> None:
    stage.kernel.load_firewall("i", [WEB], [PORTS])
    stage.kernel.add_segment("i", SHOP)
    stage.kernel.publish("i", OTHERS)
    assert stage.kernel.rules_stand()
    assert not any(map(stage.kernel.unfiltered, (WEB, SHOP)))
    for _ in range(2):
        assert stage.kernel.unserved([WEB, SHOP], [PORTS, OTHERS]) == frozenset()


def test_what_was_never_added_is_missed(stage: Stage) -> None:
    stage.kernel.load_firewall("i", [WEB])
    assert list(stage.kernel.unfiltered(SHOP)) == [
        '"br-shop" in the set br_all',
        '"br-shop" . "br-shop" in the set br_self',
        '"br-shop" . "br-shop" in the set br_icc',
        '"br-shop" in the set br_internal',
    ]
    assert stage.kernel.unserved([WEB, SHOP], [PORTS]) == {"br-shop", "e1"}


def test_a_flushed_ruleset_serves_nobody_until_any_network_is_added_again(stage: Stage) -> None:
    stage.kernel.load_firewall("i", [WEB, SHOP], [PORTS])
    stage.flush_firewall()
    assert not stage.kernel.rules_stand()
    assert stage.kernel.unfiltered(WEB)
    assert stage.kernel.unserved([WEB, SHOP], [PORTS]) == {"br-web", "br-shop", "e1"}
    stage.kernel.add_segment("i", SHOP)
    assert stage.kernel.rules_stand()
    assert stage.kernel.unserved([WEB, SHOP], [PORTS]) == frozenset()


def test_links_and_their_addresses_are_seen_at_one_look(stage: Stage) -> None:
    stage.kernel.ensure_bridge(BRIDGE)
    stage.add_link("br-other", mark="not mynet's")
    seen = stage.kernel.survey()
    assert seen.bridge("br-web") == stage.kernel.inspect_bridge(BRIDGE)
    assert {"br-web", "br-other"} <= seen.links.keys()
    assert seen.bridge("br-none").link is None


def test_which_families_are_forwarded_is_seen(stage: Stage) -> None:
    assert stage.kernel.forwards() == frozenset()
    stage.kernel.enable_forwarding(ipv4=False, ipv6=True)
    assert stage.kernel.forwards() == {6}
    stage.kernel.enable_forwarding(ipv4=True, ipv6=False)
    assert stage.kernel.forwards() == {4, 6}


def test_whether_the_loopback_leads_to_a_bridge_is_seen(stage: Stage) -> None:
    assert not stage.kernel.is_loopback_open("br-web")
    stage.kernel.ensure_bridge(BRIDGE)
    assert not stage.kernel.is_loopback_open("br-web")
    stage.kernel.open_loopback("br-web")
    assert stage.kernel.is_loopback_open("br-web")


def test_a_link_of_no_bridge_has_no_master_in_a_survey() -> None:
    assert Survey({}, {}).outer("veth1", "br-web").outer is None

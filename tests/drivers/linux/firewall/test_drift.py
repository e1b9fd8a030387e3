"""Damage to the firewall, to forwarding and to links, as both kernels report it."""

from ipaddress import ip_address, ip_interface, ip_network

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.observed import Survey
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.support.kernels import KernelTestbed

SUBNETS = (ip_network("10.1.0.0/24"), ip_network("10.1.1.0/24"), ip_network("fd00:1::/64"))
WEB = NetworkRules("br-web", masquerade=SUBNETS)
SHOP = NetworkRules("br-shop", internal=True)
PORT = Forward(PortProtocol.TCP, None, 8080, ip_address("10.1.0.2"), 80)
RANGE = Forward(PortProtocol.UDP, None, 9000, ip_address("10.1.0.2"), 9000, count=100)
PORTS = EndpointRules("e1", (PORT, RANGE))
OTHERS = EndpointRules("e2", (Forward(PortProtocol.TCP, None, 81, ip_address("10.1.0.3"), 80),))
BRIDGE = Bridge("br-web", "mynet:i:web", mac_from("web"), 1500, (ip_interface("10.1.0.1/24"),))
OTHER = Bridge("br-other", "mynet:i:other", mac_from("other"), 1500)
NONE = Bridge("br-none", "mynet:i:none", mac_from("none"), 1500)


def test_a_firewall_that_was_never_loaded_lacks_nothing(testbed: KernelTestbed) -> None:
    assert testbed.kernel.firewall.is_intact()
    assert not testbed.kernel.firewall.missing(WEB)


def test_nothing_is_missing_of_loaded_and_added_networks(testbed: KernelTestbed) -> None:
    testbed.kernel.firewall.load("i", [WEB], [PORTS])
    testbed.kernel.firewall.add("i", SHOP)
    testbed.kernel.firewall.add_endpoint("i", OTHERS)
    assert testbed.kernel.firewall.is_intact()
    assert not any(map(testbed.kernel.firewall.missing, (WEB, SHOP)))
    for _ in range(2):
        assert testbed.kernel.firewall.drifted([WEB, SHOP], [PORTS, OTHERS]) == frozenset()


def test_a_network_that_was_never_added_is_missing(testbed: KernelTestbed) -> None:
    testbed.kernel.firewall.load("i", [WEB])
    assert list(testbed.kernel.firewall.missing(SHOP)) == [
        '"br-shop" in the set br_all',
        '"br-shop" . "br-shop" in the set br_self',
        '"br-shop" . "br-shop" in the set br_icc',
        '"br-shop" in the set br_internal',
    ]
    assert testbed.kernel.firewall.drifted([WEB, SHOP], [PORTS]) == {"br-shop", "e1"}


def test_a_flushed_ruleset_has_drifted_until_any_network_is_added_again(
    testbed: KernelTestbed,
) -> None:
    testbed.kernel.firewall.load("i", [WEB, SHOP], [PORTS])
    testbed.flush_firewall()
    assert not testbed.kernel.firewall.is_intact()
    assert testbed.kernel.firewall.missing(WEB)
    assert testbed.kernel.firewall.drifted([WEB, SHOP], [PORTS]) == {"br-web", "br-shop", "e1"}
    testbed.kernel.firewall.add("i", SHOP)
    assert testbed.kernel.firewall.is_intact()
    assert testbed.kernel.firewall.drifted([WEB, SHOP], [PORTS]) == frozenset()


def test_a_survey_has_all_links_and_their_addresses(testbed: KernelTestbed) -> None:
    testbed.kernel.links.ensure_bridge(BRIDGE)
    testbed.add_link("br-other", mark="not mynet's")
    seen = testbed.kernel.links.survey()
    assert seen.bridge(BRIDGE) == testbed.kernel.links.inspect_bridge(BRIDGE)
    assert [seen.is_taken(other.identity) for other in (BRIDGE, OTHER, NONE)] == [
        False,
        True,
        False,
    ]
    assert seen.bridge(NONE).link is None


def test_forwarded_ip_versions_are_reported(testbed: KernelTestbed) -> None:
    assert testbed.kernel.host.forwarded_versions() == frozenset()
    testbed.kernel.host.enable_forwarding({6})
    assert testbed.kernel.host.forwarded_versions() == {6}
    testbed.kernel.host.enable_forwarding({4})
    assert testbed.kernel.host.forwarded_versions() == {4, 6}


def test_an_open_loopback_of_a_bridge_is_reported(testbed: KernelTestbed) -> None:
    assert not testbed.kernel.links.is_loopback_open("br-web")
    testbed.kernel.links.ensure_bridge(BRIDGE)
    assert not testbed.kernel.links.is_loopback_open("br-web")
    testbed.kernel.links.open_loopback("br-web")
    assert testbed.kernel.links.is_loopback_open("br-web")


def test_a_link_that_is_not_there_is_not_in_a_survey() -> None:
    veth = Veth("veth1", "mynet:i:e1", "", BRIDGE.name, BRIDGE.mark, BRIDGE.mac, 1500, "eth0", "")
    assert Survey([], {}, {}, {}, {}).outer(veth).outer is None

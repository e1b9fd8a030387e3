"""What is seen of the firewall by who has not loaded it; where both kernels can, of both."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import Forward, PortForwards
from tests.drivers.linux.host_firewalls.test_looking import OTHERS, PORTS, SHOP, WEB
from tests.drivers.linux.support.kernels import KernelTestbed
from tests.drivers.linux.support.namespaces import Namespace

_HOSTS = (None, ip_address("203.0.113.1"), ip_address("2001:db8::1"))
_TARGETS = (ip_address("10.1.0.2"), ip_address("fd00:1::2"))
# Every kind of element: each protocol, at an address or at all, by itself and as a range, the last
# of them up to the last port.
EVERYTHING = PortForwards(
    "e3",
    tuple(
        Forward(protocol, host, port, target, port + shift, count)
        for protocol in PortProtocol
        for host in _HOSTS
        for target in _TARGETS
        if host is None or host.version == target.version
        for port, shift, count in ((7000, 1, 3), (7100, 0, 1), (7200, 0, 50), (65000, 0, 536))
    ),
)
ROUTED = NetworkRules("br-out", icc=False, routed=(4, 6))
NETWORKS = (WEB, SHOP, ROUTED)


def seen(
    testbed: KernelTestbed,
    segments: Sequence[NetworkRules] = NETWORKS,
    publications: Sequence[PortForwards] = (PORTS, OTHERS, EVERYTHING),
    possible: Sequence[NetworkRules] = (),
) -> list[str]:
    every = {each.bridge: each for each in (*segments, *possible)}
    found = testbed.kernel.firewall.unexpected("i", segments, list(every.values()), publications)
    return sorted(found)


@pytest.fixture
def loaded(testbed: KernelTestbed) -> KernelTestbed:
    testbed.kernel.firewall.load("i", NETWORKS, [PORTS, OTHERS, EVERYTHING])
    return testbed


def test_what_was_loaded_at_once_is_as_it_should_be(loaded: KernelTestbed) -> None:
    assert seen(loaded) == []


def test_what_came_by_the_element_is_as_it_should_be(testbed: KernelTestbed) -> None:
    testbed.kernel.firewall.load("i", [])
    for segment in (ROUTED, SHOP, WEB):
        testbed.kernel.firewall.add("i", segment)
    for publication in (EVERYTHING, OTHERS, PORTS):
        testbed.kernel.firewall.publish("i", publication)
    assert seen(testbed) == []


def test_a_table_that_is_not_there_is_one_sentence(testbed: KernelTestbed) -> None:
    gone = ["The firewall's table inet mynet is not there."]
    assert seen(testbed) == gone
    testbed.kernel.firewall.load("i", NETWORKS)
    testbed.flush_firewall()
    assert seen(testbed) == gone


def test_what_a_network_lacks_is_told_and_what_a_half_made_one_lacks_is_not(
    testbed: KernelTestbed,
) -> None:
    testbed.kernel.firewall.load("i", [WEB])
    assert seen(testbed, [WEB], possible=[SHOP]) == []
    assert seen(testbed, [WEB, SHOP], []) == [
        'The firewall lacks "br-shop" . "br-shop" in the set br_icc.',
        'The firewall lacks "br-shop" . "br-shop" in the set br_self.',
        'The firewall lacks "br-shop" in the set br_all.',
        'The firewall lacks "br-shop" in the set br_internal.',
    ]


def test_what_nothing_on_record_asks_for_is_told(loaded: KernelTestbed) -> None:
    assert seen(loaded, [WEB, ROUTED], possible=[SHOP]) == []
    assert seen(loaded, [WEB, ROUTED]) == [
        f"The firewall has {each}, which nothing on record asks for."
        for each in (
            '"br-shop" . "br-shop" in the set br_icc',
            '"br-shop" . "br-shop" in the set br_self',
            '"br-shop" in the set br_all',
            '"br-shop" in the set br_internal',
        )
    ]
    assert seen(loaded, publications=[EVERYTHING, PORTS]) == [
        (
            "The firewall has tcp . 81 : 10.1.0.3 . 80 in the map pub4, which nothing on record"
            " asks for."
        )
    ]


def test_where_a_port_leads_is_not_looked_at(loaded: KernelTestbed) -> None:
    """A call that died may have had it lead to an address that no record has."""
    elsewhere = Forward(PortProtocol.TCP, None, 81, ip_address("10.1.0.1"), 80)
    assert seen(loaded, publications=[PORTS, EVERYTHING, PortForwards("e2", [elsewhere])]) == []


OTHER_RULES = ["The firewall's rules are not those that this mynetd loads."]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("flush table inet mynet", OTHER_RULES),
        ("flush chain inet mynet filter_fwd", OTHER_RULES),
        ("insert rule inet mynet forward accept", OTHER_RULES),
        ("add chain inet mynet mine", OTHER_RULES),
        ("add set inet mynet mine { type ifname; }", OTHER_RULES),
        ("add chain inet mynet forward { policy drop; }", OTHER_RULES),
        (
            "add element inet mynet pubr_tcp4 { 22-23 : 10.9.9.9 }",
            [
                (
                    "The firewall has 22-23 : 10.9.9.9 in the map pubr_tcp4, which nothing on"
                    " record asks for."
                )
            ],
        ),
        (
            "add element inet mynet masq4 { 10.77.0.0/16 }",
            ["The firewall has 10.77.0.0/16 in the set masq4, which nothing on record asks for."],
        ),
        (
            "delete element inet mynet masq4 { 10.1.0.0/24 }",
            ["The firewall lacks 10.1.0.0/24 in the set masq4."],
        ),
        ("add table inet other", []),
        ("delete element inet mynet pub4 { tcp . 81 }", []),  # that is the endpoint's to miss
    ],
)
def test_damage_has_its_sentence(
    host: Namespace, kernel: LinuxKernel, damage: str, said: Sequence[str]
) -> None:
    kernel.firewall.load("i", NETWORKS, [PORTS, OTHERS, EVERYTHING])
    host.run("nft", damage)
    other = LinuxKernel()  # which has loaded nothing
    found = other.firewall.unexpected("i", NETWORKS, NETWORKS, [PORTS, OTHERS, EVERYTHING])
    assert list(found) == said


def test_to_look_changes_nothing_and_comes_back(host: Namespace, kernel: LinuxKernel) -> None:
    kernel.firewall.load("i", NETWORKS, [PORTS])
    before = host.run("nft", "-a", "list", "ruleset")
    home = Path("/proc/thread-self/ns/net").readlink()
    assert kernel.firewall.unexpected("i", [], NETWORKS, [PORTS]) == []
    with pytest.raises(KernelError, match="could not load"):  # two that cannot be both
        kernel.firewall.unexpected("i", [], NETWORKS, [PORTS, PortForwards("x", _shifted(PORTS))])
    assert Path("/proc/thread-self/ns/net").readlink() == home
    assert host.run("nft", "-a", "list", "ruleset") == before


def _shifted(publication: PortForwards) -> Sequence[Forward]:
    """Lead the same ports elsewhere."""
    return [
        Forward(each.protocol, each.host, each.host_port, ip_address("10.1.0.9"), 1)
        for each in publication.forwards
    ]

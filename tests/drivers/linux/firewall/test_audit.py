"""The ruleset audit by a kernel object that has not loaded the table, on both kernels."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.endpoint_rules import EndpointRules
from mynet.drivers.linux.values.expected_tables import ExpectedTables
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.firewall.test_drift import OTHERS, PORTS, SHOP, WEB
from tests.drivers.linux.support.kernels import KernelTestbed
from tests.drivers.linux.support.namespaces import Namespace

_HOSTS = (None, ip_address("203.0.113.1"), ip_address("2001:db8::1"))
_TARGETS = (ip_address("10.1.0.2"), ip_address("fd00:1::2"))
# Every kind of element: each protocol, at one address and at all, single and as a range, and as a
# range up to the last port.
EVERYTHING = EndpointRules(
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


def audited(
    testbed: KernelTestbed,
    rules: Sequence[NetworkRules] = NETWORKS,
    forwards: Sequence[EndpointRules] = (PORTS, OTHERS, EVERYTHING),
    possible: Sequence[NetworkRules] = (),
) -> list[str]:
    recorded = {network.bridge: network for network in (*rules, *possible)}
    expected = ExpectedTables("i", rules, list(recorded.values()), forwards)
    return sorted(testbed.kernel.firewall.unexpected(expected))


@pytest.fixture
def loaded(testbed: KernelTestbed) -> KernelTestbed:
    testbed.kernel.firewall.load("i", NETWORKS, [PORTS, OTHERS, EVERYTHING])
    return testbed


def test_a_loaded_table_has_no_differences(loaded: KernelTestbed) -> None:
    assert audited(loaded) == []


def test_a_table_that_was_changed_by_the_element_has_no_differences(testbed: KernelTestbed) -> None:
    testbed.kernel.firewall.load("i", [])
    for network in (ROUTED, SHOP, WEB):
        testbed.kernel.firewall.add("i", network)
    for forwards in (EVERYTHING, OTHERS, PORTS):
        testbed.kernel.firewall.add_endpoint("i", forwards)
    assert audited(testbed) == []


def test_a_missing_table_is_one_difference(testbed: KernelTestbed) -> None:
    gone = [f"The firewall's table {family} mynet is not there." for family in ("bridge", "inet")]
    assert audited(testbed) == gone
    testbed.kernel.firewall.load("i", NETWORKS)
    testbed.flush_firewall()
    assert audited(testbed) == gone


def test_missing_elements_are_reported_except_of_unfinished_networks(
    testbed: KernelTestbed,
) -> None:
    testbed.kernel.firewall.load("i", [WEB])
    assert audited(testbed, [WEB], possible=[SHOP]) == []
    assert audited(testbed, [WEB, SHOP], []) == [
        'The firewall lacks "br-shop" . "br-shop" in the set br_icc.',
        'The firewall lacks "br-shop" . "br-shop" in the set br_self.',
        'The firewall lacks "br-shop" in the set br_all.',
        'The firewall lacks "br-shop" in the set br_internal.',
    ]


def test_elements_without_a_record_are_reported(loaded: KernelTestbed) -> None:
    assert audited(loaded, [WEB, ROUTED], possible=[SHOP]) == []
    assert audited(loaded, [WEB, ROUTED]) == [
        f"The firewall has {element}, which nothing on record asks for."
        for element in (
            '"br-shop" . "br-shop" in the set br_icc',
            '"br-shop" . "br-shop" in the set br_self',
            '"br-shop" in the set br_all',
            '"br-shop" in the set br_internal',
        )
    ]
    assert audited(loaded, forwards=[EVERYTHING, PORTS]) == [
        f"The firewall has {element}, which nothing on record asks for."
        for element in (
            "tcp . 81 : 10.1.0.3 . 80 in the map pub4",
            "tcp . 81 in the set held4",
        )
    ]


def test_where_a_port_leads_is_not_compared(loaded: KernelTestbed) -> None:
    """An interrupted call may have led the port to an address that no record has."""
    elsewhere = Forward(PortProtocol.TCP, None, 81, ip_address("10.1.0.1"), 80)
    assert audited(loaded, forwards=[PORTS, EVERYTHING, EndpointRules("e2", [elsewhere])]) == []


OTHER_RULES = ["The firewall's rules are not those that this mynetd loads."]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("flush table inet mynet", OTHER_RULES),
        ("flush chain inet mynet between", OTHER_RULES),
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
        ("delete element inet mynet pub4 { tcp . 81 }", []),  # check() of the endpoint reports it
    ],
)
def test_each_damage_is_reported(
    host: Namespace, kernel: LinuxKernel, damage: str, said: Sequence[str]
) -> None:
    kernel.firewall.load("i", NETWORKS, [PORTS, OTHERS, EVERYTHING])
    host.run("nft", damage)
    other = LinuxKernel()  # which has loaded nothing
    expected = ExpectedTables("i", NETWORKS, NETWORKS, [PORTS, OTHERS, EVERYTHING])
    assert list(other.firewall.unexpected(expected)) == said


def test_an_audit_changes_nothing_and_returns_to_its_namespace(
    host: Namespace, kernel: LinuxKernel
) -> None:
    kernel.firewall.load("i", NETWORKS, [PORTS])
    before = host.run("nft", "-a", "list", "ruleset")
    home = Path("/proc/thread-self/ns/net").readlink()
    expected = ExpectedTables("i", [], NETWORKS, [PORTS])
    assert kernel.firewall.unexpected(expected) == []
    twice = replace(expected, endpoints=[PORTS, EndpointRules("x", _shifted(PORTS))])
    with pytest.raises(KernelError, match="refused to load"):  # the same ports twice
        kernel.firewall.unexpected(twice)
    assert Path("/proc/thread-self/ns/net").readlink() == home
    assert host.run("nft", "-a", "list", "ruleset") == before


def _shifted(forwards: EndpointRules) -> Sequence[Forward]:
    """Return the same ports, leading elsewhere."""
    return [
        Forward(forward.protocol, forward.host, forward.host_port, ip_address("10.1.0.9"), 1)
        for forward in forwards.forwards
    ]

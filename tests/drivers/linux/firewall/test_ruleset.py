"""The firewall as text: what each network and each published port adds, and the whole."""

import re
from dataclasses import replace
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.firewall.elements.guard import guard_elements, sandbox_elements
from mynet.drivers.linux.firewall.elements.ports import published, used_elements
from mynet.drivers.linux.firewall.ruleset import elements, refilled
from mynet.drivers.linux.values.bridge_port import PORT_GROUP
from mynet.drivers.linux.values.desired import NetworkRules, RouteSource
from mynet.drivers.linux.values.endpoint_rules import Attachment, EndpointRules, Guard
from mynet.drivers.linux.values.ports import Forward, UsedPort
from mynet.drivers.linux.values.replies import Uplink
from tests.drivers.linux.support.rulesets import (
    ALLOWED,
    DUAL,
    GUARD,
    GUARDS,
    PORTS,
    RULES,
    WEB,
    added,
    forward,
    lines_of,
    rules_of,
    ruleset,
)

GOLDEN = Path(__file__).parents[1] / "golden"
DB = rules_of("br-db", "10.2.0.0/24")
PLAIN = rules_of("br-plain")
LEAVING = NetworkRules(
    "br-leaving",
    host_addresses=[ip_address("192.0.2.1")],
    route_sources=[RouteSource("up0", ip_address("2001:db8::7"))],
    uplinks=[Uplink("up0", 1), Uplink("up1", 6)],
)
APART = NetworkRules("br-apart", icc=False, routed=(4, 6))
INNER = replace(rules_of("br-inner", internal=True), without_host=(4, 6))


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ([], ""),
        (
            [WEB],
            """
            add element bridge mynet all_subnets4 { 10.1.0.0/24 }
            add element bridge mynet all_subnets6 { fd00:1::/64 }
            add element inet mynet br_all { "br-web" }
            add element inet mynet br_icc { "br-web" . "br-web" }
            add element inet mynet br_self { "br-web" . "br-web" }
            add element inet mynet masq4 { 10.1.0.0/24 }
            add element inet mynet masq6 { fd00:1::/64 }
            add element inet mynet subnets4 { 10.1.0.0/24 }
            add element inet mynet subnets6 { fd00:1::/64 }
            """,
        ),
        (
            [PLAIN],
            """
            add element inet mynet br_all { "br-plain" }
            add element inet mynet br_icc { "br-plain" . "br-plain" }
            add element inet mynet br_self { "br-plain" . "br-plain" }
            """,
        ),
        (
            [APART],
            """
            add element inet mynet br_all { "br-apart" }
            add element inet mynet br_routed4 { "br-apart" }
            add element inet mynet br_routed6 { "br-apart" }
            add element inet mynet br_self { "br-apart" . "br-apart" }
            """,
        ),
        (
            [LEAVING],
            """
            add element inet mynet br_all { "br-leaving" }
            add element inet mynet br_icc { "br-leaving" . "br-leaving" }
            add element inet mynet br_replies { "br-leaving" }
            add element inet mynet br_self { "br-leaving" . "br-leaving" }
            add element inet mynet came_by1 { "up0" . "br-leaving" }
            add element inet mynet came_by2 { "up1" . "br-leaving" }
            add element inet mynet came_by4 { "up1" . "br-leaving" }
            add element inet mynet host4 { "br-leaving" : 192.0.2.1 }
            add element inet mynet src6 { "br-leaving" . "up0" : 2001:db8::7 }
            """,
        ),
        (
            [INNER],
            """
            add element inet mynet br_all { "br-inner" }
            add element inet mynet br_hostless4 { "br-inner" }
            add element inet mynet br_hostless6 { "br-inner" }
            add element inet mynet br_icc { "br-inner" . "br-inner" }
            add element inet mynet br_internal { "br-inner" }
            add element inet mynet br_self { "br-inner" . "br-inner" }
            """,
        ),
        (
            [WEB, DB, INNER],
            """
            add element bridge mynet all_subnets4 { 10.1.0.0/24, 10.2.0.0/24 }
            add element bridge mynet all_subnets6 { fd00:1::/64 }
            add element inet mynet br_all { "br-web", "br-db", "br-inner" }
            add element inet mynet br_hostless4 { "br-inner" }
            add element inet mynet br_hostless6 { "br-inner" }
            add element inet mynet br_icc { "br-web" . "br-web", "br-db" . "br-db", "br-inner" . "br-inner" }
            add element inet mynet br_internal { "br-inner" }
            add element inet mynet br_self { "br-web" . "br-web", "br-db" . "br-db", "br-inner" . "br-inner" }
            add element inet mynet masq4 { 10.1.0.0/24, 10.2.0.0/24 }
            add element inet mynet masq6 { fd00:1::/64 }
            add element inet mynet subnets4 { 10.1.0.0/24, 10.2.0.0/24 }
            add element inet mynet subnets6 { fd00:1::/64 }
            """,  # noqa: E501 - a line of the ruleset
        ),
    ],
    ids=["none", "masqueraded", "plain", "routed", "leaving", "internal", "three"],
)
def test_each_network_adds_its_elements_after_the_rules(
    networks: list[NetworkRules], expected: str
) -> None:
    assert added(ruleset("7f3a", networks)) == lines_of(expected)


@pytest.mark.parametrize(("forwards", "expected"), PORTS.values(), ids=PORTS.keys())
def test_each_published_port_adds_its_elements(forwards: list[Forward], expected: str) -> None:
    assert added(ruleset("7f3a", [], [EndpointRules("web", forwards)])) == lines_of(expected)


@pytest.mark.parametrize(("guard", "expected"), GUARDS.values(), ids=GUARDS.keys())
def test_each_endpoint_adds_what_it_may_send(guard: Guard, expected: str) -> None:
    rules = EndpointRules("web", guard=guard)
    assert added(ruleset("7f3a", [], [rules])) == lines_of(expected)


def test_endpoints_of_one_sandbox_may_send_from_each_others_addresses() -> None:
    """But not in ARP and neighbour discovery, and not with the other's link-local address."""
    red, blue, other = (
        replace(
            DUAL,
            attachment=Attachment(number, 3),
            addresses=(ip_address(f"10.{number}.0.2"), ip_address("fe80::7")),
            conntrack_limit=0,
            sandbox=sandbox,
        )
        for number, sandbox in ((7, 4711), (8, 4711), (9, 4712))
    )
    rules = [
        EndpointRules(str(number), guard=guard) for number, guard in enumerate((red, blue, other))
    ]
    lines = [line for line in added(ruleset("7f3a", [], rules)) if "sandbox" in line]
    mac = DUAL.mac
    assert lines == [
        f"add element bridge mynet sandbox_ip4 {{ 7 . {mac} . 10.8.0.2, 8 . {mac} . 10.7.0.2 }}"
    ]


def test_the_guard_judges_the_link_group_of_the_ports() -> None:
    (group,) = re.findall(r"iifgroup != (\w+) accept", GUARD.read_text())
    assert int(group, 16) == PORT_GROUP


def test_the_text_is_one_transaction_that_replaces_the_tables() -> None:
    golden = GOLDEN / "networks-and-endpoints.nft"
    endpoints = [EndpointRules(name, forwards) for name, (forwards, _) in PORTS.items()]
    endpoints += [
        EndpointRules(name, guard=replace(guard, attachment=Attachment(7 + number, 3 + number)))
        for number, (name, (guard, _)) in enumerate(GUARDS.items())
    ]
    assert ruleset("7f3a", [WEB, DB, APART, INNER, LEAVING], endpoints) == golden.read_text()


def test_tables_that_are_current_get_other_elements_and_keep_their_rules() -> None:
    lines = refilled(elements(WEB)).splitlines()
    emptied = [line for line in lines if line.startswith("flush ")]
    assert [*emptied, *added(ruleset("7f3a", [WEB]))] == lines
    assert {"flush map inet mynet pub4", "flush set bridge mynet own_mac"} <= set(emptied)


def test_the_rules_declare_exactly_the_sets_that_are_filled() -> None:
    inside = rules_of("br-x", "10.0.0.0/8", "fd00::/64", internal=True)
    addresses = (ip_address("192.0.2.1"), ip_address("2001:db8::7"))
    everything = replace(
        inside,
        routed=(4, 6),
        without_host=(4, 6),
        host_addresses=addresses,
        route_sources=[RouteSource("uplink", address) for address in addresses],
        uplinks=[Uplink("uplink", 15)],
    )
    forwards = [
        forward(host, first, target, first, protocol=protocol, count=count)
        for host, target, first in (
            ("", "10.1.0.2", 9000),
            ("", "fd00::2", 9000),
            ("192.0.2.7", "10.1.0.2", 8000),
            ("2001:db8::1", "fd00::2", 8000),
        )
        for protocol in PortProtocol
        for first, count in ((first, 1), (first + 1, 2))
    ]
    guards = [replace(DUAL, allowed=ALLOWED), replace(DUAL, spoof_check=False)]
    filled = chain(
        elements(everything),
        published(forwards),
        *map(guard_elements, guards),
        sandbox_elements(DUAL, DUAL),
        used_elements(UsedPort(PortProtocol.UDP, 500, version) for version in (4, 6)),
    )
    declared = [
        (family, name)
        for family, file in (("inet", RULES), ("bridge", GUARD))
        for name in re.findall(r"^  (?:set|map) (\w+)", file.read_text(), flags=re.MULTILINE)
    ]
    assert {(element.family, element.set) for element in filled} == set(declared)


@pytest.mark.parametrize("name", ['br"x', "br*", "br x", "br\nx", "br\\x", "br{", "", "brü"])
def test_a_name_that_nft_would_read_differently_is_refused(name: str) -> None:
    with pytest.raises(CapabilityUnsupported, match="cannot be written in a firewall ruleset"):
        ruleset("7f3a", [rules_of(name)])


def test_an_instance_cannot_contain_rules() -> None:
    with pytest.raises(CapabilityUnsupported):
        ruleset('"; } flush ruleset; #', [])

"""The firewall as text: what each network and each published port adds, and the whole."""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import chain
from pathlib import Path

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.firewall.elements.element import (
    Bits,
    Element,
    LinkIndex,
    Mac,
    Span,
    Value,
    keys,
)
from mynet.drivers.linux.firewall.elements.guard import guard_elements, sandbox_elements
from mynet.drivers.linux.firewall.elements.ports import published, used_elements
from mynet.drivers.linux.firewall.ruleset import all_elements, elements, refilled, replaced
from mynet.drivers.linux.netlink.netfilter.nftables import Key
from mynet.drivers.linux.values.bridge_port import PORT_GROUP
from mynet.drivers.linux.values.desired import NetworkRules, RouteSource
from mynet.drivers.linux.values.endpoint_rules import AddressRange, Attachment, EndpointRules, Guard
from mynet.drivers.linux.values.ports import Forward, UsedPort
from mynet.drivers.linux.values.replies import Uplink

GOLDEN = Path(__file__).parents[1] / "golden"
RULES = Path(replaced.__code__.co_filename).with_name("ruleset.nft")
GUARD = RULES.with_name("guard.nft")
ADDRESSES = tuple(map(ip_address, ("10.1.0.2", "fd00:1::2", "fe80::2ff:fe00:2")))
ALLOWED = tuple(
    AddressRange(ip_address(first), ip_address(last))
    for first, last in (
        ("10.9.0.0", "10.9.0.255"),
        ("10.9.1.7", "10.9.1.7"),
        ("fd09::", "fd09::ffff"),
        ("fd09:1::7", "fd09:1::7"),
    )
)
SUBNETS = (ip_network("10.1.0.0/24"), ip_network("fd00:1::/64"))
DUAL = Guard(
    Attachment(7, 3), "02:00:00:00:00:02", ADDRESSES, conntrack_limit=4096, subnets=SUBNETS
)


def rules_of(bridge: str, *subnets: str, internal: bool = False) -> NetworkRules:
    cidrs = tuple(ip_network(subnet) for subnet in subnets)
    return NetworkRules(bridge, internal, cidrs, subnets=cidrs)


def forward(host: str, port: int, target: str, to: int, **fields: object) -> Forward:
    made = Forward(
        PortProtocol.TCP, ip_address(host) if host else None, port, ip_address(target), to
    )
    return replace(made, **fields)  # type: ignore[arg-type]


WEB = rules_of("br-web", "10.1.0.0/24", "fd00:1::/64")
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
HOST_7 = (7).to_bytes(4, sys.byteorder).hex()
UDP, SCTP = PortProtocol.UDP, PortProtocol.SCTP
PORTS = {
    "one": (
        [forward("", 8080, "10.1.0.2", 80), forward("", 8080, "fd00:1::2", 80)],
        """
        add element inet mynet held4 { tcp . 8080 }
        add element inet mynet held6 { tcp . 8080 }
        add element inet mynet leaves4 { 10.1.0.2 . tcp . 8080 }
        add element inet mynet leaves6 { fd00:1::2 . tcp . 8080 }
        add element inet mynet pub4 { tcp . 8080 : 10.1.0.2 . 80 }
        add element inet mynet pub6 { tcp . 8080 : fd00:1::2 . 80 }
        add element inet mynet pubsrc4 { 10.1.0.2 . tcp . 80 : 8080 }
        add element inet mynet pubsrc6 { fd00:1::2 . tcp . 80 : 8080 }
        """,
    ),
    "one, several times": (
        [
            forward("", 8080, "10.3.0.2", 80),
            forward("", 8081, "10.3.0.2", 80),
            forward("192.0.2.7", 8082, "10.3.0.2", 80),
        ],
        """
        add element inet mynet held4 { tcp . 8080, tcp . 8081, tcp . 8082 }
        add element inet mynet leaves4 { 10.3.0.2 . tcp . 8080 }
        add element inet mynet pub4 { tcp . 8080 : 10.3.0.2 . 80, tcp . 8081 : 10.3.0.2 . 80 }
        add element inet mynet pubip4 { 192.0.2.7 . tcp . 8082 : 10.3.0.2 . 80 }
        add element inet mynet pubsrc4 { 10.3.0.2 . tcp . 80 : 8080 }
        """,
    ),
    "at one address": (
        [forward("127.0.0.1", 53, "10.1.0.2", 5353, protocol=UDP)],
        "add element inet mynet pubip4 { 127.0.0.1 . udp . 53 : 10.1.0.2 . 5353 }",
    ),
    "a range that keeps its numbers": (
        [
            forward("", 9000, "10.1.0.2", 9000, count=101),
            forward("", 9000, "fd00:1::2", 9000, count=101, protocol=UDP),
            forward("", 60000, "10.1.0.2", 60000, count=5536, protocol=SCTP),
        ],
        """
        add element inet mynet heldr4 { tcp . 9000-9100, sctp . 60000-65535 }
        add element inet mynet heldr6 { udp . 9000-9100 }
        add element inet mynet pubr_sctp4 { 60000-65535 : 10.1.0.2 }
        add element inet mynet pubr_tcp4 { 9000-9100 : 10.1.0.2 }
        add element inet mynet pubr_udp6 { 9000-9100 : fd00:1::2 }
        add element inet mynet pubsrcr4 { 10.1.0.2 . tcp . 9000-9100, 10.1.0.2 . sctp . 60000-65535 }
        add element inet mynet pubsrcr6 { fd00:1::2 . udp . 9000-9100 }
        """,  # noqa: E501 - a line of the ruleset
    ),
    "such a range at one address": (
        [
            forward("127.0.0.1", 9000, "10.1.0.2", 9000, count=101),
            forward("2001:db8::1", 9000, "fd00:1::2", 9000, count=2, protocol=SCTP),
        ],
        """
        add element inet mynet held6 { sctp . 9000, sctp . 9001 }
        add element inet mynet pubipr4 { 127.0.0.1 . tcp . 9000-9100 : 10.1.0.2 }
        add element inet mynet pubipr6 { 2001:db8::1 . sctp . 9000-9001 : fd00:1::2 }
        add element inet mynet pubsrcipr6 { fd00:1::2 . sctp . 9000-9001 : 2001:db8::1 }
        add element inet mynet pubsrcr6 { fd00:1::2 . sctp . 9000-9001 }
        """,
    ),
    "ranges that share numbers": (
        [
            forward("192.0.2.7", 9000, "10.3.0.2", 9000, count=3, protocol=UDP),
            forward("192.0.2.8", 9002, "10.3.0.2", 9002, count=2, protocol=UDP),
        ],
        """
        add element inet mynet held4 { udp . 9000, udp . 9001, udp . 9002, udp . 9003 }
        add element inet mynet pubipr4 { 192.0.2.7 . udp . 9000-9002 : 10.3.0.2, 192.0.2.8 . udp . 9002-9003 : 10.3.0.2 }
        add element inet mynet pubsrcipr4 { 10.3.0.2 . udp . 9000-9002 : 192.0.2.7 }
        add element inet mynet pubsrcr4 { 10.3.0.2 . udp . 9000-9002 }
        """,  # noqa: E501 - a line of the ruleset
    ),
    "a range with other numbers": (
        [
            forward("", 9000, "10.1.0.2", 7000, count=2),
            forward("192.0.2.7", 65534, "10.1.0.2", 1, count=2),
        ],
        """
        add element inet mynet held4 { tcp . 9000, tcp . 9001, tcp . 65534, tcp . 65535 }
        add element inet mynet leaves4 { 10.1.0.2 . tcp . 9000, 10.1.0.2 . tcp . 9001, 10.1.0.2 . tcp . 65534, 10.1.0.2 . tcp . 65535 }
        add element inet mynet pub4 { tcp . 9000 : 10.1.0.2 . 7000, tcp . 9001 : 10.1.0.2 . 7001 }
        add element inet mynet pubip4 { 192.0.2.7 . tcp . 65534 : 10.1.0.2 . 1, 192.0.2.7 . tcp . 65535 : 10.1.0.2 . 2 }
        add element inet mynet pubsrc4 { 10.1.0.2 . tcp . 7000 : 9000, 10.1.0.2 . tcp . 7001 : 9001 }
        add element inet mynet pubsrcip4 { 10.1.0.2 . tcp . 1 : 192.0.2.7 . 65534, 10.1.0.2 . tcp . 2 : 192.0.2.7 . 65535 }
        """,  # noqa: E501 - a line of the ruleset
    ),
}


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


GUARDS = {
    "both families": (
        DUAL,
        """
        add element bridge mynet nd_own_ip { 7 . 0xfd000001000000000000000000000002, 7 . 0xfe80000000000000000002fffe000002 }
        add element bridge mynet nd_own_mac { 7 . 0x020000000002 }
        add element bridge mynet own_ip4 { 7 . 02:00:00:00:00:02 . 10.1.0.2 }
        add element bridge mynet own_ip6 { 7 . 02:00:00:00:00:02 . fd00:1::2, 7 . 02:00:00:00:00:02 . fe80::2ff:fe00:2 }
        add element bridge mynet own_mac { 7 . 02:00:00:00:00:02 }
        add element bridge mynet ports { 7 : 0:7 }
        add element inet mynet conntrack_limits { 3 . 0:7 ct count over 4096 }
        add element inet mynet fast { 3 . 0:7 limit rate over 2048/minute burst 4096 packets }
        add element inet mynet members4 { 3 . 10.1.0.2 }
        add element inet mynet members6 { 3 . fd00:1::2 }
        add element inet mynet too_fast { 3 . 0:7 limit rate over 1024/second burst 4096 packets }
        """,  # noqa: E501 - lines of the ruleset
    ),
    "IPv4 alone, without a limit": (
        replace(DUAL, addresses=ADDRESSES[:1], conntrack_limit=0),
        """
        add element bridge mynet own_ip4 { 7 . 02:00:00:00:00:02 . 10.1.0.2 }
        add element bridge mynet own_mac { 7 . 02:00:00:00:00:02 }
        add element inet mynet members4 { 3 . 10.1.0.2 }
        """,
    ),
    "allowed addresses": (
        replace(DUAL, addresses=(), allowed=ALLOWED, conntrack_limit=10),
        """
        add element bridge mynet allowed_ip4 { 7 . 02:00:00:00:00:02 . 10.9.0.0-10.9.0.255, 7 . 02:00:00:00:00:02 . 10.9.1.7 }
        add element bridge mynet allowed_ip6 { 7 . 02:00:00:00:00:02 . fd09::-fd09::ffff, 7 . 02:00:00:00:00:02 . fd09:1::7 }
        add element bridge mynet nd_allowed_ip { 7 . 0xfd090000000000000000000000000000-0xfd09000000000000000000000000ffff, 7 . 0xfd090001000000000000000000000007 }
        add element bridge mynet nd_own_mac { 7 . 0x020000000002 }
        add element bridge mynet own_mac { 7 . 02:00:00:00:00:02 }
        add element bridge mynet ports { 7 : 0:7 }
        add element inet mynet conntrack_limits { 3 . 0:7 ct count over 10 }
        add element inet mynet fast { 3 . 0:7 limit rate over 5/minute burst 10 packets }
        add element inet mynet open_bridges { 3 }
        add element inet mynet too_fast { 3 . 0:7 limit rate over 2/second burst 10 packets }
        """,  # noqa: E501 - lines of the ruleset
    ),
    "without spoof_check": (
        replace(DUAL, spoof_check=False, allowed=ALLOWED),
        """
        add element bridge mynet allowed_ip4 { 7 . 02:00:00:00:00:02 . 10.9.0.0-10.9.0.255, 7 . 02:00:00:00:00:02 . 10.9.1.7 }
        add element bridge mynet allowed_ip6 { 7 . 02:00:00:00:00:02 . fd09::-fd09::ffff, 7 . 02:00:00:00:00:02 . fd09:1::7 }
        add element bridge mynet nd_allowed_ip { 7 . 0xfd090000000000000000000000000000-0xfd09000000000000000000000000ffff, 7 . 0xfd090001000000000000000000000007 }
        add element bridge mynet network_ip4 { 7 . 10.1.0.0/24 }
        add element bridge mynet network_ip6 { 7 . fd00:1::/64 }
        add element bridge mynet ports { 7 : 0:7 }
        add element bridge mynet unguarded { 7 }
        add element inet mynet conntrack_limits { 3 . 0:7 ct count over 4096 }
        add element inet mynet fast { 3 . 0:7 limit rate over 2048/minute burst 4096 packets }
        add element inet mynet members4 { 3 . 10.1.0.2 }
        add element inet mynet members6 { 3 . fd00:1::2 }
        add element inet mynet open_bridges { 3 }
        add element inet mynet too_fast { 3 . 0:7 limit rate over 1024/second burst 4096 packets }
        """,  # noqa: E501 - lines of the ruleset
    ),
}


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


def ruleset(
    instance: str, rules: Sequence[NetworkRules], endpoints: Sequence[EndpointRules] = ()
) -> str:
    return replaced(instance, all_elements(rules, endpoints))


def added(text: str) -> list[str]:
    """Return the lines after the rules."""
    return text.partition(RULES.read_text() + GUARD.read_text())[2].splitlines()


def lines_of(expected: str) -> list[str]:
    return [line.strip() for line in expected.strip().splitlines()]


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
        used_elements(UsedPort(UDP, 500, version) for version in (4, 6)),
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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("br-web", ["62722d77656200000000000000000000"]),
        (("a", "b"), ["61" + "00" * 15 + "62" + "00" * 15]),
        (ip_network("10.1.0.0/24"), ["0a010000", "0a010100 ends"]),
        (ip_network("10.1.0.7/32"), ["0a010007", "0a010008 ends"]),
        (ip_network("0.0.0.0/8"), ["00000000", "01000000 ends"]),
        (ip_network("0.0.0.0/0"), ["00000000"]),
        (ip_network("255.255.255.0/24"), ["ffffff00"]),
        (ip_network("fd00::/16"), ["fd" + "00" * 15, "fd01" + "00" * 14 + " ends"]),
        (ip_network("ffff::/16"), ["ffff" + "00" * 14]),
        ((ip_network("10.1.0.0/24"),) * 2, ["0a0100000a010000-0a0100ff0a0100ff"]),
        (range(9000, 9101), ["2328", "238d ends"]),
        (range(60000, 65536), ["ea60"]),
        ((UDP, 53), ["11000000" + "00350000"]),
        ((ip_address("127.0.0.1"), SCTP, 80), ["7f00000184000000" + "00500000"]),
        (
            (ip_address("127.0.0.1"), PortProtocol.TCP, range(80, 82)),
            ["7f0000010600000000500000-7f0000010600000000510000"],
        ),
        (LinkIndex(7), [HOST_7]),
        ((LinkIndex(7), Mac("02:00:00:00:00:02")), [HOST_7 + "0200000000020000"]),
        ((LinkIndex(7), Bits(bytes(15) + b"\x02")), [HOST_7 + "00" * 15 + "02"]),
        (
            (LinkIndex(7), Span(ip_address("10.9.0.1"), ip_address("10.9.0.9"))),
            ["000000070a090001-000000070a090009"],
        ),
    ],
    ids=str,
)
def test_an_element_is_packed_into_keys(value: Value, expected: list[str]) -> None:
    assert [_hex(key) for key in keys(Element("s", value))] == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ip_address("10.1.0.2"), "0a010002"),
        ((ip_address("10.1.0.2"), 80), "0a010002" + "00500000"),
        ((ip_address("fd00::2"), 80), "fd" + "00" * 14 + "02" + "00500000"),
    ],
    ids=str,
)
def test_the_data_of_a_map_is_packed_into_its_keys(data: Value, expected: str) -> None:
    start, end = keys(Element("s", range(80, 90), data))
    assert (start.data.hex(), end.data) == (expected, b"")


def _hex(key: Key) -> str:
    end = f"-{key.end.hex()}" if key.end else ""
    return key.value.hex() + end + (" ends" if key.ends_interval else "")

"""The firewall as text: what each network and each published port adds, and the whole."""

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import chain
from pathlib import Path

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.firewall.elements import Value, keys
from mynet.drivers.linux.firewall.port_elements import published
from mynet.drivers.linux.firewall.ruleset import elements, ruleset
from mynet.drivers.linux.netlink.nftables import Key
from mynet.drivers.linux.values.desired import NetworkRules, RouteSource
from mynet.drivers.linux.values.ports import Forward, PortForwards

GOLDEN = Path(__file__).parents[1] / "golden"
RULES = Path(ruleset.__code__.co_filename).with_name("ruleset.nft")


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
)
APART = NetworkRules("br-apart", icc=False, routed=(4, 6))
INNER = rules_of("br-inner", internal=True)
UDP, SCTP = PortProtocol.UDP, PortProtocol.SCTP
PORTS = {
    "one": (
        [forward("", 8080, "10.1.0.2", 80), forward("", 8080, "fd00:1::2", 80)],
        """
        add element inet mynet held4 { tcp . 8080 }
        add element inet mynet held6 { tcp . 8080 }
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
        add element inet mynet held4 { tcp . 8080, tcp . 8081 }
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
        add element inet mynet pubipr4 { 127.0.0.1 . tcp . 9000-9100 : 10.1.0.2 }
        add element inet mynet pubipr6 { 2001:db8::1 . sctp . 9000-9001 : fd00:1::2 }
        add element inet mynet pubsrcipr6 { fd00:1::2 . sctp . 9000-9001 : 2001:db8::1 }
        """,
    ),
    "ranges that share numbers": (
        [
            forward("192.0.2.7", 9000, "10.3.0.2", 9000, count=11, protocol=UDP),
            forward("192.0.2.8", 9005, "10.3.0.2", 9005, count=11, protocol=UDP),
        ],
        """
        add element inet mynet pubipr4 { 192.0.2.7 . udp . 9000-9010 : 10.3.0.2, 192.0.2.8 . udp . 9005-9015 : 10.3.0.2 }
        add element inet mynet pubsrcipr4 { 10.3.0.2 . udp . 9000-9010 : 192.0.2.7 }
        """,  # noqa: E501 - a line of the ruleset
    ),
    "a range with other numbers": (
        [
            forward("", 9000, "10.1.0.2", 7000, count=2),
            forward("192.0.2.7", 65534, "10.1.0.2", 1, count=2),
        ],
        """
        add element inet mynet held4 { tcp . 9000, tcp . 9001 }
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
            add element inet mynet br_self { "br-leaving" . "br-leaving" }
            add element inet mynet host4 { "br-leaving" : 192.0.2.1 }
            add element inet mynet src6 { "br-leaving" . "up0" : 2001:db8::7 }
            """,
        ),
        (
            [INNER],
            """
            add element inet mynet br_all { "br-inner" }
            add element inet mynet br_icc { "br-inner" . "br-inner" }
            add element inet mynet br_internal { "br-inner" }
            add element inet mynet br_self { "br-inner" . "br-inner" }
            """,
        ),
        (
            [WEB, DB, INNER],
            """
            add element inet mynet br_all { "br-web", "br-db", "br-inner" }
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
    assert added(ruleset("7f3a", [], [PortForwards("web", forwards)])) == lines_of(expected)


def added(text: str) -> list[str]:
    """Return the lines after the rules."""
    return text.partition(RULES.read_text())[2].splitlines()


def lines_of(expected: str) -> list[str]:
    return [line.strip() for line in expected.strip().splitlines()]


def test_the_text_is_one_transaction_that_replaces_the_table() -> None:
    golden = GOLDEN / "networks-and-ports.nft"
    ports = [PortForwards(name, forwards) for name, (forwards, _) in PORTS.items()]
    assert ruleset("7f3a", [WEB, DB, APART, INNER], ports) == golden.read_text()


def test_the_rules_declare_exactly_the_sets_that_are_filled() -> None:
    inside = rules_of("br-x", "10.0.0.0/8", "fd00::/64", internal=True)
    addresses = (ip_address("192.0.2.1"), ip_address("2001:db8::7"))
    everything = replace(
        inside,
        routed=(4, 6),
        host_addresses=addresses,
        route_sources=[RouteSource("uplink", address) for address in addresses],
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
    filled = chain(elements(everything), published(PortForwards("web", forwards)))
    declared = re.findall(r"^  (?:set|map) (\w+)", RULES.read_text(), flags=re.MULTILINE)
    assert {element.set for element in filled} == set(declared)


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
    ],
    ids=str,
)
def test_an_element_is_packed_into_keys(value: Value, expected: list[str]) -> None:
    assert [_hex(key) for key in keys(value)] == expected


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
    start, end = keys(range(80, 90), data)
    assert (start.data.hex(), end.data) == (expected, b"")


def _hex(key: Key) -> str:
    end = f"-{key.end.hex()}" if key.end else ""
    return key.value.hex() + end + (" ends" if key.ends_interval else "")

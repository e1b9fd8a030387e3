"""The firewall as text: what each network adds to it, and the whole of it."""

import re
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.ruleset import Key, elements, keys, ruleset
from mynet.drivers.linux.verbs import Segment

GOLDEN = Path(__file__).with_name("golden")
RULES = Path(ruleset.__code__.co_filename).with_name("ruleset.nft")


def segment(bridge: str, *subnets: str, internal: bool = False) -> Segment:
    return Segment(bridge, internal, tuple(ip_network(subnet) for subnet in subnets))


WEB = segment("br-web", "10.1.0.0/24", "fd00:1::/64")
DB = segment("br-db", "10.2.0.0/24")
PLAIN = segment("br-plain")
APART = Segment("br-apart", icc=False, routed=(4, 6))
INNER = segment("br-inner", internal=True)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([], ""),
        (
            [WEB],
            """
            add element inet mynet br_all { "br-web" }
            add element inet mynet br_icc { "br-web" . "br-web" }
            add element inet mynet masq4 { 10.1.0.0/24 }
            add element inet mynet masq6 { fd00:1::/64 }
            """,
        ),
        (
            [PLAIN],
            """
            add element inet mynet br_all { "br-plain" }
            add element inet mynet br_icc { "br-plain" . "br-plain" }
            """,
        ),
        (
            [APART],
            """
            add element inet mynet br_all { "br-apart" }
            add element inet mynet br_routed4 { "br-apart" }
            add element inet mynet br_routed6 { "br-apart" }
            """,
        ),
        (
            [INNER],
            """
            add element inet mynet br_all { "br-inner" }
            add element inet mynet br_icc { "br-inner" . "br-inner" }
            add element inet mynet br_internal { "br-inner" }
            """,
        ),
        (
            [WEB, DB, INNER],
            """
            add element inet mynet br_all { "br-web", "br-db", "br-inner" }
            add element inet mynet br_icc { "br-web" . "br-web", "br-db" . "br-db", "br-inner" . "br-inner" }
            add element inet mynet br_internal { "br-inner" }
            add element inet mynet masq4 { 10.1.0.0/24, 10.2.0.0/24 }
            add element inet mynet masq6 { fd00:1::/64 }
            """,  # noqa: E501 - a line of the ruleset
        ),
    ],
    ids=["none", "masqueraded", "plain", "routed", "internal", "three"],
)
def test_each_network_adds_its_elements_after_the_rules(
    segments: list[Segment], expected: str
) -> None:
    text = ruleset("7f3a", segments)
    lines = [line.strip() for line in expected.strip().splitlines()]
    assert text.partition(RULES.read_text())[2].splitlines() == lines


def test_the_whole_of_it_is_one_transaction_that_replaces_the_table() -> None:
    golden = GOLDEN / "three-networks.nft"
    assert ruleset("7f3a", [WEB, DB, INNER]) == golden.read_text()


def test_the_rules_declare_every_set_that_a_network_fills() -> None:
    inside = segment("br-x", "10.0.0.0/8", "fd00::/64", internal=True)
    everything = replace(inside, routed=(4, 6))
    declared = re.findall(r"^  set (\w+)", RULES.read_text(), flags=re.MULTILINE)
    assert {element.set for element in elements(everything)} == set(declared)


@pytest.mark.parametrize("name", ['br"x', "br*", "br x", "br\nx", "br\\x", "br{", "", "brü"])
def test_a_name_that_would_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(CapabilityUnsupported, match="cannot be written in a firewall ruleset"):
        ruleset("7f3a", [segment(name)])


def test_an_instance_is_no_place_for_rules_either() -> None:
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
    ],
    ids=str,
)
def test_an_element_is_these_keys_in_the_kernel(
    value: str | tuple[str, str], expected: list[str]
) -> None:
    assert [_hex(key) for key in keys(value)] == expected


def _hex(key: Key) -> str:
    return key.value.hex() + (" ends" if key.ends_interval else "")

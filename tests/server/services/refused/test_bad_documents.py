"""Documents that are none of their format: each with all its faults, and nothing changed by it."""

import math
from typing import Any

import pytest

from tests.server.support.requests import LONG, shown
from tests.server.support.samples.documents import (
    HOST_LOCAL,
    KINDS,
    MYNET,
    NINE,
    TUTORIAL,
    ask,
    faults,
    fields_of,
    holding,
    mynet,
    subnet,
)
from tests.server.support.world import World


@pytest.mark.parametrize(
    "text", ["{", "banana", "\0", '{"a":}', "[" * 100_000, "{}{}", "NaN{", LONG], ids=shown
)
@KINDS
def test_a_text_that_is_not_json_is_refused(furnished_world: World, kind: int, text: str) -> None:
    [(field, said)] = faults(furnished_world, kind, text)
    assert (field, said.startswith("is not JSON: ")) == ("document", True)


@pytest.mark.parametrize("text", ["[]", "null", "1", '"{}"', "[[]]", "true"])
@KINDS
def test_json_that_is_not_a_document_is_refused(
    furnished_world: World, kind: int, text: str
) -> None:
    assert set(fields_of(faults(furnished_world, kind, text))) == {"document"}


# --- mynet's own ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "version"),
        ({"version": 1}, "subnets"),
        ({"version": "one", "subnets": []}, "version"),
        ({"version": 1, "subnets": {"a": "b"}}, "subnets[0]: is not an object"),
        ({"version": 1, "subnets": [[]]}, "subnets[0]: is not an object"),
        ({"version": 1, "subnets": [], "colour": "red"}, "colour"),
        (mynet({}), "subnets[0].cidr: required field missing"),
        (mynet(subnet("banana")), "subnets[0].cidr: 'banana' does not appear to be"),
        (mynet(subnet("10.99.0.1/24")), "subnets[0].cidr: 10.99.0.1/24 has host bits set"),
        (mynet(subnet(NINE, colour="red")), "subnets[0]: extra fields found (colour)"),
        (mynet(subnet(NINE), subnet(NINE, holding("a"))), "subnets[1].held[0].address: 'a' does"),
        (mynet(subnet(NINE, holding("10.99.0.256"))), "held[0].address: '10.99.0.256' does"),
        (mynet(subnet(NINE, holding("10.99.0.1", colour="red"))), "held[0]: extra fields"),
        (mynet(subnet(NINE, range="10.99.0.0/25")), "rules.range: is not an object"),
        (mynet(subnet(NINE, range={"first": "10.99.0.1"})), "rules.range.last: required"),
        (mynet(subnet(NINE, cooldown="soon")), "rules.cooldown: could not convert"),
        (mynet(subnet(NINE, holding("10.99.0.1", labels=["a"]))), "held[0].labels: "),
    ],
    ids=shown,
)
def test_a_missing_unknown_or_mistyped_field_is_refused(
    furnished_world: World, document: object, said: str
) -> None:
    found = [": ".join(each) for each in faults(furnished_world, MYNET, document)]
    assert all(each.startswith("document") for each in found)
    assert any(said in each for each in found), found


@pytest.mark.parametrize("version", [0, 2, -1, 10**30])
def test_a_document_of_another_version_is_refused(furnished_world: World, version: int) -> None:
    [(field, said)] = faults(furnished_world, MYNET, mynet(version=version))
    assert field == "document.version"
    assert "reads version 1" in said


@pytest.mark.parametrize(
    ("held", "field"),
    [
        (holding("10.99.0.1", "a\n"), "document[10.99.0.1].owner"),
        (holding("10.99.0.1", "a" * 256), "document[10.99.0.1].owner"),
        (holding("10.99.0.1", sticky_key="\0"), "document[10.99.0.1].sticky_key"),
        (holding("10.99.0.1", labels={"": "a"}), "document[10.99.0.1].labels"),
        (holding("10.99.0.1", labels={"a": "b" * 4097}), "document[10.99.0.1].labels"),
        (
            holding("10.99.0.1", labels={str(n): "" for n in range(65)}),
            "document[10.99.0.1].labels",
        ),
    ],
    ids=shown,
)
def test_an_import_has_the_limits_of_an_allocation(
    furnished_world: World, held: dict[str, Any], field: str
) -> None:
    assert fields_of(faults(furnished_world, MYNET, mynet(subnet(NINE, held)))) == [field]


def test_an_address_with_a_scope_is_refused(furnished_world: World) -> None:
    document = mynet(subnet("fe80::/64", holding("fe80::1%eth0")))
    assert "document[fe80::1%eth0]" in fields_of(faults(furnished_world, MYNET, document))


@pytest.mark.parametrize(
    "rules",
    [
        {"range": {"first": "10.98.0.1", "last": "10.99.0.9"}},
        {"range": {"first": "10.99.0.9", "last": "10.99.0.1"}},
        {"range": {"first": "10.99.0.9", "last": "fd00::1"}},
        {"reserved": [{"first": "10.99.0.250", "last": "10.99.1.3"}]},
        {"reserved": [{"first": "fd00::1", "last": "fd00::1"}]},
        {"reserved": [{"first": "10.99.0.9", "last": "10.99.0.8"}]},
        {"cooldown": -1},
        {"cooldown": math.nan},
        {"retention": math.inf},
        {"retention": 1e300},
        {"reserved": [{"first": "10.99.0.9", "last": "10.99.0.9"}] * 1025},
    ],
    ids=shown,
)
def test_an_import_has_the_limits_of_subnet_rules(
    furnished_world: World, rules: dict[str, Any]
) -> None:
    [(field, _)] = faults(furnished_world, MYNET, mynet(subnet(NINE, **rules)))
    assert field == f"document[{NINE}]"


def test_an_address_that_the_document_itself_reserves_is_refused(furnished_world: World) -> None:
    spans = [{"first": "10.99.0.8", "last": "10.99.0.15"}]
    document = mynet(subnet(NINE, holding("10.99.0.9"), holding("10.99.0.7"), reserved=spans))
    assert faults(furnished_world, MYNET, document) == [
        (f"document[{NINE}]", "10.99.0.9 is reserved")
    ]


# --- the tutorial's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ({"banana": "1"}, "document['banana']", "is not a subnet"),
        ({"10.99.0.0": "1"}, "document['10.99.0.0']", "is not a subnet"),
        ({NINE: "012"}, f"document['{NINE}']", "not a text of 0 and 1"),
        ({NINE: "0 1"}, f"document['{NINE}']", "not a text of 0 and 1"),
        ({NINE: 101}, f"document['{NINE}']", "not a text of 0 and 1"),
        ({NINE: None}, f"document['{NINE}']", "not a text of 0 and 1"),
        ({NINE: "0" * 255 + "1"}, f"document['{NINE}']", "after the end of 10.99.0.0/24"),
        ({"10.99.0.7/32": "1"}, "document['10.99.0.7/32']", "after the end of 10.99.0.7/32"),
        ({"fd00::/64": "1"}, "document['fd00::/64']", "IPv4 subnets with a prefix"),
        ({"10.0.0.0/7": "1"}, "document['10.0.0.0/7']", "IPv4 subnets with a prefix"),
        ({NINE: "1" * 255}, f"document[{NINE}]", "10.99.0.255 cannot be held in 10.99.0.0/24"),
        ({"10.99.0.0/30": "111"}, "document[10.99.0.0/30]", "10.99.0.3 cannot be held"),
        ({"10.99.0.0/24": "1", "10.99.0.9/24": "1"}, "document", "share addresses"),
        ('{"10.99.0.0/24": "1", "10.99.0.0/24": "01"}', "document", "is repeated"),
    ],
    ids=shown,
)
def test_a_bitmap_is_refused(
    furnished_world: World, document: object, field: str, said: str
) -> None:
    [(found, description)] = faults(furnished_world, TUTORIAL, document)
    assert (found, said in description) == (field, True), description


def test_more_addresses_than_fit_into_memory_are_refused(furnished_world: World) -> None:
    document = {"10.128.0.0/11": "1" * (1 << 20), NINE: "1"}
    assert faults(furnished_world, TUTORIAL, document) == [
        ("document", "has 1048577 addresses; at most 1048576 are imported at once")
    ]


def test_zeros_after_the_last_address_are_ignored(furnished_world: World) -> None:
    request = ask(TUTORIAL, {NINE: "1" + "0" * 100_000}, validate_only=True)
    [imported] = furnished_world.ipam.ImportSubnets(request).subnets
    assert (imported.subnet, imported.allocations) == (NINE, 1)


# --- host-local's -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "field", "said"),
    [
        ({"banana": ""}, "document.files['banana']", "is not an IP address"),
        ({"\udcff": ""}, "document.files['\\udcff']", "is not an IP address"),
        ({"fe80::1%eth0": ""}, "document.files['fe80::1%eth0']", "is not an IP address"),
        ({"10.98.0.1": "a"}, "document.files['10.98.0.1']", "not in any of the subnets"),
        ({"fd00::1": "a"}, "document.files['fd00::1']", "not in any of the subnets"),
        ({"10.99.0.1": "a\tb"}, "document.files['10.99.0.1']", "printable"),
        ({"10.99.0.1": "\ufeffa"}, "document.files['10.99.0.1']", "byte order mark"),
        ({"10.99.0.1": "a\nb\x07"}, "document.files['10.99.0.1']", "printable"),
        ({"10.99.0.1": "a" * 256}, "document.files['10.99.0.1']", "printable"),
        ({"10.99.0.1": 5}, "document.files['10.99.0.1']", "is not a text"),
        ({"10.99.0.1": None}, "document.files['10.99.0.1']", "is not a text"),
        ({"10.99.0.0": "a"}, f"document[{NINE}]", "10.99.0.0 cannot be held"),
        ({"lock2": ""}, "document.files['lock2']", "is not an IP address"),
        ({"last_reserved_ip.a": ""}, "document.files['last_reserved_ip.a']", "is not an IP"),
    ],
    ids=shown,
)
def test_a_file_is_refused(
    furnished_world: World, files: dict[str, Any], field: str, said: str
) -> None:
    document = {"subnets": [NINE], "files": files}
    [(found, description)] = faults(furnished_world, HOST_LOCAL, document)
    assert (found, said in description) == (field, True), description


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"subnets": [NINE]},
        {"files": {}},
        {"subnets": NINE, "files": {}},
        {"subnets": [NINE], "files": []},
    ],
    ids=shown,
)
def test_a_folder_of_another_form_is_refused(furnished_world: World, document: object) -> None:
    [(field, said)] = faults(furnished_world, HOST_LOCAL, document)
    assert (field, "does not have the form" in said) == ("document", True)


@pytest.mark.parametrize("named", ["banana", "10.99.0.0", 5, None, ["10.99.0.0/24"]], ids=shown)
def test_an_invalid_subnet_of_a_folder_is_refused(furnished_world: World, named: object) -> None:
    document = {"subnets": [named], "files": {}}
    assert fields_of(faults(furnished_world, HOST_LOCAL, document)) == ["document.subnets"]

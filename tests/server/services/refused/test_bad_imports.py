"""Imports that are refused: every fault is told at once, and nothing is changed."""

import json

import pytest

from tests.server.support.requests import LONG, shown
from tests.server.support.samples.documents import (
    HOST_LOCAL,
    MYNET,
    NINE,
    TUTORIAL,
    ask,
    faults,
    fields_of,
    holding,
    mynet,
    refused,
    subnet,
)
from tests.server.support.world import World


@pytest.mark.parametrize(
    ("kind", "document", "backend", "found"),
    [
        (0, "", "", ["format", "document"]),
        (4, "{}", "", ["format"]),
        (MYNET, "", "", ["document"]),
        (TUTORIAL, "{}", "a\n", ["backend"]),
        (99, "", LONG, ["backend", "format", "document"]),
        (TUTORIAL, "[]", LONG, ["backend", "document"]),
    ],
    ids=shown,
)
def test_all_violations_of_the_request_are_reported(
    furnished_world: World, kind: int, document: str, backend: str, found: list[str]
) -> None:
    assert fields_of(faults(furnished_world, kind, document, backend=backend)) == found


@pytest.mark.parametrize("owner", ["endpoint:1", "network:1", "endpoint:"])
@pytest.mark.parametrize("kind", [MYNET, HOST_LOCAL])
def test_an_owner_of_the_daemon_is_refused(furnished_world: World, kind: int, owner: str) -> None:
    document = {"subnets": [NINE], "files": {"10.99.0.9": owner}}
    if kind == MYNET:
        document = mynet(subnet(NINE, holding("10.99.0.9", owner)))
    [(field, said)] = faults(furnished_world, kind, document)
    assert field == f"document[{NINE}]"
    assert said == f"10.99.0.9 has the owner {owner}, which is mynetd's own"


def test_subnets_that_share_addresses_are_refused(furnished_world: World) -> None:
    found = faults(furnished_world, TUTORIAL, dict.fromkeys(("10.99.0.0/24", "10.0.0.0/8"), "1"))
    assert found == [("document", "10.0.0.0/8 and 10.99.0.0/24 share addresses")]
    twice = mynet(subnet(NINE), subnet(NINE, holding("10.99.0.1")))
    assert fields_of(faults(furnished_world, MYNET, twice)) == ["document"]


def test_a_repeated_address_is_refused(furnished_world: World) -> None:
    document = mynet(subnet(NINE, holding("10.99.0.1", "a"), holding("10.99.0.1", "a")))
    assert faults(furnished_world, MYNET, document) == [
        (f"document[{NINE}]", "10.99.0.1 is listed twice")
    ]


def test_all_violations_of_a_document_are_reported(furnished_world: World) -> None:
    document = {"banana": "1", "10.98.0.0/24": "x", NINE: "0" * 300 + "1", "fd00::/64": ""}
    assert len(faults(furnished_world, TUTORIAL, document)) == 4
    document = mynet(
        subnet(NINE, holding("10.99.0.1", "a\n", sticky_key="b\n"), cooldown=1),
        subnet("10.98.0.0/24", holding("10.98.0.1", "c\n")),
    )
    assert len(faults(furnished_world, MYNET, document)) == 3
    document = mynet(
        subnet(NINE, holding("10.98.0.1"), holding("10.99.0.0"), cooldown=-1, retention=-1),
        subnet("10.99.0.0/25", holding("10.99.0.1", "endpoint:1")),
    )
    assert len(faults(furnished_world, MYNET, document)) == 6


def test_ten_thousand_violations_make_a_small_error(furnished_world: World) -> None:
    document = {
        "subnets": [NINE],
        "files": {f"10.98.{n // 256}.{n % 256}": "" for n in range(9999)},
    }
    found = refused(furnished_world, HOST_LOCAL, document)
    assert len(found.faults) == 20
    assert found.trailer_bytes < 8192


# --- against what is there --------------------------------------------------------------------


@pytest.mark.parametrize("cidr", ["10.9.0.0/25", "10.0.0.0/8", "10.1.0.0/16", "10.9.0.255/32"])
def test_a_subnet_that_overlaps_another_is_refused(furnished_world: World, cidr: str) -> None:
    found = refused(furnished_world, MYNET, mynet(subnet("11.0.0.0/30"), subnet(cidr)))
    assert found.short == ("FAILED_PRECONDITION", "SUBNET_OVERLAP")


def test_a_subnet_that_another_backend_keeps_is_refused(furnished_world: World) -> None:
    found = refused(furnished_world, TUTORIAL, {"10.9.0.0/24": "01"}, backend="spare")
    assert found.short == ("FAILED_PRECONDITION", "SUBNET_OVERLAP")
    assert "backend bitmap" in found.message


@pytest.mark.parametrize("backend", ["lost", "torn"])
def test_a_missing_backend_is_refused(furnished_world: World, backend: str) -> None:
    found = refused(furnished_world, TUTORIAL, {NINE: "1"}, backend=backend)
    assert found.short == ("NOT_FOUND", "BACKEND_NOT_FOUND")


@pytest.mark.parametrize("address", ["10.1.0.1", "10.1.0.2", "10.9.0.1"])
@pytest.mark.parametrize("owner", ["", "vm-8"])
def test_an_address_of_another_owner_is_refused(
    furnished_world: World, address: str, owner: str
) -> None:
    cidr = address.rpartition(".")[0] + ".0/24"
    document = mynet(
        subnet("10.0.0.0/24", holding("10.0.0.1")), subnet(cidr, holding(address, owner))
    )
    found = refused(furnished_world, MYNET, document)
    assert found.short == ("ALREADY_EXISTS", "ADDRESS_IN_USE")
    assert found.details["ResourceInfo"].resource_name == address
    assert found.details["ResourceInfo"].owner == furnished_world.held()[address]


def test_an_address_that_the_subnet_there_reserves_is_refused(world: World) -> None:
    world.create_subnet(NINE, reserved=["10.99.0.8/29"])
    found = refused(world, MYNET, mynet(subnet(NINE, holding("10.99.0.7"), holding("10.99.0.9"))))
    assert found.short == ("FAILED_PRECONDITION", "ADDRESS_RESERVED")
    assert "10.99.0.9" in found.message


def test_json_is_read_as_any_program_writes_it(furnished_world: World) -> None:
    text = json.dumps({NINE: "1"}, indent=3).replace('1"', '\\u0031"')
    request = ask(TUTORIAL, f"\n\t{text}\r\n", validate_only=True)
    [imported] = furnished_world.ipam.ImportSubnets(request).subnets
    assert imported.allocations == 1

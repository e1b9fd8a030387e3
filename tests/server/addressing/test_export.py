"""ExportSubnets: the content of each format."""

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from mynet.server.addressing import import_export
from mynet.v1 import ipam_pb2
from tests.server.support.refusals import refusal
from tests.server.support.stack import Stack
from tests.server.support.world import World
from tests.support.matrix import matrix

NINE = "10.9.0.0/24"
MYNET = ipam_pb2.SUBNET_FORMAT_MYNET
TUTORIAL = ipam_pb2.SUBNET_FORMAT_TUTORIAL
HOST_LOCAL = ipam_pb2.SUBNET_FORMAT_HOST_LOCAL
FORMATS = [MYNET, TUTORIAL, HOST_LOCAL]


def export(world: World | Stack, kind: int, subnet: str = "") -> Any:
    """Export subnets; return the document as Python has it."""
    request = ipam_pb2.ExportSubnetsRequest(format=kind, subnet=subnet)  # type: ignore[arg-type]
    return json.loads(world.ipam.ExportSubnets(request).document)


@pytest.fixture
def furnished(world: World) -> World:
    """A world with a network, a kept subnet, and a founded one."""
    world.network("web", "10.1.0.0/29")
    world.connect("c1")
    world.create_subnet(
        "10.8.0.0/28",
        range="10.8.0.8/29",
        reserved=["10.8.0.1", "10.8.0.2-10.8.0.4"],
        cooldown=Duration(seconds=1),
    )
    world.allocate("10.8.0.0/28", owner="vm-7", sticky_key="web/db", labels={"rack": "b7"})
    world.allocate("10.1.0.0/29")
    world.allocate("fd00:9::/64", owner="vm-8", address="fd00:9::ff")
    return world


def test_our_own_document_has_all_but_what_goes_with_networks(furnished: World) -> None:
    allocation = {"sticky_key": "", "labels": {}}
    assert export(furnished, MYNET) == {
        "version": 1,
        "subnets": [
            {
                "cidr": "10.1.0.0/29",
                "backend": "bitmap",
                "rules": {"range": None, "reserved": [], "cooldown": None, "retention": None},
                "kept": False,
                "held": [{"address": "10.1.0.3", "owner": "", **allocation}],
            },
            {
                "cidr": "10.8.0.0/28",
                "backend": "bitmap",
                "rules": {
                    "range": {"first": "10.8.0.8", "last": "10.8.0.15"},
                    "reserved": [
                        {"first": "10.8.0.1", "last": "10.8.0.1"},
                        {"first": "10.8.0.2", "last": "10.8.0.4"},
                    ],
                    "cooldown": 1.0,
                    "retention": None,
                },
                "kept": True,
                "held": [
                    {
                        "address": "10.8.0.8",
                        "owner": "vm-7",
                        "sticky_key": "web/db",
                        "labels": {"rack": "b7"},
                    }
                ],
            },
            {
                "cidr": "fd00:9::/64",
                "backend": "bitmap",
                "rules": {"range": None, "reserved": [], "cooldown": None, "retention": None},
                "kept": False,
                "held": [{"address": "fd00:9::ff", "owner": "vm-8", **allocation}],
            },
        ],
    }


def test_the_tutorials_file_has_a_bit_for_every_address_behind_the_first(furnished: World) -> None:
    assert export(furnished, TUTORIAL, "10.1.0.5/29") == {"10.1.0.0/29": "11100000"}
    assert export(furnished, TUTORIAL, "10.8.0.0/28") == {"10.8.0.0/28": "0000000100000000"}


def test_the_folder_of_host_local_has_a_file_for_every_address(furnished: World) -> None:
    furnished.allocate("10.1.0.0/29", owner="4b1c/eth0")
    found = export(furnished, HOST_LOCAL)
    assert found["subnets"] == ["10.1.0.0/29", "10.8.0.0/28", "fd00:9::/64"]
    files = found["files"]
    assert files["10.1.0.1"].startswith("network:")
    assert files["10.1.0.2"].startswith("endpoint:")
    del files["10.1.0.1"], files["10.1.0.2"]
    assert files == {
        "10.1.0.3": "",
        "10.1.0.4": "4b1c\r\neth0",
        "10.8.0.8": "vm-7",
        "fd00:9::ff": "vm-8",
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_one_subnet_is_exported_alone(furnished: World, kind: int) -> None:
    text = json.dumps(export(furnished, kind, "10.8.0.9/28"))
    assert "10.8.0.0/28" in text
    assert "10.1.0." not in text


@pytest.mark.parametrize("kind", FORMATS)
def test_exporting_changes_nothing(furnished: World, kind: int) -> None:
    before = furnished.state()
    export(furnished, kind, "10.1.0.0/29")
    assert furnished.state() == before


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        (MYNET, {"version": 1, "subnets": []}),
        (TUTORIAL, {}),
        (HOST_LOCAL, {"subnets": [], "files": {}}),
    ],
)
def test_an_export_without_subnets_is_an_empty_document(
    world: World, kind: int, empty: object
) -> None:
    assert export(world, kind) == empty


@pytest.mark.parametrize("kind", matrix(FORMATS, short=3))
@pytest.mark.parametrize("count", [199, 200, 250])
def test_an_export_reads_all_pages_of_the_backend(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, kind: int, count: int
) -> None:
    monkeypatch.setattr(import_export, "_PAGE", 100)
    stack.allocate_batch("10.8.0.0/16", count=count)
    document = export(stack, kind)
    if kind == MYNET:
        assert len(document["subnets"][0]["held"]) == count
    elif kind == TUTORIAL:
        assert document["10.8.0.0/16"].count("1") == count
    else:
        assert len(document["files"]) == count


@pytest.mark.parametrize("cidr", ["fd00:9::/64", "10.0.0.0/7", "fd00:9::/120"])
def test_a_subnet_that_the_tutorials_file_cannot_express_is_refused(
    world: World, cidr: str
) -> None:
    world.create_subnet(cidr)
    request = ipam_pb2.ExportSubnetsRequest(format=TUTORIAL)
    refused = refusal(world.ipam.ExportSubnets, request)
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.faults == ["subnet"]
    assert cidr in refused.message


def test_the_largest_subnet_of_the_tutorials_file_is_a_slash_8(stack: Stack) -> None:
    stack.allocate("10.0.0.0/8", address="10.255.255.254")
    bits = export(stack, TUTORIAL)["10.0.0.0/8"]
    assert (len(bits), bits.rindex("1")) == (1 << 24, (1 << 24) - 3)


@pytest.mark.parametrize(
    ("kind", "subnet", "faults"),
    [
        (0, "", ["format"]),
        (4, "", ["format"]),
        (MYNET, "banana", ["subnet"]),
        (MYNET, "10.9.0.0", ["subnet"]),
        (99, "banana", ["format", "subnet"]),
    ],
)
def test_an_export_is_refused(
    furnished_world: World, kind: int, subnet: str, faults: list[str]
) -> None:
    request = ipam_pb2.ExportSubnetsRequest(format=kind, subnet=subnet)  # type: ignore[arg-type]
    refused = refusal(furnished_world.ipam.ExportSubnets, request)
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert sorted(refused.faults) == faults


def test_a_subnet_that_is_not_registered_is_not_exported(furnished_world: World) -> None:
    request = ipam_pb2.ExportSubnetsRequest(format=MYNET, subnet="10.99.0.0/24")
    refused = refusal(furnished_world.ipam.ExportSubnets, request)
    assert refused.short == ("NOT_FOUND", "SUBNET_NOT_FOUND")

"""Invalid requests for addresses are refused with all violations, and change nothing."""

import base64
import json
from typing import Any

import pytest

from tests.server.support.refusals import check
from tests.server.support.requests import LONG, shown
from tests.server.support.world import World

NINE = "10.9.0.0/24"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, ["subnet"]),
        ({"subnet": "banana"}, ["subnet"]),
        ({"subnet": "10.9.0.0"}, ["subnet"]),
        ({"subnet": "10.9.0.0/33"}, ["subnet"]),
        ({"subnet": "fd00::1%eth0/64"}, ["subnet"]),
        ({"subnet": LONG}, ["subnet"]),
        ({"subnet": NINE, "address": "banana"}, ["address"]),
        ({"subnet": NINE, "address": "10.9.0.5/24"}, ["address"]),
        ({"subnet": NINE, "address": LONG}, ["address"]),
        ({"subnet": NINE, "address": "fd00::1"}, ["address"]),
        ({"subnet": "fd00::/64", "address": "10.9.0.1"}, ["address"]),
        ({"subnet": NINE, "owner": "endpoint:1"}, ["owner"]),
        ({"subnet": NINE, "owner": "network:1"}, ["owner"]),
        ({"subnet": NINE, "owner": "a\n"}, ["owner"]),
        ({"subnet": NINE, "owner": "a" * 256}, ["owner"]),
        ({"subnet": NINE, "owner": LONG}, ["owner"]),
        ({"subnet": NINE, "sticky_key": "a\n"}, ["sticky_key"]),
        ({"subnet": NINE, "sticky_key": LONG}, ["sticky_key"]),
        ({"subnet": NINE, "labels": {"": "a"}}, ["labels"]),
        ({"subnet": NINE, "labels": {"a": "a" * 4097}}, ["labels"]),
        ({"subnet": NINE, "labels": {str(number): "" for number in range(65)}}, ["labels"]),
        (
            {
                "subnet": "a",
                "address": "b",
                "owner": "\n",
                "sticky_key": "\n",
                "labels": {"\n": ""},
            },
            ["subnet", "owner", "sticky_key", "labels", "address"],
        ),
    ],
    ids=shown,
)
def test_an_allocation_is_refused(
    furnished_world: World, fields: dict[str, Any], faults: list[str]
) -> None:
    check(furnished_world, "AllocateAddress", fields, faults)


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, ["subnet", "address"]),
        ({"subnet": NINE}, ["address"]),
        ({"address": "10.9.0.1"}, ["subnet"]),
        ({"subnet": NINE, "address": "fd00::1"}, ["address"]),
        ({"subnet": NINE, "address": "10.9.0.1", "owner": LONG}, ["owner"]),
        ({"subnet": LONG, "address": LONG, "owner": LONG}, ["subnet", "address", "owner"]),
    ],
    ids=shown,
)
@pytest.mark.parametrize("allow_missing", [False, True])
def test_a_release_is_refused(
    furnished_world: World, fields: dict[str, str], faults: list[str], *, allow_missing: bool
) -> None:
    fields = {**fields, "allow_missing": allow_missing}  # type: ignore[dict-item]
    check(furnished_world, "ReleaseAddress", fields, faults)


@pytest.mark.parametrize("subnet", ["", "banana", "10.9.0.0", LONG], ids=shown)
def test_a_subnet_is_refused(furnished_world: World, subnet: str) -> None:
    check(furnished_world, "GetSubnet", {"subnet": subnet}, ["subnet"])
    if subnet:
        check(furnished_world, "ListAllocations", {"subnet": subnet}, ["subnet"])


@pytest.mark.parametrize("verb", ["ListNetworks", "ListEndpoints"])
@pytest.mark.parametrize("labels", [{"": "a"}, {"a\n": "b"}, {LONG: "b"}, {"a": LONG}], ids=shown)
def test_labels_to_select_by_are_refused(
    furnished_world: World, verb: str, labels: dict[str, str]
) -> None:
    check(furnished_world, verb, {"labels": labels}, ["labels"])


def forged(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


NESTED = base64.urlsafe_b64encode(b"[" * 100_000).decode()
TOKENS = [
    *("!!!", "a", "abc", "====", "\0", LONG, forged({}), forged([]), forged([[]]), forged("1")),
    *(forged(["banana"]), forged([None]), forged(["1", "2", "3", "4"]), forged(1), NESTED),
    *(forged(["9" * 30]), forged(["9" * 5000]), forged(["-1"]), forged(["bitmap", "x", "y"])),
]


@pytest.mark.parametrize("token", TOKENS, ids=shown)
@pytest.mark.parametrize(
    "verb", ["ListNetworks", "ListEndpoints", "ListSubnets", "ListAllocations"]
)
def test_an_invented_page_token_is_refused(furnished_world: World, verb: str, token: str) -> None:
    check(furnished_world, verb, {"page_token": token}, ["page_token"])


@pytest.mark.parametrize(
    "verb", ["ListNetworks", "ListEndpoints", "ListSubnets", "ListAllocations"]
)
def test_a_negative_page_size_is_refused(furnished_world: World, verb: str) -> None:
    check(furnished_world, verb, {"page_size": -1}, ["page_size"])
    fields = {"page_size": -(2**31), "page_token": "!"}
    check(furnished_world, verb, fields, ["page_size", "page_token"])


def test_all_violations_of_a_list_request_are_reported(furnished_world: World) -> None:
    fields: dict[str, Any] = {"page_size": -1, "page_token": "!"}
    paging = ["page_size", "page_token"]
    check(furnished_world, "ListAllocations", {**fields, "subnet": "x"}, [*paging, "subnet"])
    for verb in ("ListNetworks", "ListEndpoints"):
        check(furnished_world, verb, {**fields, "labels": {"": ""}}, [*paging, "labels"])

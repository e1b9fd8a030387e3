"""``mynetctl ipam subnet``: the requests and the output of each command."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal

REGISTERED = {
    "cidr": "10.9.0.0/24",
    "backend": "bitmap",
    "range": "10.9.0.128/25",
    "reserved": ["10.9.0.1-10.9.0.9"],
    "cooldown": "60s",
    "retention": "86400s",
    "usage": {"capacity": "254", "allocated": "2", "free": "242", "reserved": "9", "cooling": "1"},
}
USED = {
    "cidr": "fd88::/64",
    "backend": "bitmap",
    "network": "blue",
    "gateway": "fd88::1",
    "usage": {
        "capacity": str(2**64 - 1),
        "allocated": "3",
        "free": str(2**64 - 4),
        "reserved": "0",
        "cooling": "0",
    },
}
EMPTY = {"network": "", "gateway": "", "range": "", "reserved": [], "revision": "0"}
NOT_FOUND = Refusal("NOT_FOUND", "SUBNET_NOT_FOUND", "subnet 10.8.0.0/24 does not exist")


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ("10.9.0.0/24", {"cidr": "10.9.0.0/24"}),
        ("::/80", {"cidr": "::/80"}),
        (
            "10.9.0.0/24 --range 10.9.0.128/25",
            {"cidr": "10.9.0.0/24", "range": "10.9.0.128/25"},
        ),
        (
            "10.9.0.0/24 --reserved 10.9.0.1-10.9.0.9 --reserved 10.9.0.200",
            {"cidr": "10.9.0.0/24", "reserved": ["10.9.0.1-10.9.0.9", "10.9.0.200"]},
        ),
        ("--cooldown 60 --retention 3600", {"cooldown": "60s", "retention": "3600s"}),
        ("--cooldown 0", {"cooldown": "0s"}),
        ("--cooldown 0.25", {"cooldown": "0.250s"}),
    ],
)
def test_create_requests_what_was_given_and_prints_the_subnet(
    ctl: Ctl, daemon: FakeDaemon, arguments: str, asked: dict[str, Any]
) -> None:
    daemon.answer("CreateSubnet", {"subnet": REGISTERED})
    done = ctl("ipam", "subnet", "create", *arguments.split())
    assert (done.status, done.out) == (0, "10.9.0.0/24\n")
    assert daemon.asked == [("CreateSubnet", {"subnet": asked})]


def test_create_without_a_subnet_leaves_the_choice_to_the_daemon(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.answer("CreateSubnet", {"subnet": REGISTERED})
    assert ctl("ipam", "subnet", "create", "--backend", "other").out == "10.9.0.0/24\n"
    assert daemon.asked == [("CreateSubnet", {"subnet": {}, "backend": "other"})]


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e20", "soon"])
@pytest.mark.parametrize("option", ["--cooldown", "--retention"])
def test_create_refuses_invalid_numbers_of_seconds(
    ctl: Ctl, daemon: FakeDaemon, option: str, seconds: str
) -> None:
    done = ctl("ipam", "subnet", "create", option, seconds)
    assert (done.status, done.err.count("\n"), daemon.asked) == (2, 1, [])
    assert f"Invalid value for '{option}'" in done.err


def test_create_as_json_shows_the_subnet(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("CreateSubnet", {"subnet": REGISTERED})
    shown = json.loads(ctl("ipam", "subnet", "create", "--output", "json").out)
    assert shown == {**EMPTY, **REGISTERED}


def test_ls_shows_how_full_they_are(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListSubnets", {"subnets": [REGISTERED, USED]})
    ls = ctl("ipam", "subnet", "ls").out
    assert [line.split() for line in ls.splitlines()] == [
        ["SUBNET", "NETWORK", "GATEWAY", "BACKEND", "ALLOCATED", "RESERVED", "COOLING", "FREE"],
        ["10.9.0.0/24", "-", "-", "bitmap", "2", "9", "1", "242"],
        ["fd88::/64", "blue", "fd88::1", "bitmap", "3", "0", "0", "18446744073709551612"],
    ]


def test_ls_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListSubnets", {"subnets": [REGISTERED]})
    shown = json.loads(ctl("ipam", "subnet", "ls", "--output", "json").out)
    assert shown == {"subnets": [{**EMPTY, **REGISTERED}]}


def test_inspect_shows_the_subnet_as_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetSubnet", {"subnet": USED})
    shown = json.loads(ctl("ipam", "subnet", "inspect", "fd88::/64").out)
    assert shown == {**EMPTY, **USED}
    assert daemon.asked == [("GetSubnet", {"subnet": "fd88::/64"})]


def test_rm_prints_what_it_removed(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("ipam", "subnet", "rm", "10.9.0.0/24", "fd09::/64")
    assert (done.status, done.out) == (0, "10.9.0.0/24\nfd09::/64\n")
    subnets = ("10.9.0.0/24", "fd09::/64")
    assert daemon.asked == [("DeleteSubnet", {"subnet": subnet}) for subnet in subnets]


def test_rm_continues_after_a_refusal(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("DeleteSubnet", {}, NOT_FOUND, {})
    done = ctl("ipam", "subnet", "rm", "10.9.0.0/24", "10.8.0.0/24", "10.7.0.0/24")
    assert (done.status, done.out) == (1, "10.9.0.0/24\n10.7.0.0/24\n")
    assert done.err == "mynetctl: SUBNET_NOT_FOUND: subnet 10.8.0.0/24 does not exist\n"


def test_rm_passes_on_allow_missing(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("ipam", "subnet", "rm", "--allow-missing", "10.9.0.0/24")
    assert daemon.asked == [("DeleteSubnet", {"subnet": "10.9.0.0/24", "allow_missing": True})]


def test_rm_as_json_lists_what_was_removed(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("DeleteSubnet", {}, NOT_FOUND)
    done = ctl("--output", "json", "ipam", "subnet", "rm", "10.9.0.0/24", "10.8.0.0/24")
    assert (done.status, json.loads(done.out)) == (1, {"removed": ["10.9.0.0/24"]})

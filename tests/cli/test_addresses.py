"""``mynetctl ipam``: what each command asks, and how it shows the answer."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.fake import FakeDaemon

HELD = {"subnet": "10.9.0.0/24", "address": "10.9.0.1", "owner": "vm-7", "revision": "46"}
FREE = {"subnet": "fd09::/64", "address": "fd09::1"}
BOOK = {
    "cidr": "10.9.0.0/24",
    "backend": "bitmap",
    "usage": {"capacity": "254", "allocated": "2", "free": "252"},
}
USED = {
    "cidr": "fd88::/64",
    "backend": "bitmap",
    "network": "blue",
    "gateway": "fd88::1",
    "usage": {"capacity": str(2**64 - 1), "allocated": "3", "free": str(2**64 - 4)},
}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {}),
        ("--owner vm-7", {"owner": "vm-7"}),
        ("--address 10.9.0.20", {"address": "10.9.0.20"}),
    ],
)
def test_allocate_prints_the_address(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("AllocateAddress", {"allocation": HELD})
    done = ctl("ipam", "allocate", "10.9.0.0/24", *options.split())
    assert (done.status, done.out) == (0, "10.9.0.1\n")
    assert daemon.asked == [("AllocateAddress", {"subnet": "10.9.0.0/24", **asked})]


def test_allocate_as_json_shows_the_allocation(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("AllocateAddress", {"allocation": HELD})
    shown = json.loads(ctl("--output", "json", "ipam", "allocate", "10.9.0.0/24").out)
    assert shown == {**HELD, "instance": ""}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {}),
        ("--owner vm-7", {"owner": "vm-7"}),
        ("--allow-missing", {"allow_missing": True}),
    ],
)
def test_release_prints_the_address(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("ReleaseAddress", {"allocation": HELD})
    done = ctl("ipam", "release", *options.split(), "10.9.0.0/24", "10.9.0.1")
    assert (done.status, done.out) == (0, "10.9.0.1\n")
    request = {"subnet": "10.9.0.0/24", "address": "10.9.0.1", **asked}
    assert daemon.asked == [("ReleaseAddress", request)]


@pytest.mark.parametrize(("output", "printed"), [("table", ""), ("json", "{}\n")])
def test_release_of_what_nobody_has_prints_nothing(ctl: Ctl, output: str, printed: str) -> None:
    arguments = ("ipam", "release", "--allow-missing", "10.9.0.0/24", "10.9.0.1")
    done = ctl("--output", output, *arguments)
    assert (done.status, done.out) == (0, printed)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ("", {}),
        ("10.9.0.0/24", {"subnet": "10.9.0.0/24"}),
        ("--owner vm-7", {"owner": "vm-7"}),
    ],
)
def test_ls_shows_a_table(
    ctl: Ctl, daemon: FakeDaemon, arguments: str, asked: dict[str, Any]
) -> None:
    daemon.answer("ListAllocations", {"allocations": [HELD, FREE]})
    assert ctl("ipam", "ls", *arguments.split()).out == (
        "SUBNET        ADDRESS    OWNER\n"
        "10.9.0.0/24   10.9.0.1   vm-7\n"
        "fd09::/64     fd09::1    -\n"
    )
    assert daemon.asked == [("ListAllocations", {"page_size": 1000, **asked})]


def test_ls_as_json_has_what_the_api_has(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListAllocations", {"allocations": [HELD]})
    shown = json.loads(ctl("ipam", "ls", "--output", "json").out)
    assert shown == {"allocations": [{**HELD, "instance": ""}]}


def test_subnet_ls_shows_how_full_they_are(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListSubnets", {"subnets": [BOOK, USED]})
    assert ctl("ipam", "subnet", "ls").out == (
        "SUBNET        NETWORK   GATEWAY   BACKEND   ALLOCATED   FREE\n"
        "10.9.0.0/24   -         -         bitmap    2           252\n"
        "fd88::/64     blue      fd88::1   bitmap    3           18446744073709551612\n"
    )


def test_subnet_ls_as_json_has_what_the_api_has(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListSubnets", {"subnets": [BOOK]})
    shown = json.loads(ctl("ipam", "subnet", "ls", "--output", "json").out)
    assert shown == {"subnets": [{**BOOK, "network": "", "gateway": "", "revision": "0"}]}


def test_subnet_inspect_shows_the_subnet_as_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetSubnet", {"subnet": USED})
    shown = json.loads(ctl("ipam", "subnet", "inspect", "fd88::/64").out)
    assert shown == {**USED, "revision": "0"}
    assert daemon.asked == [("GetSubnet", {"subnet": "fd88::/64"})]

"""``mynetctl ipam``: the requests and the output of the commands for addresses."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon

HELD = {"subnet": "10.9.0.0/24", "address": "10.9.0.1", "owner": "vm-7", "revision": "46"}
FREE = {"subnet": "fd09::/64", "address": "fd09::1"}
EMPTY = {"instance": "", "labels": {}, "sticky_key": ""}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {}),
        ("--owner vm-7", {"owner": "vm-7"}),
        ("--address 10.9.0.20", {"address": "10.9.0.20"}),
        ("--owner run-2 --sticky-key web/db", {"owner": "run-2", "sticky_key": "web/db"}),
        ("--label rack=b7 --label seen", {"labels": {"rack": "b7", "seen": ""}}),
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
    assert shown == {**HELD, **EMPTY}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("--count 2", {"count": 2}),
        ("--count 2 --owner-prefix pod-", {"count": 2, "owner_prefix": "pod-"}),
        ("--count 2 --label rack=b7", {"count": 2, "labels": {"rack": "b7"}}),
    ],
)
def test_allocate_with_a_count_prints_that_many(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("BatchAllocateAddresses", {"allocations": [HELD, FREE]})
    done = ctl("ipam", "allocate", "10.9.0.0/24", *options.split())
    assert (done.status, done.out) == (0, "10.9.0.1\nfd09::1\n")
    assert daemon.asked == [("BatchAllocateAddresses", {"subnet": "10.9.0.0/24", **asked})]


def test_allocate_with_a_count_as_json_shows_a_list(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("BatchAllocateAddresses", {"allocations": [HELD]})
    arguments = ("ipam", "allocate", "10.9.0.0/24", "--count", "1", "--output", "json")
    assert json.loads(ctl(*arguments).out) == {"allocations": [{**HELD, **EMPTY}]}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--owner-prefix pod-", "--owner-prefix needs --count"),
        ("--count 2 --owner vm-7", "--count can only be combined with --owner-prefix"),
        ("--count 2 --address 10.9.0.20", "--count can only be combined with --owner-prefix"),
        ("--count 2 --sticky-key k", "--count can only be combined with --owner-prefix"),
        ("--count 0", "0 is not in the range x>=1"),
    ],
)
def test_allocate_refuses_options_that_contradict_each_other(
    ctl: Ctl, daemon: FakeDaemon, options: str, told: str
) -> None:
    done = ctl("ipam", "allocate", "10.9.0.0/24", *options.split())
    assert (done.status, daemon.asked) == (2, [])
    assert told in done.err


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
def test_release_of_a_free_address_prints_nothing(ctl: Ctl, output: str, printed: str) -> None:
    arguments = ("ipam", "release", "--allow-missing", "10.9.0.0/24", "10.9.0.1")
    done = ctl("--output", output, *arguments)
    assert (done.status, done.out) == (0, printed)


def test_release_of_an_owner_prints_all_its_addresses(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ReleaseOwner", {"allocations": [HELD, FREE]})
    done = ctl("ipam", "release", "--owner", "vm-7")
    assert (done.status, done.out) == (0, "10.9.0.1\nfd09::1\n")
    assert daemon.asked == [("ReleaseOwner", {"owner": "vm-7"})]


def test_release_of_an_owner_that_has_nothing_is_success(ctl: Ctl) -> None:
    done = ctl("ipam", "release", "--owner", "vm-7")
    assert (done.status, done.out) == (0, "")


def test_release_of_an_owner_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ReleaseOwner", {"allocations": [HELD]})
    done = ctl("ipam", "release", "--owner", "vm-7", "--output", "json")
    assert json.loads(done.out) == {"allocations": [{**HELD, **EMPTY}], "omitted_allocations": 0}


@pytest.mark.parametrize("arguments", ["", "10.9.0.0/24", "10.9.0.0/24 --owner vm-7"])
def test_an_ambiguous_release_is_wrong_usage(ctl: Ctl, daemon: FakeDaemon, arguments: str) -> None:
    done = ctl("ipam", "release", *arguments.split())
    assert (done.status, daemon.asked) == (2, [])
    assert "give SUBNET and ADDRESS, or --owner alone" in done.err


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


def test_ls_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListAllocations", {"allocations": [HELD]})
    shown = json.loads(ctl("ipam", "ls", "--output", "json").out)
    assert shown == {"allocations": [{**HELD, **EMPTY}]}

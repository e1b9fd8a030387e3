"""``mynetctl network``: the requests and the output of each command."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal
from tests.cli.support.samples import BLUE, BLUE_ID, RED, RED_ID

NOT_FOUND = Refusal("NOT_FOUND", "NETWORK_NOT_FOUND", "there is no network 'nope'")


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {}),
        ("--subnet 10.1.0.0/24", {"subnets": [{"cidr": "10.1.0.0/24"}]}),
        ("--subnet 0.0.0.0/26", {"subnets": [{"cidr": "0.0.0.0/26"}]}),
        (
            "--subnet 10.1.0.0/24 --subnet fd00:1::/64",
            {"subnets": [{"cidr": "10.1.0.0/24"}, {"cidr": "fd00:1::/64"}]},
        ),
        ("-d macvlan", {"driver": "macvlan"}),
        ("--ipam-driver memory", {"ipam": "memory"}),
        ("--internal", {"internal": True}),
        ("--mtu 1400", {"mtu": 1400}),
        ("--no-masquerade", {"masquerade": False}),
        ("--interface br0", {"interface": "br0"}),
        ("-o icc=false --opt a=b=c", {"options": {"icc": "false", "a": "b=c"}}),
        ("--label team=red --label seen", {"labels": {"team": "red", "seen": ""}}),
    ],
)
def test_create_requests_exactly_what_was_given(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("CreateNetwork", {"network": BLUE})
    assert ctl("network", "create", *options.split(), "blue").status == 0
    assert daemon.asked == [("CreateNetwork", {"network": {"name": "blue", **asked}})]


def test_create_prints_the_whole_id(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("CreateNetwork", {"network": BLUE})
    assert ctl("network", "create", "blue").out == f"{BLUE_ID}\n"


def test_create_prints_the_network_s_conditions_as_warnings(ctl: Ctl, daemon: FakeDaemon) -> None:
    wall = {"problem": "Docker drops all.", "remedy": "Run:", "commands": ["a -b", "c"]}
    other = {"problem": "The host is deaf.", "remedy": "Speak up."}
    daemon.answer("CreateNetwork", {"network": {**BLUE, "conditions": [wall, other]}})
    done = ctl("network", "create", "blue")
    assert (done.status, done.out) == (0, f"{BLUE_ID}\n")
    assert done.err.splitlines() == [
        "mynetctl: warning: Docker drops all. Run:",
        "    a -b",
        "    c",
        "mynetctl: warning: The host is deaf. Speak up.",
    ]
    done = ctl("network", "create", "--output", "json", "blue")
    assert json.loads(done.out)["conditions"] == [wall, {**other, "commands": []}]
    assert done.err == ""


def test_create_passes_on_allow_existing(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("CreateNetwork", {"network": BLUE})
    ctl("network", "create", "--allow-existing", "blue")
    assert daemon.asked == [
        ("CreateNetwork", {"network": {"name": "blue"}, "allow_existing": True})
    ]


SUBNETS = ("--subnet", "10.1.0.0/24", "--subnet", "fd00:1::/64", "--subnet", "10.2.0.0/24")


@pytest.mark.parametrize(
    ("option", "field", "first", "second"),
    [
        ("--gateway", "gateway", "fd00:1::9", "10.2.0.9"),
        ("--ip-range", "range", "fd00:1::8/125", "10.2.0.9"),
        ("--ip-range", "range", "fd00:1::8-fd00:1::f", "10.2.0.128/25"),
    ],
)
def test_each_rule_goes_to_the_subnet_that_contains_it(
    ctl: Ctl, daemon: FakeDaemon, option: str, field: str, first: str, second: str
) -> None:
    daemon.answer("CreateNetwork", {"network": BLUE})
    ctl("network", "create", *SUBNETS, option, first, option, second, "blue")
    ((_, request),) = daemon.asked
    assert request["network"]["subnets"] == [
        {"cidr": "10.1.0.0/24"},
        {"cidr": "fd00:1::/64", field: first},
        {"cidr": "10.2.0.0/24", field: second},
    ]


def test_a_subnet_may_reserve_several_addresses(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("CreateNetwork", {"network": BLUE})
    reserved = ("10.2.0.2", "fd00:1::/80", "10.2.0.8-10.2.0.9")
    ctl(
        "network",
        "create",
        *SUBNETS,
        *(f"--reserved={addresses}" for addresses in reserved),
        "blue",
    )
    ((_, request),) = daemon.asked
    assert request["network"]["subnets"] == [
        {"cidr": "10.1.0.0/24"},
        {"cidr": "fd00:1::/64", "reserved": ["fd00:1::/80"]},
        {"cidr": "10.2.0.0/24", "reserved": ["10.2.0.2", "10.2.0.8-10.2.0.9"]},
    ]


@pytest.mark.parametrize(
    ("option", "field"), [("--gateway", "gateway"), ("--ip-range", "range"), ("--reserved", "")]
)
@pytest.mark.parametrize("addresses", ["10.9.0.1", "nonsense"])
def test_a_rule_in_no_subnet_is_refused_by_the_daemon(
    ctl: Ctl, daemon: FakeDaemon, option: str, field: str, addresses: str
) -> None:
    daemon.answer("CreateNetwork", {"network": BLUE})
    ctl("network", "create", "--subnet", "10.1.0.0/24", option, addresses, "blue")
    ((_, request),) = daemon.asked
    rule = {field: addresses} if field else {"reserved": [addresses]}
    assert request["network"]["subnets"] == [{"cidr": "10.1.0.0/24", **rule}]


@pytest.mark.parametrize(
    "options",
    [
        "--gateway 10.1.0.1",
        "--ip-range 10.1.0.1",
        "--reserved 10.1.0.1",
        "--subnet 10.1.0.0/24 --gateway 10.1.0.1 --gateway 10.1.0.2",
        "--subnet 10.1.0.0/24 --ip-range 10.1.0.1 --ip-range 10.1.0.2",
    ],
)
def test_a_rule_without_a_subnet_is_wrong_usage(ctl: Ctl, daemon: FakeDaemon, options: str) -> None:
    done = ctl("network", "create", *options.split(), "blue")
    assert (done.status, daemon.asked) == (2, [])
    assert "10.1.0" in done.err
    assert "there is no --subnet" in done.err


def test_ls_shows_a_table(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", {"networks": [BLUE, RED]})
    assert ctl("network", "ls").out == (
        "NETWORK ID     NAME         DRIVER   SUBNETS                  ENDPOINTS   STATE\n"
        "4aa980159bc1   blue         bridge   10.88.0.0/24,fd88::/64   2           ready\n"
        "c3b4cb50244e   deep-red.1   bridge   10.3.0.0/24              0           deleting\n"
    )


def test_ls_of_no_networks_shows_the_headers(ctl: Ctl) -> None:
    assert ctl("network", "ls").out == (
        "NETWORK ID   NAME   DRIVER   SUBNETS   ENDPOINTS   STATE\n"
    )


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ("-q", f"{BLUE_ID[:12]}\n{RED_ID[:12]}\n"),
        ("--quiet --no-trunc", f"{BLUE_ID}\n{RED_ID}\n"),
    ],
)
def test_ls_with_quiet_prints_only_ids(
    ctl: Ctl, daemon: FakeDaemon, options: str, printed: str
) -> None:
    daemon.answer("ListNetworks", {"networks": [BLUE, RED]})
    assert ctl("network", "ls", *options.split()).out == printed


def test_ls_shows_ids_in_full(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", {"networks": [BLUE]})
    assert ctl("network", "ls", "--no-trunc").out.splitlines()[1].startswith(f"{BLUE_ID}   blue")


def test_ls_filters_by_all_labels(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("network", "ls", "--filter", "label=team=red", "-f", "label=tier=a=b")
    ((_, request),) = daemon.asked
    assert request["labels"] == {"team": "red", "tier": "a=b"}


def test_ls_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", {"networks": [RED]})
    (shown,) = json.loads(ctl("network", "ls", "--output", "json").out)["networks"]
    assert shown["labels"] == {"team": "red"}
    assert shown["state"] == "NETWORK_STATE_DELETING"


def test_ls_requests_page_after_page(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer(
        "ListNetworks",
        {"networks": [BLUE], "next_page_token": "more"},
        {"networks": [RED]},
    )
    done = ctl("network", "ls", "-q", "-f", "label=a=b")
    assert done.out == f"{BLUE_ID[:12]}\n{RED_ID[:12]}\n"
    page = {"page_size": 1000, "labels": {"a": "b"}}
    assert [request for _, request in daemon.asked] == [page, {**page, "page_token": "more"}]


def test_inspect_shows_every_network_as_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetNetwork", {"network": BLUE}, {"network": RED})
    shown = json.loads(ctl("network", "inspect", "blue", "c3b4").out)
    assert [network["name"] for network in shown] == ["blue", "deep-red.1"]
    assert [request for _, request in daemon.asked] == [{"network": "blue"}, {"network": "c3b4"}]


def test_inspect_shows_the_others_if_one_is_not_found(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetNetwork", NOT_FOUND, {"network": BLUE})
    done = ctl("network", "inspect", "nope", "blue")
    assert [network["name"] for network in json.loads(done.out)] == ["blue"]
    assert done.err == "mynetctl: NETWORK_NOT_FOUND: there is no network 'nope'\n"
    assert done.status == 1


def test_rm_prints_the_names_of_what_it_removed(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("network", "rm", "blue", "red")
    assert (done.status, done.out) == (0, "blue\nred\n")
    assert daemon.asked == [("DeleteNetwork", {"network": name}) for name in ("blue", "red")]


def test_rm_passes_on_force_and_allow_missing(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("network", "rm", "-f", "--allow-missing", "blue")
    request = {"network": "blue", "force": True, "allow_missing": True}
    assert daemon.asked == [("DeleteNetwork", request)]


def test_rm_continues_after_a_refusal(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("DeleteNetwork", {}, NOT_FOUND, {})
    done = ctl("network", "rm", "blue", "nope", "red")
    assert done.out == "blue\nred\n"
    assert done.err == "mynetctl: NETWORK_NOT_FOUND: there is no network 'nope'\n"
    assert done.status == 1


def test_rm_as_json_lists_what_was_removed(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("DeleteNetwork", {}, NOT_FOUND)
    done = ctl("--output", "json", "network", "rm", "blue", "nope")
    assert (done.status, json.loads(done.out)) == (1, {"removed": ["blue"]})


def test_rm_stops_if_the_daemon_does_not_answer(ctl: Ctl) -> None:
    done = ctl("network", "rm", "blue", "red", address="unix:///nowhere/socket")
    assert (done.status, done.err.count("\n")) == (3, 1)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("--label team=red --label seen", {"labels": {"team": "red", "seen": ""}}),
        ("--label-rm team --label-rm tier", {"remove_labels": ["team", "tier"]}),
        ("-o icc=false --opt a=b=c", {"options": {"icc": "false", "a": "b=c"}}),
        ("--opt-rm icc --label a=b", {"remove_options": ["icc"], "labels": {"a": "b"}}),
    ],
)
def test_update_requests_the_changes_and_prints_the_name(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("UpdateNetwork", {"network": BLUE})
    assert ctl("network", "update", *options.split(), BLUE_ID[:9]).out == "blue\n"
    assert daemon.asked == [("UpdateNetwork", {"network": BLUE_ID[:9], **asked})]


def test_update_shows_the_whole_network_as_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("UpdateNetwork", {"network": BLUE})
    done = ctl("network", "update", "--label", "a=b", "blue", "--output", "json")
    assert json.loads(done.out)["id"] == BLUE_ID


def test_update_without_changes_is_wrong_usage(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("network", "update", "blue")
    assert (done.status, daemon.asked) == (2, [])
    assert "nothing to change" in done.err

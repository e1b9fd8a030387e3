"""``connect``, ``disconnect`` and ``endpoint``: the requests and the output of each command."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal
from tests.cli.support.samples import ONE, ONE_ID, TWO, TWO_ID

TABLE = (
    "ENDPOINT ID    NETWORK   CONTAINER    INTERFACE         ADDRESSES                 "
    "MAC ADDRESS         GW PRIORITY   PORTS                     STATE\n"
    "fd061cadf97d   blue      one          eth0              10.88.0.2/24,fd88::2/64   "
    "02:00:f5:bf:d7:7c   5             8080->80/tcp,53->53/udp   ready\n"
    "b1cdc4b0a7d1   blue      zwölf-容器   cif-b1cdc4b0a7d   10.88.0.3/24              "
    "02:57:8c:ae:5c:1e   0             -                         connecting\n"
)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {}),
        ("--netns one", {"netns_name": "one"}),
        ("--netns-path /proc/7/ns/net", {"netns_path": "/proc/7/ns/net"}),
        ("--pid 7", {"pid": 7}),
        ("--ip 10.88.0.9", {"addresses": ["10.88.0.9"]}),
        ("--ip6 fd88::9 --ip 10.88.0.9", {"addresses": ["10.88.0.9", "fd88::9"]}),
        (
            "--ip 10.88.0.9 --address-owner vm-7",
            {"addresses": ["10.88.0.9"], "address_owner": "vm-7"},
        ),
        ("--interface wan0", {"interface": "wan0"}),
        ("--mac-address 02:00:00:00:00:07", {"mac_address": "02:00:00:00:00:07"}),
        ("--gw-priority -5", {"gateway_priority": -5}),
        ("--label team=red", {"labels": {"team": "red"}}),
        ("-o rate=9", {"options": {"rate": "9"}}),
        (
            "-p 8080:80 --publish 53/udp",
            {
                "ports": [
                    {"protocol": "PROTOCOL_TCP", "host_port": 8080, "container_port": 80},
                    {"protocol": "PROTOCOL_UDP", "container_port": 53},
                ]
            },
        ),
    ],
)
@pytest.mark.parametrize("group", ["", "network "])
def test_connect_requests_exactly_what_was_given(
    ctl: Ctl, daemon: FakeDaemon, group: str, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("Connect", {"endpoint": ONE})
    assert ctl(*f"{group}connect {options} blue one".split()).status == 0
    assert daemon.asked == [("Connect", {"network": "blue", "container_id": "one", **asked})]


def test_connect_shows_the_endpoint(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Connect", {"endpoint": ONE})
    header, row = ctl("connect", "--netns", "one", "blue", "one").out.splitlines()
    assert header.split()[:2] == ["ENDPOINT", "ID"]
    assert row.split() == [
        *("fd061cadf97d", "blue", "one", "eth0", "10.88.0.2/24,fd88::2/64"),
        *("02:00:f5:bf:d7:7c", "5", "8080->80/tcp,53->53/udp", "ready"),
    ]


def test_connect_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Connect", {"endpoint": ONE})
    shown = json.loads(ctl("connect", "blue", "one", "--output", "json").out)
    assert {field: shown[field] for field in ONE} == ONE


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ("blue one", {"network": "blue", "container_id": "one"}),
        (
            "--interface eth1 blue one",
            {"network": "blue", "container_id": "one", "interface": "eth1"},
        ),
        ("--endpoint fd06", {"endpoint": "fd06"}),
        ("--all one", {"container_id": "one"}),
        ("--allow-missing --all one", {"container_id": "one", "allow_missing": True}),
    ],
)
@pytest.mark.parametrize("group", ["", "network "])
def test_disconnect_selects_by_name_or_id_or_container(
    ctl: Ctl, daemon: FakeDaemon, group: str, arguments: str, asked: dict[str, Any]
) -> None:
    daemon.answer("Disconnect", {"endpoints": [ONE, TWO]})
    done = ctl(*f"{group}disconnect {arguments}".split())
    assert (done.status, done.out) == (0, f"{ONE_ID}\n{TWO_ID}\n")
    assert daemon.asked == [("Disconnect", asked)]


@pytest.mark.parametrize(
    "arguments", ["", "blue", "blue one --all one", "--endpoint fd06 --all one", "blue --all one"]
)
def test_disconnect_takes_exactly_one_selection(
    ctl: Ctl, daemon: FakeDaemon, arguments: str
) -> None:
    done = ctl("disconnect", *arguments.split())
    assert (done.status, daemon.asked) == (2, [])
    assert "give NETWORK and CONTAINER, or --endpoint, or --all" in done.err


@pytest.mark.parametrize("option", ["--netns", "--netns-path"])
def test_connect_refuses_a_sandbox_with_an_empty_name(
    ctl: Ctl, daemon: FakeDaemon, option: str
) -> None:
    done = ctl("connect", option, "", "blue", "one")
    assert (done.status, daemon.asked) == (2, [])
    assert f"Invalid value for '{option}': it is empty" in done.err


def test_disconnect_as_json_shows_the_endpoints_as_they_were(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Disconnect", {"endpoints": [ONE]})
    shown = json.loads(ctl("disconnect", "--output", "json", "blue", "one").out)
    assert [endpoint["id"] for endpoint in shown["endpoints"]] == [ONE_ID]


def test_ls_shows_a_table(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListEndpoints", {"endpoints": [ONE, TWO]})
    assert ctl("endpoint", "ls").out == TABLE


def test_ls_filters_by_network_and_container_and_label(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("endpoint", "ls", "--network", "blue", "--container", "one", "--filter", "label=a=b")
    wanted = {"network": "blue", "container_id": "one", "labels": {"a": "b"}}
    assert daemon.asked == [("ListEndpoints", {**wanted, "page_size": 1000})]


@pytest.mark.parametrize(("options", "printed"), [("-q", ONE_ID[:12]), ("-q --no-trunc", ONE_ID)])
def test_ls_with_quiet_prints_only_ids(
    ctl: Ctl, daemon: FakeDaemon, options: str, printed: str
) -> None:
    daemon.answer("ListEndpoints", {"endpoints": [ONE]})
    assert ctl("endpoint", "ls", *options.split()).out == f"{printed}\n"


def test_ls_as_json_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListEndpoints", {"endpoints": [TWO]})
    (shown,) = json.loads(ctl("endpoint", "ls", "--output", "json").out)["endpoints"]
    assert {field: shown[field] for field in TWO} == TWO


def test_inspect_shows_the_endpoints_that_exist(ctl: Ctl, daemon: FakeDaemon) -> None:
    refusal = Refusal("INVALID_ARGUMENT", "AMBIGUOUS", "several endpoints begin with 'b'")
    daemon.answer("GetEndpoint", {"endpoint": ONE}, refusal)
    done = ctl("endpoint", "inspect", "fd06", "b")
    assert [endpoint["id"] for endpoint in json.loads(done.out)] == [ONE_ID]
    assert done.err == "mynetctl: AMBIGUOUS: several endpoints begin with 'b'\n"
    assert done.status == 1
    assert [request for _, request in daemon.asked] == [{"endpoint": "fd06"}, {"endpoint": "b"}]


def test_check_of_an_undamaged_endpoint_prints_nothing(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("CheckEndpoint", {"endpoint": ONE})
    done = ctl("endpoint", "check", "fd06")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert daemon.asked == [("CheckEndpoint", {"endpoint": "fd06"})]


@pytest.mark.parametrize("output", ["table", "json"])
def test_check_prints_each_difference_and_exits_with_1(
    ctl: Ctl, daemon: FakeDaemon, output: str
) -> None:
    problems = ["eth0 is down.", "eth0 lacks the address 10.88.0.2/24."]
    daemon.answer("CheckEndpoint", {"endpoint": ONE, "problems": problems})
    done = ctl("endpoint", "check", "fd06", "--output", output)
    assert done.status == 1
    shown = json.loads(done.out)["problems"] if output == "json" else done.out.splitlines()
    assert shown == problems


@pytest.mark.parametrize("name", ["x" * 255, "宽" * 255, "4b1c0ffee" * 20])
def test_a_long_container_id_does_not_widen_the_table(
    ctl: Ctl, daemon: FakeDaemon, name: str
) -> None:
    daemon.answer("ListEndpoints", {"endpoints": [ONE, {**ONE, "container_id": name}]})
    lines = ctl("endpoint", "ls").out.splitlines()
    assert max(map(len, lines)) <= len(TABLE.splitlines()[0]) + 32
    assert name not in ctl("endpoint", "ls").out
    assert name in ctl("endpoint", "ls", "--no-trunc").out

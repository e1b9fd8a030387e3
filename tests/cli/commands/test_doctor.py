"""``mynetctl doctor``: its request, its output and its exit status."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon

BRIDGE = {
    "object": "network blue",
    "problem": "The bridge br-blue is not there.",
    "remedy": "It can be repaired.",
}
LOOSE = {
    "object": "endpoint 94e0c9520c28 of container one",
    "problem": "The host's interface veth94e0c9520c2 is not there.",
    "remedy": "Disconnect it and connect it again: its interface is its caller's.",
}

HINT = "Nothing was changed. To repair: mynetctl doctor --repair"


@pytest.mark.parametrize(
    ("options", "asked"), [("", {}), ("--repair", {"repair": True}), ("--probe", {"probe": True})]
)
def test_it_requests_a_repair_only_with_the_option(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, bool]
) -> None:
    daemon.answer("Doctor", {})
    done = ctl("doctor", *options.split())
    assert (done.status, done.out) == (0, "All is well.\n")
    assert daemon.asked == [("Doctor", asked)]


@pytest.mark.parametrize(
    ("repaired", "status", "words"),
    [
        ((False, False), 1, "2 found, 0 repaired, 2 left."),
        ((True, False), 1, "2 found, 1 repaired, 1 left."),
        ((True, True), 0, "2 found, 2 repaired, 0 left."),
    ],
)
def test_the_exit_status_is_0_only_if_no_finding_is_left(
    ctl: Ctl, daemon: FakeDaemon, repaired: tuple[bool, bool], status: int, words: str
) -> None:
    findings: list[dict[str, Any]] = [
        {**found, "repaired": each} for found, each in zip((BRIDGE, LOOSE), repaired, strict=True)
    ]
    daemon.answer("Doctor", {"findings": findings})
    done = ctl("doctor", "--repair")
    first, second, last = done.out.splitlines()
    assert (done.status, last) == (status, words)
    states = ["repaired" if is_repaired else "found" for is_repaired in repaired]
    assert [first, second] == [
        f"{state}: {found['object']}: {found['problem']} {found['remedy']}"
        for state, found in zip(states, findings, strict=True)
    ]


def test_as_json_it_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Doctor", {"findings": [BRIDGE]})
    done = ctl("doctor", "--output", "json")
    assert done.status == 1
    assert json.loads(done.out) == {
        "findings": [{**BRIDGE, "repaired": False, "commands": []}],
        "unexamined": [],
        "probes": [],
        "notes": [],
        "omitted_findings": 0,
    }


def test_findings_that_the_answer_has_no_room_for_are_counted(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Doctor", {"findings": [BRIDGE], "omitted_findings": 7})
    last = ctl("doctor").out.splitlines()[-2:]
    assert "7 more are not listed; repair these, and look again." in last


def test_commands_are_printed_below_the_finding(ctl: Ctl, daemon: FakeDaemon) -> None:
    wall = {
        "object": "network blue",
        "problem": "Docker drops its packets.",
        "remedy": "Run:",
        "commands": ["iptables -N a", "nft 'add chain b'"],
    }
    daemon.answer("Doctor", {"findings": [wall, BRIDGE]})
    assert ctl("doctor").out.splitlines() == [
        "found: network blue: Docker drops its packets. Run:",
        "    iptables -N a",
        "    nft 'add chain b'",
        "found: network blue: The bridge br-blue is not there. It can be repaired.",
        "2 found, 0 repaired, 2 left.",
        HINT,
    ]


@pytest.mark.parametrize(
    ("options", "commands", "hints"),
    [("", [], [HINT]), ("--repair", [], []), ("", ["iptables -N a"], [])],
)
def test_the_hint_to_repair_appears_only_if_a_repair_helps(
    ctl: Ctl, daemon: FakeDaemon, options: str, commands: Sequence[str], hints: Sequence[str]
) -> None:
    daemon.answer("Doctor", {"findings": [{**BRIDGE, "commands": commands}]})
    lines = ctl("doctor", *options.split()).out.splitlines()
    assert lines[lines.index("1 found, 0 repaired, 1 left.") + 1 :] == hints


PROBES = [
    {"source": "eth0 at 10.1.0.2 on network blue", "target": "gateway 10.1.0.1"},
    {"source": "eth0 at 10.1.0.2 on network blue", "target": "next hop 192.0.2.1"},
]


@pytest.mark.parametrize(
    ("states", "status", "words"),
    [
        (("ANSWERED", "ANSWERED"), 0, ["2 packets sent, 2 answered.", "All is well."]),
        (("ANSWERED", "UNANSWERED"), 1, ["2 packets sent, 1 answered."]),
        (("ANSWERED", "NOT_SENT"), 1, ["1 packets sent, 1 answered."]),
    ],
)
def test_all_is_well_only_if_every_packet_was_answered(
    ctl: Ctl, daemon: FakeDaemon, states: tuple[str, str], status: int, words: list[str]
) -> None:
    probes = [
        {**probe, "state": f"PROBE_STATE_{state}", "reason": "" if state == "ANSWERED" else "why"}
        for probe, state in zip(PROBES, states, strict=True)
    ]
    daemon.answer("Doctor", {"probes": probes})
    done = ctl("doctor", "--probe")
    assert done.status == status
    assert done.out.splitlines()[2:] == words
    outcomes = {"ANSWERED": "answered", "UNANSWERED": "why", "NOT_SENT": "not sent: why"}
    assert done.out.splitlines()[1] == (
        f"probe: eth0 at 10.1.0.2 on network blue to next hop 192.0.2.1: {outcomes[states[1]]}"
    )


def test_what_was_not_looked_at_is_said_and_keeps_all_from_being_well(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    busy = "network blue: another call is changing it."
    daemon.answer("Doctor", {"unexamined": [busy], "notes": ["A rule was not compared."]})
    done = ctl("doctor")
    assert done.status == 1
    assert done.out.splitlines() == [
        f"not looked at: {busy}",
        "note: A rule was not compared.",
        "1 not looked at.",
    ]

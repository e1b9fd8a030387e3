"""Firewall rules of other programs that block a network, beside the real daemon.

The daemon names the chain that blocks, and gives commands. When those have run as they stand,
packets pass: out, in to a published port, and between endpoints. The daemon itself changes no table
of another program.
"""

import json

import pytest

from mynet.v1 import network_pb2
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.published_ports import WEB
from tests.e2e.support.surroundings.host_firewalls import (
    FAMILIES,
    BlueNetwork,
    bridged,
    make_blue,
    reaches,
)
from tests.e2e.support.testbed import HOST, Sandbox, Testbed
from tests.support.matrix import matrix


@pytest.fixture
def blue(empty_testbed: Testbed) -> BlueNetwork:
    bridged(empty_testbed, 4, 6)
    return make_blue(empty_testbed)


DROP = "type filter hook forward priority 0; policy drop;"
DROPPING = {
    "iptables": ("iptables -P FORWARD DROP", {4}),
    "ip6tables": ("ip6tables -P FORWARD DROP", {6}),
    "both": ("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP", {4, 6}),
    "iptables-legacy": ("iptables-legacy -P FORWARD DROP", {4}),
    "ip6tables-legacy": ("ip6tables-legacy -P FORWARD DROP", {6}),
    "nft ip": (f"nft 'add table ip t; add chain ip t c {{ {DROP} }}'", {4}),
    "nft inet": (f"nft 'add table inet t; add chain inet t forward {{ {DROP} }}'", {4, 6}),
}


CASES = [(name, frames) for frames in ((), (4, 6)) for name in DROPPING]


@pytest.mark.parametrize(("name", "frames"), matrix(CASES, short=3))
def test_a_chain_that_drops_is_named_and_the_commands_open_it(
    blue: BlueNetwork, name: str, frames: tuple[int, ...]
) -> None:
    command, versions = DROPPING[name]
    bridged(blue.testbed, *frames)
    blue.require_cured()
    blue.testbed.run("sh", "-euc", command)
    for version in FAMILIES:
        shut = version in versions
        between = not (shut and version in frames)
        assert blue.open_ways(version) == {"out": not shut, "in": not shut, "between": between}
    rules = blue.testbed.ruleset()
    told = blue.conditions()
    findings = blue.findings()
    assert [(finding.object, finding.repaired) for finding in findings] == [
        ("network blue", False)
    ] * len(told)
    assert [(finding.problem, finding.remedy, finding.commands) for finding in findings] == [
        (condition.problem, condition.remedy, condition.commands) for condition in told
    ]
    assert all("policy drop" in condition.problem for condition in told)
    assert all(
        ("do not reach each other" in condition.problem) == bool(frames) for condition in told
    )
    assert blue.testbed.ruleset() == rules
    blue.run_remedies()
    blue.require_cured()


def test_commands_that_were_undone_are_asked_for_again(blue: BlueNetwork) -> None:
    blue.testbed.run("iptables", "-P", "FORWARD", "DROP")
    blue.run_remedies()
    blue.require_cured()
    blue.testbed.run("iptables", "-F", "FORWARD")
    (again,) = blue.conditions()
    assert again.commands[0] == "iptables -F mynet-br-blue"
    assert not blue.open_ways(4)["out"]
    blue.run_remedies()
    blue.require_cured()
    blue.testbed.run("iptables", "-P", "FORWARD", "ACCEPT")
    blue.testbed.run("iptables", "-F")
    blue.require_cured()


def test_a_bridge_s_own_firewall_is_named_too(blue: BlueNetwork) -> None:
    blue.testbed.run("nft", f"add table bridge t; add chain bridge t c {{ {DROP} }}")
    assert blue.open_ways(4) == {"out": True, "in": True, "between": False}
    (told,) = blue.conditions()
    assert "endpoints do not reach each other" in told.problem
    assert "outside" not in told.problem
    blue.run_remedies()
    blue.require_cured()


def test_mynetctl_warns_of_a_firewall_when_it_creates_a_network(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    empty_testbed.run("iptables", "-P", "FORWARD", "DROP")
    made = empty_testbed.attempt("mynetctl", "network", "create", "blue")
    assert made.returncode == 0
    assert len(made.stdout.split()) == 1
    warning, *lines = made.stderr.splitlines()
    assert warning.startswith("mynetctl: warning: ")
    (shown,) = json.loads(empty_testbed.run("mynetctl", "network", "inspect", "blue"))
    (condition,) = shown["conditions"]
    assert warning.endswith(f"{condition['problem']} {condition['remedy']}")
    assert [line.removeprefix("    ") for line in lines] == condition["commands"]
    (listed,) = daemon.networks()
    assert listed.conditions[0].problem == condition["problem"]


def test_an_internal_network_has_conditions_of_bridged_frames_alone(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    empty_testbed.run("iptables", "-P", "FORWARD", "DROP")
    bridged(empty_testbed)
    assert daemon.create("blue", internal=True).conditions == []
    bridged(empty_testbed, 6)
    assert daemon.networks()[0].conditions == []
    bridged(empty_testbed, 4)
    (told,) = daemon.networks()[0].conditions
    assert "outside" not in told.problem


def test_a_start_logs_which_firewall_is_in_the_way(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    daemon.stop()
    empty_testbed.run("iptables", "-P", "FORWARD", "DROP")
    again = Daemon(empty_testbed, "--log-format", "json")
    (found,) = [event for event in again.events() if event["event"] == "found"]
    assert found["subject"] == "network blue"
    assert "chain FORWARD, policy drop" in found["problem"]
    assert found["commands"][0] == "iptables -N mynet-br-blue"


def test_isolation_that_keeps_out_published_ports_is_reported_with_its_remedy(
    empty_testbed: Testbed,
) -> None:
    daemon = Daemon(empty_testbed)
    blue = BlueNetwork(daemon, Sandbox(empty_testbed, "one"), Sandbox(empty_testbed, "two"))
    bridged(empty_testbed, 4)
    daemon.create("blue", options={"icc": "false"})
    daemon.connect("two")
    assert blue.conditions() == []  # no port is published yet

    def reached() -> list[bool]:
        here = ("0.0.0.0", "::")  # noqa: S104 - a test's
        return [
            reaches(blue.two, blue.one, (here[place], 80), HOST[place], 8080) for place in (0, 1)
        ]

    daemon.connect("one", ports=[WEB])
    assert reached() == [False, True]
    (told,) = blue.conditions()
    assert "published ports of their own network over IPv4." in told.problem
    assert list(told.commands) == ["sysctl -w net.bridge.bridge-nf-call-iptables=0"]
    blue.run_remedies()
    assert reached() == [True, True]
    assert blue.findings() == []


def test_an_uplink_that_ignores_router_advertisements_is_named(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    route = "2001:db8:7::/64 via 2001:db8::2 dev uplink proto ra"
    empty_testbed.run("ip", "-6", "route", "add", *route.split())
    (told,) = daemon.networks()[0].conditions
    assert "ignores router advertisements on uplink" in told.problem
    (found,) = daemon.net.Doctor(network_pb2.DoctorRequest()).findings
    empty_testbed.run("sh", "-euc", *found.commands)
    setting = "/proc/sys/net/ipv6/conf/uplink/accept_ra"
    assert empty_testbed.run("cat", setting) == "2\n"
    assert daemon.networks()[0].conditions == []

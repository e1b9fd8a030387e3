"""Others on the host: Docker, firewalld, ufw and firewalls of anybody's, beside the real daemon.

Whoever stands in a network's way is named, the lines that are given are run as they stand, and then
packets flow: out, in to a published port, and between endpoints. Nobody's table is changed by us.
"""

import json
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import Condition, Finding, PortMapping
from tests.e2e.daemon import Daemon, eventually
from tests.e2e.namespace import Namespace
from tests.e2e.neighbours import Docker, Firewalld, lay_out
from tests.e2e.stage import HOST, OUTSIDE, Sandbox, Stage
from tests.project.markdown import Page

PAGE = Path(__file__).parents[2] / "docs" / "neighbours.md"
ONE = ("10.88.0.2", "fd88::2")
FAMILIES = (4, 6)
WEB = PortMapping(host_port=8080, container_port=80)
BRIDGED = "/proc/sys/net/bridge/bridge-nf-call-ip"


@dataclass
class Neighbourhood:
    """A stage with network blue, sandboxes one and two on it, and port 8080 leading to one."""

    daemon: Daemon
    one: Sandbox
    two: Sandbox

    @property
    def stage(self) -> Stage:
        return self.daemon.stage

    def ways(self, version: int) -> dict[str, bool]:
        """Say which ways are open: each is tried with a connection and a word."""
        place = FAMILIES.index(version)
        outside, any_address = self.stage.outside, ("0.0.0.0", "::")[place]  # noqa: S104 - a test's
        return {
            "out": _reaches(self.one, outside, (any_address, 7000), OUTSIDE[place], 7000),
            "in": _reaches(outside, self.one, (any_address, 80), HOST[place], 8080),
            "between": _reaches(self.two, self.one, (any_address, 81), ONE[place], 81),
        }

    def conditions(self) -> list[Condition]:
        request = network_pb2.GetNetworkRequest(network="blue")
        return list(self.daemon.net.GetNetwork(request).network.conditions)

    def findings(self) -> list[Finding]:
        return list(self.daemon.net.Doctor(network_pb2.DoctorRequest()).findings)

    def obey(self) -> None:
        """Run the lines that `mynetctl doctor` prints, as they stand."""
        said = self.stage.attempt("mynetctl", "doctor")
        assert said.returncode == 1
        lines = [each[4:] for each in said.stdout.splitlines() if each.startswith("    ")]
        self.stage.run("sh", "-euc", "\n".join(lines))

    def require_cured(self) -> None:
        """Nothing stands in the way any more, and nothing is said to."""
        assert self.findings() == []
        assert self.conditions() == []
        assert self.stage.run("mynetctl", "doctor") == "All is well.\n"
        for version in FAMILIES:  # a neighbour that was not found is asked for anew after a while
            eventually(lambda asked=version: all(self.ways(asked).values()))  # type: ignore[misc]


def _reaches(
    client: Namespace, server: Namespace, at: tuple[str, int], address: str, port: int
) -> bool:
    with server.listen(*at) as listener:
        try:
            near = client._inside(lambda: socket.create_connection((address, port), timeout=1.0))
        except OSError:  # dropped or refused, as the firewall has it
            return False
        with near, listener.accept()[0] as far:
            near.sendall(b"word")
            far.settimeout(5)
            assert far.recv(100) == b"word"
            return True


def bridged(stage: Stage, *versions: int) -> None:
    """Have frames on bridges pass the firewall, of these IP versions."""
    for version, name in ((4, "tables"), (6, "6tables")):
        stage.run("sh", "-c", f"echo {int(version in versions)} >{BRIDGED}{name}")


def settle(stage: Stage) -> Neighbourhood:
    """Start a daemon, and have network blue with all that is on it."""
    daemon = Daemon(stage)
    made = Neighbourhood(daemon, Sandbox(stage, "one"), Sandbox(stage, "two"))
    daemon.create("blue")
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    return made


@pytest.fixture
def blue(empty_stage: Stage) -> Neighbourhood:
    bridged(empty_stage, 4, 6)
    return settle(empty_stage)


DROP = "type filter hook forward priority 0; policy drop;"
WALLS = {
    "iptables": ("iptables -P FORWARD DROP", {4}),
    "ip6tables": ("ip6tables -P FORWARD DROP", {6}),
    "both": ("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP", {4, 6}),
    "iptables-legacy": ("iptables-legacy -P FORWARD DROP", {4}),
    "ip6tables-legacy": ("ip6tables-legacy -P FORWARD DROP", {6}),
    "nft ip": (f"nft 'add table ip t; add chain ip t c {{ {DROP} }}'", {4}),
    "nft inet": (f"nft 'add table inet t; add chain inet t forward {{ {DROP} }}'", {4, 6}),
}


@pytest.mark.parametrize("frames", [(), (4, 6)], ids=["", "br_netfilter"])
@pytest.mark.parametrize("name", WALLS)
def test_a_wall_is_named_and_the_lines_open_it(
    blue: Neighbourhood, name: str, frames: tuple[int, ...]
) -> None:
    command, versions = WALLS[name]
    bridged(blue.stage, *frames)
    blue.require_cured()
    blue.stage.run("sh", "-euc", command)
    for version in FAMILIES:
        shut = version in versions
        between = not (shut and version in frames)
        assert blue.ways(version) == {"out": not shut, "in": not shut, "between": between}
    rules = blue.stage.run("nft", "list", "ruleset")
    told = blue.conditions()
    found = blue.findings()
    assert [(each.object, each.repaired) for each in found] == [("network blue", False)] * len(told)
    assert [(each.problem, each.remedy, each.commands) for each in found] == [
        (each.problem, each.remedy, each.commands) for each in told
    ]
    assert all("policy drop" in each.problem for each in told)
    assert all(("do not reach each other" in each.problem) == bool(frames) for each in told)
    assert blue.stage.run("nft", "list", "ruleset") == rules
    blue.obey()
    blue.require_cured()


def test_lines_that_were_undone_are_asked_for_again(blue: Neighbourhood) -> None:
    blue.stage.run("iptables", "-P", "FORWARD", "DROP")
    blue.obey()
    blue.require_cured()
    blue.stage.run("iptables", "-F", "FORWARD")
    (again,) = blue.conditions()
    assert again.commands[0] == "iptables -F mynet-br-blue"
    assert not blue.ways(4)["out"]
    blue.obey()
    blue.require_cured()
    blue.stage.run("iptables", "-P", "FORWARD", "ACCEPT")
    blue.stage.run("iptables", "-F")
    blue.require_cured()


def test_a_bridge_s_own_firewall_is_named_too(blue: Neighbourhood) -> None:
    blue.stage.run("nft", f"add table bridge t; add chain bridge t c {{ {DROP} }}")
    assert blue.ways(4) == {"out": True, "in": True, "between": False}
    (told,) = blue.conditions()
    assert "endpoints do not reach each other" in told.problem
    assert "outside" not in told.problem
    blue.obey()
    blue.require_cured()


def test_whoever_makes_a_network_is_warned_at_once(empty_stage: Stage) -> None:
    daemon = Daemon(empty_stage)
    empty_stage.run("iptables", "-P", "FORWARD", "DROP")
    made = empty_stage.attempt("mynetctl", "network", "create", "blue")
    assert made.returncode == 0
    assert len(made.stdout.split()) == 1
    warning, *lines = made.stderr.splitlines()
    assert warning.startswith("mynetctl: warning: ")
    (shown,) = json.loads(empty_stage.run("mynetctl", "network", "inspect", "blue"))
    (condition,) = shown["conditions"]
    assert warning.endswith(f"{condition['problem']} {condition['remedy']}")
    assert [line.removeprefix("    ") for line in lines] == condition["commands"]
    (listed,) = daemon.networks()
    assert listed.conditions[0].problem == condition["problem"]


def test_an_internal_network_minds_only_what_passes_its_bridge(empty_stage: Stage) -> None:
    daemon = Daemon(empty_stage)
    empty_stage.run("iptables", "-P", "FORWARD", "DROP")
    bridged(empty_stage)
    assert daemon.create("blue", internal=True).conditions == []
    bridged(empty_stage, 6)
    assert daemon.networks()[0].conditions == []
    bridged(empty_stage, 4)
    (told,) = daemon.networks()[0].conditions
    assert "outside" not in told.problem


def test_a_start_tells_what_stands_in_the_way(empty_stage: Stage) -> None:
    daemon = Daemon(empty_stage)
    daemon.create("blue")
    daemon.stop()
    empty_stage.run("iptables", "-P", "FORWARD", "DROP")
    again = Daemon(empty_stage, "--log-format", "json")
    (found,) = [each for each in again.events() if each["event"] == "found"]
    assert found["subject"] == "network blue"
    assert "chain FORWARD, policy drop" in found["problem"]
    assert found["commands"][0] == "iptables -N mynet-br-blue"


def test_where_isolation_goes_too_far_is_said_and_how_to_end_it(empty_stage: Stage) -> None:
    daemon = Daemon(empty_stage)
    blue = Neighbourhood(daemon, Sandbox(empty_stage, "one"), Sandbox(empty_stage, "two"))
    bridged(empty_stage, 4)
    daemon.create("blue", options={"icc": "false"})
    daemon.connect("two")
    assert blue.conditions() == []  # there is nothing that is missed

    def reached() -> list[bool]:
        here = ("0.0.0.0", "::")  # noqa: S104 - a test's
        return [
            _reaches(blue.two, blue.one, (here[place], 80), HOST[place], 8080) for place in (0, 1)
        ]

    daemon.connect("one", ports=[WEB])
    assert reached() == [False, True]
    (told,) = blue.conditions()
    assert "published ports of their own network by IPv4." in told.problem
    assert list(told.commands) == ["sysctl -w net.bridge.bridge-nf-call-iptables=0"]
    blue.obey()
    assert reached() == [True, True]
    assert blue.findings() == []


def test_an_uplink_that_became_deaf_is_named(empty_stage: Stage) -> None:
    daemon = Daemon(empty_stage)
    daemon.create("blue")
    route = "2001:db8:7::/64 via 2001:db8::2 dev uplink proto ra"
    empty_stage.run("ip", "-6", "route", "add", *route.split())
    (told,) = daemon.networks()[0].conditions
    assert "hears no router advertisements on uplink any more" in told.problem
    (found,) = daemon.net.Doctor(network_pb2.DoctorRequest()).findings
    empty_stage.run("sh", "-euc", *found.commands)
    setting = "/proc/sys/net/ipv6/conf/uplink/accept_ra"
    assert empty_stage.run("cat", setting) == "2\n"
    assert daemon.networks()[0].conditions == []


# --- Docker -------------------------------------------------------------------------------------


def container_ways(docker: Docker, stage: Stage) -> dict[str, bool]:
    """Say whether a container of Docker's reaches the world outside, and is reached from there."""
    container = docker.namespace("web")
    here = "0.0.0.0"  # noqa: S104 - a test's
    return {
        "out": _reaches(container, stage.outside, (here, 7001), OUTSIDE[0], 7001),
        "in": _reaches(stage.outside, container, (here, 80), HOST[0], 8081),
    }


@pytest.fixture
def shared_stage(empty_stage: Stage) -> Stage:
    lay_out(empty_stage)
    return empty_stage


RUN = [
    "run",
    "--detach",
    "--name",
    "web",
    "--publish",
    "8081:80",
    "box",
    "/busybox",
    "sleep",
    "600",
]
BOTH = {"out": True, "in": True}


@pytest.mark.parametrize("frames", [(), (4, 6)], ids=["", "br_netfilter"])
def test_mynet_first_then_docker(shared_stage: Stage, frames: tuple[int, ...]) -> None:
    blue = settle(shared_stage)
    with closing(Docker(shared_stage)) as docker:
        bridged(shared_stage, *frames)
        docker.run(*RUN)
        assert container_ways(docker, shared_stage) == BOTH
        blue.require_cured()


@pytest.mark.parametrize("frames", [(), (4, 6)], ids=["", "br_netfilter"])
def test_docker_first_on_a_host_that_does_not_forward(
    shared_stage: Stage, frames: tuple[int, ...]
) -> None:
    assert shared_stage.forwarding() == ("0", "0")
    with closing(Docker(shared_stage)) as docker:
        docker.run(*RUN)
        bridged(shared_stage, *frames)
        blue = settle(shared_stage)
        assert blue.ways(4) == {"out": False, "in": False, "between": not frames}
        assert blue.ways(6) == {"out": True, "in": True, "between": True}
        (told,) = blue.conditions()
        assert told.problem.startswith("Docker drops the forwarded packets of IPv4")
        assert [each.split()[:3] for each in told.commands][-1] == ["iptables", "-I", "DOCKER-USER"]
        blue.obey()
        blue.require_cured()
        assert container_ways(docker, shared_stage) == BOTH


# --- ufw and firewalld --------------------------------------------------------------------------


def test_ufw_is_told_in_its_own_words(shared_stage: Stage) -> None:
    bridged(shared_stage, 4, 6)
    blue = settle(shared_stage)
    shared_stage.run("ufw", "--force", "enable")
    for version in FAMILIES:
        assert blue.ways(version) == {"out": False, "in": False, "between": False}
    told = blue.conditions()
    assert [each.problem.split(" (")[0] for each in told] == [
        f"ufw drops the forwarded packets of IPv{version} that its rules do not accept"
        for version in FAMILIES
    ]
    assert [*told[0].commands] == [
        "ufw route allow in on br-blue",
        "ufw route allow out on br-blue",
    ]
    shared_stage.run("ufw", "route", "allow", "in", "on", "br-blue")
    assert len(blue.conditions()) == len(told)  # one half does not do
    blue.obey()
    blue.require_cured()


def test_firewalld_is_told_in_its_own_words(shared_stage: Stage) -> None:
    bridged(shared_stage, 4, 6)
    blue = settle(shared_stage)
    with closing(Firewalld(shared_stage)):
        for version in FAMILIES:
            assert blue.ways(version) == {"out": False, "in": True, "between": False}
        (told,) = blue.conditions()
        assert told.problem.startswith("firewalld drops the forwarded packets of IPv4 and IPv6")
        assert "published ports" not in told.problem
        blue.obey()
        blue.require_cured()
        shared_stage.run("firewall-cmd", "--reload")
        blue.require_cured()


def test_what_the_page_says_of_firewalld_and_routed_networks_holds(shared_stage: Stage) -> None:
    daemon, one = Daemon(shared_stage), Sandbox(shared_stage, "one")
    daemon.create("web", "10.88.0.0/24", options={"gateway_mode_ipv4": "routed"})
    daemon.connect("one", network="web")
    outside = shared_stage.outside
    outside.run("ip", "route", "add", "10.88.0.0/24", "via", HOST[0])
    with closing(Firewalld(shared_stage)):

        def comes_in() -> bool:
            return _reaches(outside, one, (ONE[0], 80), ONE[0], 80)

        page = Page(PAGE, PAGE.read_text())
        trust, policy = Page(PAGE, page.section("firewalld")).blocks("sh")
        shared_stage.run("sh", "-euc", trust)
        assert daemon.networks()[0].conditions == []
        assert not comes_in()
        shared_stage.run("sh", "-euc", policy)
        assert comes_in()

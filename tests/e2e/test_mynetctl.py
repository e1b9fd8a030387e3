"""mynetctl against the real daemon. What each command asks for is tested in tests/cli."""

import json
import resource
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import BIN, PATIENCE
from tests.e2e.support.published_ports import ADDRESSES, GATEWAYS, answered, is_free
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed


def test_a_network_is_made_and_listed_and_removed(daemon: Daemon) -> None:
    testbed = daemon.testbed
    words = ("--subnet", "10.88.0.0/24", "--subnet", "fd88::/64", "--label", "team=red")
    network_id = testbed.run("mynetctl", "network", "create", *words, "blue").strip()
    assert [network.id for network in daemon.networks()] == [network_id]
    header, row = testbed.run("mynetctl", "network", "ls").splitlines()
    assert header.split() == ["NETWORK", "ID", "NAME", "DRIVER", "SUBNETS", "ENDPOINTS", "STATE"]
    assert row.split() == [
        *(network_id[:12], "blue", "bridge", "10.88.0.0/24,fd88::/64", "0", "ready")
    ]
    (shown,) = json.loads(testbed.run("mynetctl", "network", "inspect", "blue"))
    assert shown["labels"] == {"team": "red"}
    assert testbed.run("mynetctl", "network", "rm", "blue") == "blue\n"
    assert list(daemon.networks()) == []


@pytest.mark.usefixtures("blue")
def test_a_sandbox_is_connected_and_checked_and_disconnected(daemon: Daemon, one: Sandbox) -> None:
    testbed = daemon.testbed
    testbed.run("mynetctl", "connect", "--netns", "one", "--ip", "10.88.0.20", "blue", "one")
    assert one.pings("10.88.0.1")
    (endpoint,) = json.loads(testbed.run("mynetctl", "--output", "json", "endpoint", "ls"))[
        "endpoints"
    ]
    assert endpoint["addresses"] == ["10.88.0.20/24", "fd88::2/64"]
    assert testbed.run("mynetctl", "endpoint", "check", endpoint["id"]) == ""
    one.run("ip", "route", "del", "default")  # the healer does not repair routes in a sandbox
    checked = testbed.attempt("mynetctl", "endpoint", "check", endpoint["id"])
    assert checked.returncode == 1
    lacks = "eth0 lacks the default route via 10.88.0.1 with metric 1001000000."
    assert checked.stdout.splitlines() == [lacks]
    assert testbed.run("mynetctl", "disconnect", "blue", "one").strip() == endpoint["id"]
    assert one.links().keys() == {"lo"}


@pytest.mark.usefixtures("blue")
def test_a_command_runs_on_a_network_and_leaves_nothing(daemon: Daemon) -> None:
    before = daemon.everything()
    script = f"ip -br addr show eth0; ping -q -c1 -W2 {OUTSIDE[0]} >&2; exit 7"
    done = daemon.testbed.attempt("mynetctl", "run", "blue", "--", "sh", "-c", script)
    assert done.returncode == 7
    assert done.stdout.split()[2:4] == ["10.88.0.2/24", "fd88::2/64"]
    assert "1 received" in done.stderr
    assert daemon.everything() == before


@pytest.mark.usefixtures("blue")
def test_a_command_that_is_killed_leaves_nothing(daemon: Daemon) -> None:
    before = daemon.everything()
    done = daemon.testbed.attempt("mynetctl", "run", "blue", "--", "sh", "-c", "kill -9 $$")
    assert done.returncode == 128 + 9
    assert daemon.everything() == before


@pytest.mark.usefixtures("blue", "one", "two")
def test_topology_draws_networks_and_their_endpoints(daemon: Daemon) -> None:
    daemon.create("red", "10.77.0.0/24", internal=True, options={"icc": "false"})
    daemon.create("empty", "10.66.0.0/24")
    daemon.connect("one")
    daemon.connect("two")
    daemon.connect("one", network="red")
    testbed = daemon.testbed
    assert (
        testbed.attempt("mynetctl", "topology", PYTHONIOENCODING="utf-8").stdout
        == """\
blue   bridge   10.88.0.0/24 gateway 10.88.0.1, fd88::/64 gateway fd88::1
└── br-blue
    ├── one   eth0   10.88.0.2/24, fd88::2/64
    └── two   eth0   10.88.0.3/24, fd88::3/64
red   bridge   10.77.0.0/24 gateway 10.77.0.1   internal   icc=false
└── br-red
    └── one   eth1   10.77.0.2/24
empty   bridge   10.66.0.0/24 gateway 10.66.0.1
└── br-empty
"""
    )
    drawn = testbed.run("mynetctl", "topology", "blue", "red", "--output", "dot")
    edges = [line.split(" [")[0].strip() for line in drawn.splitlines() if "--" in line]
    assert edges == ["n1 -- c1", "n1 -- c2", "n2 -- c1"]


def test_a_refusal_is_one_line_and_exit_status_1(daemon: Daemon) -> None:
    done = daemon.testbed.attempt("mynetctl", "connect", "none", "c1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mynetctl: NETWORK_NOT_FOUND: there is no network 'none'")
    assert done.stderr.count("\n") == 1


def test_every_fault_of_a_request_is_named(daemon: Daemon) -> None:
    words = ("network", "create", "--subnet", "10.88.0.0/33", "--mtu", "9", "a b")
    done = daemon.testbed.attempt("mynetctl", *words)
    assert done.returncode == 1
    for field in ("network.name", "network.subnets[0].cidr", "network.mtu"):
        assert f"{field}: " in done.stderr


def test_wrong_usage_is_exit_status_2(daemon: Daemon) -> None:
    assert daemon.testbed.attempt("mynetctl", "network", "paint").returncode == 2


def test_no_daemon_is_exit_status_3(daemon: Daemon) -> None:
    done = daemon.testbed.attempt("mynetctl", "--address", "unix:///run/none.sock", "network", "ls")
    assert done.returncode == 3
    assert done.stderr.startswith("mynetctl: UNREACHABLE: no mynetd answers at unix:///run/none")
    assert done.stderr.count("\n") == 1


def cpu_seconds(testbed: Testbed, *command: str | Path) -> float:
    """Return the processor time that a program takes, the least of a few runs."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        testbed.run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(5))


@pytest.mark.usefixtures("blue")
def test_listing_networks_takes_little_more_than_to_import_grpc(daemon: Daemon) -> None:
    listing = cpu_seconds(daemon.testbed, BIN / "mynetctl", "network", "ls")
    assert listing < 2.5 * cpu_seconds(daemon.testbed, sys.executable, "-c", "import click, grpc")


@pytest.mark.usefixtures("blue")
def test_mynetctl_publishes_and_shows_ports(daemon: Daemon, one: Sandbox) -> None:
    testbed = daemon.testbed
    words = "connect --netns one -p 8080:80 -p 127.0.0.1:5300:53/udp -p 9000-9100:9000-9100"
    testbed.run("mynetctl", *words.split(), "blue", "one")
    shown = "8080->80/tcp,127.0.0.1:5300->53/udp,9000-9100->9000-9100/tcp"
    header, row = testbed.run("mynetctl", "endpoint", "ls").splitlines()
    assert "PORTS" in header
    assert shown in row.split()
    (endpoint,) = daemon.endpoints()
    (inspected,) = json.loads(testbed.run("mynetctl", "endpoint", "inspect", endpoint.id))
    assert inspected["ports"][1] == {
        "protocol": "PROTOCOL_UDP",
        "host_ip": "127.0.0.1",
        "host_port": 5300,
        "container_port": 53,
        "count": 1,
    }
    assert answered(testbed, one, (ADDRESSES[0], 53), ("127.0.0.1", 5300)) == GATEWAYS[0]


@pytest.mark.usefixtures("blue")
def test_a_command_that_runs_publishes_while_it_does(daemon: Daemon) -> None:
    before = daemon.everything()
    script = "import socket; s = socket.create_server(('', 80)).accept()[0]; s.sendall(b'it runs')"
    command = ("mynetctl", "run", "-p", "8080:80", "blue", "--", sys.executable, "-c", script)
    process = daemon.testbed.start(*command)

    def said() -> Any:
        with ExitStack() as stack:
            try:
                near = stack.enter_context(daemon.testbed.outside.dial(HOST[0], 8080))
            except ConnectionRefusedError:
                return b""  # it does not listen yet
            return near.recv(100)

    eventually(lambda: said() == b"it runs")
    assert process.wait(PATIENCE) == 0
    assert daemon.everything() == before
    assert is_free(daemon.testbed, 8080)

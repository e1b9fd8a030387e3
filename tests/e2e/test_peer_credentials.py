"""Callers of unix sockets behind the accepting proxy: who they are, and what hostile ones cost."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mynet.v1.network_pb2 import ListNetworksRequest
from tests.e2e.support.daemon import SOCKET, STATE, Daemon, eventually
from tests.e2e.support.hostile_clients.http2 import LIST, clients, connected
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Testbed

AUDIT = "/var/lib/audit.log"
PROGRAMS = Path(__file__).parent / "programs"
MANY = 1000
OTHER = 12345  # a user


@pytest.fixture
def daemon(empty_testbed: Testbed) -> Iterator[Daemon]:
    daemon = Daemon(empty_testbed, "--peer-credentials", "--audit-log", AUDIT)
    yield daemon
    daemon.stop()
    assert not (empty_testbed.root / SOCKET).exists()
    assert not (empty_testbed.root / STATE / "listen").exists()


@pytest.fixture
def path(empty_testbed: Testbed) -> Path:
    return empty_testbed.root / SOCKET


def assert_served(daemon: Daemon) -> None:
    for _ in range(20):
        daemon.net.ListNetworks(ListNetworksRequest(), timeout=PATIENCE)


def audited(testbed: Testbed) -> list[dict[str, Any]]:
    """Return the lines of the audit log."""
    return [json.loads(line) for line in (testbed.root / AUDIT[1:]).read_text().splitlines()]


@contextlib.contextmanager
def other_caller(
    path: Path, uid: int, connections: int, *name: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run programs/other_caller.py during a block."""
    command = [sys.executable, str(PROGRAMS / "other_caller.py"), str(path), str(uid)]
    with subprocess.Popen([*command, str(connections), *name], stdin=subprocess.PIPE) as process:
        yield process


def another_user() -> int:
    """Return another user, or this one in a user namespace that has no other."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    has_other = any(int(first) <= OTHER < int(first) + int(count) for first, _, count in ranges)
    return OTHER if has_other else os.getuid()


def sockets(daemon: Daemon) -> int:
    """Return how many sockets the daemon has open."""
    open_files = Path(f"/proc/{daemon.pid}/fd").iterdir()
    return sum(1 for name in map(target, open_files) if name.startswith("socket:"))


def target(link: Path) -> str:
    with contextlib.suppress(FileNotFoundError):  # it is closed by now
        return str(link.readlink())
    return ""


def test_the_audit_log_has_the_user_and_process_of_a_caller(
    daemon: Daemon, empty_testbed: Testbed
) -> None:
    daemon.create("blue")
    (line,) = audited(empty_testbed)
    assert (line["uid"], line["gid"], line["pid"]) == (os.getuid(), os.getgid(), os.getpid())
    assert line["peer"] == f"unix:uid={os.getuid()}"


def test_the_socket_and_the_one_behind_it_have_their_modes(
    daemon: Daemon, empty_testbed: Testbed, path: Path
) -> None:
    assert_served(daemon)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE((empty_testbed.root / STATE / "listen").stat().st_mode) == 0o700


def test_a_caller_cannot_take_the_name_of_another(
    daemon: Daemon, empty_testbed: Testbed, path: Path
) -> None:
    """All users can read the names. In a network namespace of their own, they can bind them."""
    daemon.create("blue")
    table = empty_testbed.run("cat", "/proc/net/unix")
    names = [word[1:] for word in table.split() if word.startswith("@mynet/")]
    assert names
    for name in names:
        with (
            empty_testbed.inside(lambda: socket.socket(socket.AF_UNIX)) as forger,
            pytest.raises(OSError, match="Address already in use"),
        ):
            forger.bind(f"\0{name}")
    with other_caller(path, os.getuid(), 1, names[0]) as forger:
        eventually(lambda: len(audited(empty_testbed)) > 1)
        line = audited(empty_testbed)[1]
        assert (line["request"], line["pid"]) == ({"network": "forged"}, forger.pid)


def test_a_user_with_many_connections_does_not_close_those_of_others(
    empty_testbed: Testbed, path: Path
) -> None:
    options = ("--peer-credentials", "--audit-log", AUDIT, "--max-connections", "16")
    daemon = Daemon(empty_testbed, *options, "--listen", f"unix:///{SOCKET},mode=0666")
    user = another_user()
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(connected(path))  # of this user, and idle longest
        (mine,) = stack.enter_context(clients(path, 1))
        stack.enter_context(other_caller(path, user, 100))
        eventually(lambda: "idle longest" in daemon.log.read_text())
        eventually(lambda: audited(empty_testbed))
        (line,) = audited(empty_testbed)
        assert (line["uid"], line["peer"]) == (user, f"unix:uid={user}")
        assert user == os.getuid() or not mine.is_closed()
    assert_served(daemon)
    daemon.stop()


def test_a_daemon_starts_where_one_was_killed(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, "--peer-credentials")
    daemon.create("blue")
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    again = Daemon(empty_testbed, "--peer-credentials")
    assert [network.name for network in again.networks()] == ["blue"]
    again.stop()


def test_idle_silent_and_unread_connections_cost_others_nothing(daemon: Daemon, path: Path) -> None:
    assert_served(daemon)
    before = sockets(daemon)
    with contextlib.ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(connected(path))
        hostile = stack.enter_context(clients(path, 20, window=0))
        for client in hostile:
            for _ in range(5):
                client.call(LIST)
        assert_served(daemon)
    eventually(lambda: sockets(daemon) <= before + 6)
    assert_served(daemon)


def test_a_client_that_is_killed_amid_its_calls_leaves_nothing(daemon: Daemon, path: Path) -> None:
    assert_served(daemon)
    before = sockets(daemon)
    code = """
import socket, sys, time
clients = [socket.socket(socket.AF_UNIX) for _ in range(50)]
for client in clients:
    client.connect(sys.argv[1])
    client.send(b"PRI * HTTP/2.0")
print("ready", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as client:
        assert client.stdout
        assert client.stdout.readline() == b"ready\n"
        eventually(lambda: sockets(daemon) > before + 50)
        client.send_signal(signal.SIGKILL)
    eventually(lambda: sockets(daemon) <= before + 6)
    assert_served(daemon)

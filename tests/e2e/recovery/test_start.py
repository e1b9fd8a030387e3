"""A daemon locks its socket, state directory and network namespace, or refuses to start."""

import signal
import socket
import stat
from collections.abc import Iterator

import pytest

from tests.e2e.support.daemon import EXECUTED, SOCKET, STATE, Daemon, turned_away
from tests.e2e.support.testbed import Sandbox, Testbed


@pytest.fixture(scope="module")
def module_daemon(testbed: Testbed) -> Iterator[Daemon]:
    """The module's daemon, which is executed and not forked."""
    made = Daemon(testbed, program=EXECUTED)
    yield made
    made.stop()


def test_the_socket_is_for_its_owner_and_its_group(daemon: Daemon) -> None:
    mode = (daemon.testbed.root / SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_the_state_directory_is_for_its_owner(daemon: Daemon) -> None:
    assert stat.S_IMODE((daemon.testbed.root / STATE).stat().st_mode) == 0o700


def test_a_socket_without_a_listener_is_replaced(empty_testbed: Testbed) -> None:
    path = empty_testbed.root / SOCKET
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert Daemon(empty_testbed).health() == "SERVING"


def test_a_socket_with_a_listener_is_left_to_it(empty_testbed: Testbed) -> None:
    path = empty_testbed.root / SOCKET
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as caller:
        other.bind(str(path))
        other.listen()
        status, words = turned_away(empty_testbed)
        assert status == 1
        assert f"another server listens on /{SOCKET}" in words
        caller.connect(str(path))


def test_a_file_that_is_not_a_socket_is_left_as_it_is(empty_testbed: Testbed) -> None:
    path = empty_testbed.root / SOCKET
    path.parent.mkdir()
    path.write_text("notes")
    status, words = turned_away(empty_testbed)
    assert status == 1
    assert f"/{SOCKET} exists and is not a socket" in words
    assert path.read_text() == "notes"


def test_a_second_daemon_on_the_state_directory_is_refused(daemon: Daemon) -> None:
    marker = daemon.testbed.root / STATE / "mynet.json"
    before = marker.read_text()
    status, words = turned_away(daemon.testbed, "--listen", "unix:///run/second.sock")
    assert status == 1
    assert f"/{STATE} is in use by another mynetd (pid {daemon.pid})" in words
    assert marker.read_text() == before
    assert not (daemon.testbed.root / "run/second.sock").exists()
    assert daemon.health() == "SERVING"


def test_a_second_daemon_in_the_network_namespace_is_refused(daemon: Daemon) -> None:
    options = ("--listen", "unix:///run/second.sock", "--state-dir", "/run/second")
    status, words = turned_away(daemon.testbed, *options)
    assert status == 1
    assert f"another mynetd (pid {daemon.pid}) runs in this network namespace" in words
    assert not (daemon.testbed.root / "run/second.sock").exists()
    assert daemon.health() == "SERVING"


def test_a_daemon_that_was_killed_holds_no_lock(empty_testbed: Testbed) -> None:
    first = Daemon(empty_testbed, program=EXECUTED)
    first.signal(signal.SIGKILL)
    first.wait()
    assert Daemon(empty_testbed, program=EXECUTED).health() == "SERVING"


def test_daemons_in_different_network_namespaces_run_side_by_side(
    daemon: Daemon, one: Sandbox
) -> None:
    options = ["--listen", "unix:///run/second.sock", "--state-dir", "/run/second"]
    second = Daemon(daemon.testbed, *options, socket="run/second.sock", inside=one)
    assert (daemon.health(), second.health()) == ("SERVING", "SERVING")
    second.stop()

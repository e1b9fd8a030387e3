"""The lock of a network namespace: one daemon holds it, and a second is refused."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mynet.server.errors import CannotStart
from mynet.server.state import namespace_lock
from mynet.server.state.namespace_lock import lock_namespace, namespace_holder
from tests.server.support.polling import eventually

# Another user listens on the name that earlier versions had, and on one of the form of today's.
SQUATTER = """
import os, socket, sys
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
held = [socket.socket(socket.AF_UNIX) for _ in range(2)]
for name, holder in zip((sys.argv[1], sys.argv[1] + "/0123456789abcdef0123456789abcdef"), held):
    holder.bind("\\0" + name)
    holder.listen(0)
    if sys.argv[2] == "full":
        callers = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)]
        callers[-1].connect("\\0" + name)
        held += callers
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """Use other names than the daemon's, so that a running daemon is not in the way."""
    own = f"mynet-test-{secrets.token_hex(8)}"
    monkeypatch.setattr(namespace_lock, "PREFIX", own)
    return own


def test_a_second_daemon_is_refused_with_the_pid_of_the_first() -> None:
    for _ in range(2):
        with (
            lock_namespace(),
            pytest.raises(CannotStart, match=f"pid {os.getpid()}"),
            lock_namespace(),
        ):
            pytest.fail("both hold the lock")
    assert namespace_holder() == ""


def test_a_daemon_of_an_earlier_version_is_found(prefix: str) -> None:
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(f"\0{prefix}")
        holder.listen()
        with pytest.raises(CannotStart, match=f"pid {os.getpid()}"), lock_namespace():
            pytest.fail("both hold the lock")


def test_a_holder_that_accepts_no_connections_is_found(prefix: str) -> None:
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(f"\0{prefix}/full")
        holder.listen(0)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(f"\0{prefix}/full")
            with pytest.raises(CannotStart, match=f"pid {os.getpid()}"), lock_namespace():
                pytest.fail("both hold the lock")


@pytest.fixture(params=["free", "full"])
def squatter(prefix: str, request: pytest.FixtureRequest) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.fail("the tests run as root, at least in a user namespace")
    process = subprocess.Popen(
        [sys.executable, "-c", SQUATTER, prefix, request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    yield
    process.communicate()


@pytest.mark.usefixtures("squatter")
def test_a_socket_of_another_user_does_not_count() -> None:
    with lock_namespace():
        assert namespace_holder() == str(os.getpid())
        with pytest.raises(CannotStart, match=f"pid {os.getpid()}"), lock_namespace():
            pytest.fail("both hold the lock")


def test_of_daemons_that_start_at_once_one_at_most_holds_the_lock() -> None:
    for _ in range(10):
        gate, end, held = threading.Barrier(4), threading.Event(), list[bool]()

        def start(gate: threading.Barrier, end: threading.Event, held: list[bool]) -> None:
            gate.wait()
            try:
                with lock_namespace():
                    held.append(True)
                    end.wait()
            except CannotStart:
                held.append(False)

        threads = [threading.Thread(target=start, args=(gate, end, held)) for _ in "abc"]
        for thread in threads:
            thread.start()
        gate.wait()
        assert eventually(lambda held=held: len(held) == len("abc"))  # type: ignore[misc]
        end.set()
        for thread in threads:
            thread.join()
        assert sum(held) <= 1

"""What a service manager such as systemd is told by the daemon."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.daemon import Daemon, connect, eventually
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.server.support.notify_socket import NotifySocket


@pytest.fixture
def told(empty_testbed: Testbed) -> Iterator[NotifySocket]:
    made = NotifySocket(f"{empty_testbed.root}/run/notify")
    yield made
    made.close()


def test_a_service_manager_follows_the_life_of_the_daemon(
    empty_testbed: Testbed, told: NotifySocket
) -> None:
    daemon = Daemon(empty_testbed, NOTIFY_SOCKET="/run/notify")
    daemon.stop()
    serving = "Serving at unix:///run/mynet/mynetd.sock"
    opening = {"STATUS": "Opening the state directory", "EXTEND_TIMEOUT_USEC": "120000000"}
    restoring = {"STATUS": "Restoring networks and endpoints", "EXTEND_TIMEOUT_USEC": "61000000"}
    messages = told.drain()
    assert messages[:2] == [opening, restoring]
    assert [message for message in messages if message not in (opening, restoring)] == [
        {"READY": "1", "STATUS": serving},
        {"STOPPING": "1", "STATUS": "Waiting for calls in progress"},
    ]


def test_ready_comes_after_recovery(empty_testbed: Testbed, told: NotifySocket) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create()
    box = Sandbox(empty_testbed, "one")
    daemon.net.Connect(connect("one"))
    daemon.stop()
    empty_testbed.run("ip", "link", "del", "br-blue")
    empty_testbed.start("mynetd", NOTIFY_SOCKET="/run/notify")
    told.wait_for(lambda message: "READY" in message)
    assert box.pings("10.88.0.1")


def test_the_watchdog_is_told_while_the_daemon_runs(
    empty_testbed: Testbed, told: NotifySocket
) -> None:
    daemon = Daemon(empty_testbed, NOTIFY_SOCKET="/run/notify", WATCHDOG_USEC="300000")
    told.wait_for(lambda message: "WATCHDOG" in message)
    daemon.signal(signal.SIGSTOP)
    eventually(lambda: "\nState:\tT" in Path(f"/proc/{daemon.pid}/status").read_text())
    told.drain()
    assert told.drain() == []
    daemon.signal(signal.SIGCONT)
    told.wait_for(lambda message: "WATCHDOG" in message)
    daemon.stop()

"""What a service manager is told, on a socket as systemd has it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing

from mynet.server.service_manager import ServiceManager, service_manager
from tests.server.support.notify_socket import NotifySocket


@pytest.fixture(params=["a path", "an abstract socket"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    is_path = request.param == "a path"
    made = NotifySocket(f"{tmp_path}/notify" if is_path else f"@mynet-test-{os.getpid()}")
    yield made
    made.close()


def test_each_phase_of_the_daemon_is_one_datagram(told: NotifySocket) -> None:
    manager = ServiceManager(told.address)
    manager.starting("Opening", 2.5)
    manager.ready("Serving")
    manager.answering()
    manager.stopping("Waiting")
    assert told.drain() == [
        {"STATUS": "Opening", "EXTEND_TIMEOUT_USEC": "2500000"},
        {"READY": "1", "STATUS": "Serving"},
        {"WATCHDOG": "1"},
        {"STOPPING": "1", "STATUS": "Waiting"},
    ]


def test_a_reload_begins_with_the_time_and_ends_with_ready(told: NotifySocket) -> None:
    before = time.monotonic_ns() // 1000
    with ServiceManager(told.address).reloading("Serving"):
        begun = told.next()
    assert begun["RELOADING"] == "1"
    assert before <= int(begun["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert told.drain() == [{"READY": "1", "STATUS": "Serving"}]


def test_a_reload_that_fails_ends_with_ready_too(told: NotifySocket) -> None:
    with pytest.raises(ValueError, match="bad"), ServiceManager(told.address).reloading("Serving"):
        raise ValueError("bad")
    assert told.drain()[-1] == {"READY": "1", "STATUS": "Serving"}


def test_of_many_steps_of_a_start_in_a_second_the_first_is_told(told: NotifySocket) -> None:
    report = ServiceManager(told.address).steps("Restoring")
    started = time.monotonic()
    for _ in range(1000):
        report(60)
    messages = told.drain()
    # Time for the next step is left until the next message.
    assert messages[0] == {"STATUS": "Restoring", "EXTEND_TIMEOUT_USEC": "61000000"}
    assert len(messages) <= 1 + time.monotonic() - started


def test_without_a_service_manager_nothing_is_told() -> None:
    manager = service_manager({})
    assert manager == ServiceManager("", 0)
    manager.ready("Serving")


def test_a_service_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        ServiceManager(f"{tmp_path}/none").ready("Serving")
    assert [(line["told"], line["error"]) for line in lines] == [
        ("READY=1", "[Errno 2] No such file or directory")
    ]


def test_the_programs_that_the_daemon_starts_do_not_inherit_the_service_manager() -> None:
    environ = {"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1", "PATH": "/"}
    service_manager(environ)
    assert environ == {"PATH": "/"}


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "1500000"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, 0),  # another process of the service
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "-1"}, 0),
        ({}, 0),
    ],
)
def test_the_watchdog_is_taken_from_the_environment(
    environ: dict[str, str], seconds: float
) -> None:
    assert service_manager({"NOTIFY_SOCKET": "@s", **environ}).watchdog == seconds
    assert service_manager(dict(environ)).watchdog == 0


def test_a_socket_of_another_family_is_refused_in_the_log() -> None:
    with structlog.testing.capture_logs() as lines:
        manager = service_manager({"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1000000"})
    assert manager == ServiceManager()
    assert [line["value"] for line in lines] == ["vsock:2:1"]

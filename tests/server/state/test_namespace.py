"""The lock of a network namespace: one daemon holds it, and a second is refused."""

import os
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.state import namespace
from mynet.server.state.namespace import lock_namespace


@pytest.fixture(autouse=True)
def _namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use another socket name than the daemon's, so that a running daemon is not in the way."""
    monkeypatch.setattr(namespace, "NAMESPACE_SOCKET", f"\0mynet-test{tmp_path}")


def test_a_second_daemon_is_refused_with_the_pid_of_the_first() -> None:
    for _ in range(2):
        with (
            lock_namespace(),
            pytest.raises(CannotStart, match=f"pid {os.getpid()}"),
            lock_namespace(),
        ):
            pytest.fail("both hold the lock")


def test_a_holder_that_accepts_no_connections_is_found() -> None:
    with lock_namespace():
        for _ in range(300):  # more connections than the queue of a listening socket holds
            with pytest.raises(CannotStart, match="another mynetd"), lock_namespace():
                pytest.fail("both hold the lock")

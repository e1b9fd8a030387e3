"""systemd on a testbed, and the daemon as the shipped service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.surroundings.systemd import ServiceDaemon, Systemd
from tests.e2e.support.testbed import Testbed


def _require_root() -> None:
    """Skip for an ordinary user, who may not make the cgroup that systemd needs."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        pytest.skip("systemd needs a cgroup of its own, which only root may make")


@pytest.fixture(scope="module")
def module_systemd(testbed: Testbed) -> Iterator[Systemd]:
    _require_root()
    made = Systemd(testbed)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_daemon(module_systemd: Systemd) -> Iterator[ServiceDaemon]:
    made = ServiceDaemon(module_systemd)
    yield made
    made.stop()


@pytest.fixture
def service_testbed(empty_testbed: Testbed) -> Testbed:
    """A testbed on which a test may start a systemd of its own."""
    _require_root()
    return empty_testbed

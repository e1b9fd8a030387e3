"""Under a daemon the disk is full, or fails: calls are refused, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import Daemon, connect, create, refusal
from tests.e2e.support.testbed import Sandbox, Testbed

POOL = "10.64.0.0/16"
BALLAST = "/var/lib/mynet/ballast"


def fill(testbed: Testbed) -> None:
    """Fill the disk of the state directory to the last byte."""
    testbed.run("sh", "-c", f"dd if=/dev/zero of={BALLAST} bs=4k 2>/dev/null; true")
    testbed.run("sh", "-c", f"dd if=/dev/zero of={BALLAST}.rest bs=1 2>/dev/null; true")


def make_room(testbed: Testbed) -> None:
    testbed.run("rm", "-f", BALLAST, f"{BALLAST}.rest")


def limit_files(testbed: Testbed, daemon: Daemon, size: str) -> None:
    """Limit the size of the daemon's files. Like: ``prlimit --pid PID --fsize=BYTES``."""
    testbed.run("prlimit", "--pid", str(daemon.pid), f"--fsize={size}:unlimited")


def changes(daemon: Daemon) -> list[tuple[Callable[..., Any], object]]:
    """Return calls that write to one database, to the other, and to both."""
    return [
        (daemon.ipam.AllocateAddress, ipam_pb2.AllocateAddressRequest(subnet=POOL, owner="vm")),
        (daemon.net.Connect, connect("two")),
        (daemon.net.CreateNetwork, create("green", "10.2.0.0/24")),
    ]


def require_sound(daemon: Daemon) -> None:
    answer = daemon.net.Doctor(network_pb2.DoctorRequest())
    assert not answer.findings, answer


@pytest.fixture
def small(empty_testbed: Testbed) -> Testbed:
    """A testbed with a small disk for the state directory, and two sandboxes."""
    empty_testbed.run("mkdir", "/var/lib/mynet")
    empty_testbed.run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", "/var/lib/mynet")
    for name in ("one", "two"):
        Sandbox(empty_testbed, name)
    return empty_testbed


def test_on_a_full_disk_calls_that_write_are_refused_until_there_is_room(
    small: Testbed,
) -> None:
    daemon = Daemon(small)
    daemon.create("blue")
    daemon.connect("one")
    fill(small)
    before = daemon.everything()
    for _ in range(2):
        for ask, request in changes(daemon):
            refused = refusal(ask, request)
            assert (refused.code, refused.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
            assert daemon.everything() == before
    require_sound(daemon)
    make_room(small)
    for ask, request in changes(daemon):
        ask(request)
    require_sound(daemon)
    daemon.stop()


def test_after_a_failed_write_the_daemon_writes_no_more_and_a_new_start_has_lost_nothing(
    small: Testbed,
) -> None:
    daemon = Daemon(small)
    daemon.create("blue")
    endpoint = daemon.connect("one")
    before = daemon.everything()
    limit_files(small, daemon, "20000")  # less than the logs have: EFBIG, which is an I/O error
    for ask, request in changes(daemon):
        refused = refusal(ask, request)
        assert (refused.code, refused.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
        assert "restart mynetd" in refused.message
    limit_files(small, daemon, "unlimited")
    for ask, request in changes(daemon):
        assert "takes no more writes" in refusal(ask, request).message
    assert daemon.everything() == before
    daemon.stop()
    again = Daemon(small)
    assert again.everything() == before
    assert again.connect("one").id == endpoint.id
    for ask, request in changes(again):
        ask(request)
    require_sound(again)
    again.stop()

"""Backup while clients work, and back: on the host where it was made, under a running kernel."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from mynet.v1 import ipam_pb2
from tests.e2e.support.daemon import STATE, Daemon, connect
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import Sandbox, Testbed

CALLERS = 8
POOL = "10.64.0.0/16"
FILE = "/run/mynet.backup"


def mynetctl(testbed: Testbed, *words: str) -> str:
    return testbed.run("mynetctl", *words)


class Callers:
    """Clients that allocate, connect and disconnect until told to stop."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(CALLERS)
        self.held: dict[str, str] = {}  # what was acknowledged, and is never given back
        self._work = [self._pool.submit(self._run, number) for number in range(CALLERS)]

    def _run(self, number: int) -> None:
        turn = 0
        while not self._over.is_set():
            owner = f"vm-{number}-{turn}"
            request = ipam_pb2.AllocateAddressRequest(subnet=POOL, owner=owner)
            self.held[owner] = self._daemon.ipam.AllocateAddress(request).allocation.address
            self._daemon.net.Connect(connect(f"c{number}", netns_path=""))
            self._daemon.disconnect(f"c{number}")
            turn += 1

    def stop(self) -> None:
        """Let them finish; a call that failed fails the test."""
        self._over.set()
        for each in self._work:
            each.result()
        self._pool.shutdown()


def held(daemon: Daemon) -> dict[str, str]:
    """Return who has which address of the pool."""
    request = ipam_pb2.ListAllocationsRequest(subnet=POOL, page_size=1000)
    found: dict[str, str] = {}
    while True:
        page = daemon.ipam.ListAllocations(request)
        found |= {each.owner: each.address for each in page.allocations}
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def test_what_was_acknowledged_before_a_backup_is_back_after_it(empty_testbed: Testbed) -> None:
    one, two = Sandbox(empty_testbed, "one"), Sandbox(empty_testbed, "two")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    before = [daemon.connect(name) for name in ("one", "two")]
    callers = Callers(daemon)
    while len(callers.held) < 50:
        threading.Event().wait(0.01)
    acknowledged = dict(callers.held)
    said = mynetctl(empty_testbed, "backup", FILE)
    callers.stop()
    assert len(callers.held) > len(acknowledged)  # they went on meanwhile
    assert said.startswith(f"{FILE}: ")

    # What comes after the backup: all is taken away, and other things come to be.
    late = Sandbox(empty_testbed, "late")
    daemon.connect("late")
    daemon.disconnect("one")
    daemon.stop()
    empty_testbed.run("mynetd", "restore", FILE, "--move-aside")
    empty_testbed.run("mynetd", "fsck")

    again = Daemon(empty_testbed)
    assert "lost its newest commits" not in again.log.read_text()
    assert acknowledged.items() <= held(again).items()
    restored = {each.container_id: each for each in again.endpoints()}
    for endpoint in before:
        assert restored[endpoint.container_id] == endpoint
        assert again.problems(endpoint) == []
    assert talk(one, two, "10.88.0.3") == "10.88.0.2"
    assert "late" not in restored
    assert list(late.links()) == ["lo"]
    # The backup may have caught endpoints of the callers, whose interfaces they have since removed.
    for container in restored.keys() - {"one", "two"}:
        again.disconnect(container)
    again.stop()
    (old,) = (empty_testbed.root / "var/lib").glob("mynet.before-restore-*")
    assert (old / "mynet.db").exists()


@pytest.fixture
def other_testbed(tmp_path: Path) -> Iterator[Testbed]:
    """Another host."""
    (tmp_path / "other").mkdir()
    made = Testbed(tmp_path / "other")
    yield made
    made.close()


def test_a_backup_starts_on_a_host_that_has_nothing_of_it(
    empty_testbed: Testbed, other_testbed: Testbed
) -> None:
    for each in (empty_testbed, other_testbed):
        Sandbox(each, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one")
    mynetctl(empty_testbed, "backup", FILE)
    (other_testbed.root / FILE[1:]).write_bytes((empty_testbed.root / FILE[1:]).read_bytes())
    other_testbed.run("mynetd", "restore", FILE)
    other = Daemon(other_testbed)
    assert [each.name for each in other.networks()] == ["blue"]
    assert "br-blue" in other_testbed.links()
    assert other.connect("one").addresses == endpoint.addresses  # it is another sandbox


def test_neither_works_under_a_running_daemon(daemon: Daemon) -> None:
    daemon.create("blue")
    testbed = daemon.testbed
    mynetctl(testbed, "backup", "/run/running.backup")
    for words, status in ((("restore", "/run/running.backup", "--move-aside"), 1), (("fsck",), 2)):
        done = testbed.attempt("mynetd", *words)
        assert done.returncode == status
        assert f"in use by another mynetd (pid {daemon.pid})" in done.stderr
    assert [each.name for each in daemon.networks()] == ["blue"]


def test_a_full_disk_is_said_to_be_full_and_keeps_nothing(daemon: Daemon) -> None:
    testbed = daemon.testbed
    testbed.run("mkdir", "-p", "/run/small")
    testbed.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/run/small")
    daemon.create("blue")
    done = testbed.attempt("mynetctl", "backup", "/run/small/mynet.backup")
    assert done.returncode == 1
    assert done.stderr.startswith("mynetctl: STORE_UNAVAILABLE: ")
    assert testbed.run("ls", "-A", "/run/small") == ""
    testbed.run("umount", "/run/small")


def test_fsck_finds_what_a_killed_daemon_left_in_order(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    callers = ThreadPoolExecutor(CALLERS)
    work = [callers.submit(connected, daemon, f"c{number}") for number in range(64)]
    while not any(each.done() for each in work):
        threading.Event().wait(0.005)
    daemon.signal(9)
    daemon.wait()
    callers.shutdown()
    state = empty_testbed.root / STATE
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    said = empty_testbed.run("mynetd", "fsck")
    assert said.startswith("/var/lib/mynet is in order: 1 networks, ")
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before
    assert (state / "mynet.db-wal").exists()  # and it counted


def connected(daemon: Daemon, container: str) -> None:
    try:
        daemon.net.Connect(connect(container, netns_path=""))
    except grpc.RpcError:
        return

"""Backup while clients work, and restore, on the same host and on another."""

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
from tests.e2e.support.unrecorded import delete_unrecorded, unrecorded

CALLERS = 8
POOL = "10.64.0.0/16"
FILE = "/run/mynet.backup"


def mynetctl(testbed: Testbed, *words: str) -> str:
    return testbed.run("mynetctl", *words)


class Callers:
    """Clients that allocate, connect and disconnect until they are stopped."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(CALLERS)
        self.held: dict[str, str] = {}  # acknowledged addresses, which no client releases
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
        """Stop them. Raise the error of a call that has failed."""
        self._over.set()
        for future in self._work:
            future.result()
        self._pool.shutdown()


def held(daemon: Daemon) -> dict[str, str]:
    """Return the addresses of the pool, by their owners."""
    request = ipam_pb2.ListAllocationsRequest(subnet=POOL, page_size=1000)
    found: dict[str, str] = {}
    while True:
        page = daemon.ipam.ListAllocations(request)
        found |= {allocation.owner: allocation.address for allocation in page.allocations}
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

    # After the backup one endpoint goes, and another comes and is left.
    late = Sandbox(empty_testbed, "late")
    daemon.connect("late")
    daemon.disconnect("one")
    daemon.stop()
    empty_testbed.run("mynetd", "restore", FILE, "--move-aside")
    empty_testbed.run("mynetd", "fsck")

    again = Daemon(empty_testbed)
    assert "lost its newest commits" not in again.log.read_text()
    assert acknowledged.items() <= held(again).items()
    restored = {endpoint.container_id: endpoint for endpoint in again.endpoints()}
    for endpoint in before:
        assert restored[endpoint.container_id] == endpoint
        assert again.problems(endpoint) == []
    assert talk(one, two, "10.88.0.3") == "10.88.0.2"
    assert "late" not in restored
    assert "eth0" in late.links()
    delete_unrecorded(again)
    assert list(late.links()) == ["lo"]
    # The backup may have caught endpoints of the callers, whose interfaces they have since removed.
    for container in restored.keys() - {"one", "two"}:
        again.disconnect(container)
    again.stop()
    (old,) = (empty_testbed.root / "var/lib").glob("mynet.before-restore-*")
    assert (old / "mynet.db").exists()


def test_what_a_backup_does_not_know_is_kept_until_it_is_deleted(empty_testbed: Testbed) -> None:
    one, two = Sandbox(empty_testbed, "one"), Sandbox(empty_testbed, "two")
    daemon = Daemon(empty_testbed)
    mynetctl(empty_testbed, "backup", FILE)
    daemon.create("blue")
    endpoint = daemon.connect("one", options={"bandwidth_egress": "100Mbit"})
    daemon.connect("two")
    daemon.stop()
    links = empty_testbed.links().keys()
    empty_testbed.run("mynetd", "restore", FILE, "--move-aside")

    daemon = Daemon(empty_testbed)
    assert endpoint.host_interface in unrecorded(daemon)
    assert empty_testbed.links().keys() == links
    assert not one.pings("10.88.0.3", within=0.5)
    daemon.stop()
    state = empty_testbed.root / "var/lib"
    (newer,) = state.glob("mynet.before-restore-*")
    (state / "mynet").rename(state / "older")
    newer.rename(state / "mynet")
    daemon = Daemon(empty_testbed)
    assert daemon.problems(endpoint) == []
    assert talk(one, two, "10.88.0.3") == "10.88.0.2"
    daemon.stop()

    (state / "mynet").rename(newer)
    (state / "older").rename(state / "mynet")
    daemon = Daemon(empty_testbed)
    delete_unrecorded(daemon)
    assert empty_testbed.links().keys() == {"lo", "uplink"}
    daemon.stop()


@pytest.fixture
def other_testbed(tmp_path: Path) -> Iterator[Testbed]:
    """The testbed of another host."""
    (tmp_path / "other").mkdir()
    made = Testbed(tmp_path / "other")
    yield made
    made.close()


def test_a_backup_is_restored_and_started_on_another_host(
    empty_testbed: Testbed, other_testbed: Testbed
) -> None:
    for testbed in (empty_testbed, other_testbed):
        Sandbox(testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one")
    mynetctl(empty_testbed, "backup", FILE)
    (other_testbed.root / FILE[1:]).write_bytes((empty_testbed.root / FILE[1:]).read_bytes())
    other_testbed.run("mynetd", "restore", FILE)
    other = Daemon(other_testbed)
    assert [network.name for network in other.networks()] == ["blue"]
    assert "br-blue" in other_testbed.links()
    assert other.connect("one").addresses == endpoint.addresses  # in another sandbox of that name


def test_restore_and_fsck_are_refused_under_a_running_daemon(daemon: Daemon) -> None:
    daemon.create("blue")
    testbed = daemon.testbed
    mynetctl(testbed, "backup", "/run/running.backup")
    for words, status in ((("restore", "/run/running.backup", "--move-aside"), 1), (("fsck",), 2)):
        done = testbed.attempt("mynetd", *words)
        assert done.returncode == status
        assert f"in use by another mynetd (pid {daemon.pid})" in done.stderr
    assert [network.name for network in daemon.networks()] == ["blue"]


def test_a_backup_to_a_full_disk_is_refused_and_leaves_no_file(daemon: Daemon) -> None:
    testbed = daemon.testbed
    testbed.run("mkdir", "-p", "/run/small")
    testbed.run("mount", "-t", "tmpfs", "-o", "nr_inodes=2", "tmpfs", "/run/small")
    daemon.create("blue")
    done = testbed.attempt("mynetctl", "backup", "/run/small/mynet.backup")
    assert done.returncode == 1
    assert done.stderr.startswith("mynetctl: IO_ERROR: /run/small/mynet.backup cannot be written")
    assert testbed.run("ls", "-A", "/run/small") == ""
    testbed.run("umount", "/run/small")


def test_fsck_finds_what_a_killed_daemon_left_in_order(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    callers = ThreadPoolExecutor(CALLERS)
    work = [callers.submit(connected, daemon, f"c{number}") for number in range(64)]
    while not any(future.done() for future in work):
        threading.Event().wait(0.005)
    daemon.signal(9)
    daemon.wait()
    callers.shutdown()
    state = empty_testbed.root / STATE
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    said = empty_testbed.run("mynetd", "fsck")
    assert said.startswith("/var/lib/mynet is in order: 1 networks, ")
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before
    assert (state / "mynet.db-wal").exists()  # fsck has read it, too


def connected(daemon: Daemon, container: str) -> None:
    try:
        daemon.net.Connect(connect(container, netns_path=""))
    except grpc.RpcError:
        return

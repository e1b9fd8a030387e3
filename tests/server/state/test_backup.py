"""A backup: everything as it was at one moment, whole, in a file that was not there before."""

import errno
import os
import resource
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mynet.ipam.errors import StoreUnavailable
from mynet.server.calls.call import Call
from mynet.server.errors import CallerGone, InvalidArgument
from mynet.server.offline.fsck import examine
from mynet.server.state import backup
from mynet.server.state.archive import unpack
from mynet.server.state.backup import Backups
from mynet.server.state.directory import StateDir
from mynet.v1 import network_pb2
from tests.server.support.daemon import INSTANCE
from tests.server.support.refusals import Refusal, refusal
from tests.server.support.stack import BITMAP_DB, Stack
from tests.support.matrix import matrix

CALLERS = 8
BACKUPS = 6


@pytest.fixture
def state(folder: Path) -> Path:
    """The state directory of the daemon."""
    return folder / "state"


@pytest.fixture
def stack(state: Path, place: Path) -> Iterator[Stack]:
    made = Stack(state, backup_dir=place)
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where backups go; at the end there is nothing but backups."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def back_up(stack: Stack, path: Path) -> network_pb2.BackupResponse:
    """Make a backup in the folder of the daemon."""
    [made] = stack.net.Backup(network_pb2.BackupRequest(path=path.name))
    return made


def refused(stack: Stack, name: str) -> Refusal:
    request = network_pb2.BackupRequest(path=name)
    return refusal(stack.net.Backup, request)


def restored(path: Path, folder: Path) -> Path:
    """Unpack a backup, which fsck finds in order."""
    folder.mkdir()
    unpack(path, folder)
    assert examine(folder).findings == []
    return folder


def test_acknowledged_changes_are_in_the_backup(stack: Stack, place: Path, tmp_path: Path) -> None:
    stack.network()
    stack.connect(netns_path="/run/netns/c1")
    stack.allocate(owner="vm-7")  # it founds a subnet, which is the last change
    before = stack.state()
    made = back_up(stack, place / "one")
    assert made.size_bytes == (place / "one").stat().st_size
    assert made.revision == max(subnet.revision for subnet in stack.store.subnets.all())
    folder = restored(place / "one", tmp_path / "back")
    stack.disconnect()
    stack.close()
    again = Stack(folder)
    parts = ("networks", "endpoints", "subnets", "open", "held")
    found = again.state()
    again.core.doctor.recover()  # the kernel is another, too
    again.close()
    assert {name: found[name] for name in parts} == {name: before[name] for name in parts}


def test_a_backup_is_readable_by_its_owner_alone_and_leaves_no_other_file(
    stack: Stack, place: Path
) -> None:
    back_up(stack, place / "one")
    assert (place / "one").stat().st_mode & 0o777 == 0o600
    assert names(place) == ["one"]


def test_tar_reads_a_backup(stack: Stack, place: Path) -> None:
    back_up(stack, place / "one")
    with tarfile.open(place / "one") as tar:
        assert tar.getnames() == [
            *("backup.json", "ipam/bitmap/bitmap.db", "mynet.db", "mynet.json", "SHA256SUMS")
        ]


def test_a_backup_under_load_is_in_order(stack: Stack, place: Path, tmp_path: Path) -> None:
    stack.network()
    stack.connect("steady")  # so that each backup has an endpoint to compare
    over, failures = threading.Event(), list[Exception]()

    def work(number: int) -> None:
        try:
            while not over.is_set():
                stack.connect(f"c{number}")
                stack.disconnect(f"c{number}")
        except Exception as error:  # noqa: BLE001 - it fails the test below
            failures.append(error)

    callers = [threading.Thread(target=work, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    for number in range(BACKUPS):
        back_up(stack, place / str(number))
    over.set()
    for caller in callers:
        caller.join()
    assert failures == []
    for number in range(BACKUPS):
        restored(place / str(number), tmp_path / f"back{number}")


def test_an_existing_file_is_not_replaced(stack: Stack, place: Path) -> None:
    (place / "one").write_text("precious")
    (place / "two").symlink_to(place / "nowhere")
    for name in ("one", "two"):
        error = refused(stack, name)
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
        assert "never replaces a file" in error.message
    assert (place / "one").read_text() == "precious"
    assert names(place) == ["one", "two"]


def test_a_file_that_is_created_meanwhile_is_not_replaced(
    state: Path, stack: Stack, place: Path
) -> None:
    def is_active() -> bool:  # asked when the backup is written, and has no name yet
        (place / "one").write_text("precious")
        return True

    call = Call.internal(10)
    call = Call(call.deadline, is_active=is_active)
    with pytest.raises(InvalidArgument, match="in the meantime"):
        Backups(StateDir(state, INSTANCE)).make(call, place / "one")
    assert (place / "one").read_text() == "precious"
    assert names(place) == ["one"]


@pytest.mark.parametrize(
    "name",
    ["/", "/srv/mynet.backup", "../mynet.backup", "a/b", "..", ".", ".hidden", "a\0b", "x" * 300],
)
def test_a_path_out_of_the_folder_is_refused(stack: Stack, place: Path, name: str) -> None:
    error = refused(stack, name)
    assert error.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert error.faults == ["path"]
    assert names(place) == []


def test_a_daemon_without_a_folder_writes_no_file(folder: Path, tmp_path: Path) -> None:
    stack = Stack(folder / "other")
    error = refused(stack, "mynet.backup")
    assert error.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert "mynetd has no --backup-dir" in error.message
    stack.close()


def test_a_folder_that_is_missing_is_refused(stack: Stack, place: Path) -> None:
    place.rmdir()
    assert "No such file or directory" in refused(stack, "one").message
    place.mkdir()


def test_a_backup_without_a_path_is_in_the_answers(
    stack: Stack, state: Path, place: Path, tmp_path: Path
) -> None:
    stack.network("one", "10.1.0.0/24")
    (state / "drivers").mkdir()
    (state / "drivers" / "noise").write_bytes(os.urandom(3 << 20))
    parts = list(stack.net.Backup(network_pb2.BackupRequest()))
    assert max(len(part.data) for part in parts) <= 1 << 20
    content = b"".join(part.data for part in parts)
    assert {part.size_bytes for part in parts} == {len(content)}
    (tmp_path / "one").write_bytes(content)
    restored(tmp_path / "one", tmp_path / "back")
    assert names(place) == []
    assert [name for name in names(state) if "backup" in name] == []


def test_what_a_killed_daemon_left_of_a_backup_is_deleted(tmp_path: Path) -> None:
    (tmp_path / ".mynet-backup-abc" / "files").mkdir(parents=True)
    (tmp_path / "mynet.db").touch()
    backup.delete_unfinished(tmp_path)
    assert names(tmp_path) == ["mynet.db"]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Limit the size of files: a longer write fails with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1024, 5000, 500_000])
def test_a_full_disk_leaves_no_file(state: Path, place: Path, size: int) -> None:
    """The disk is full for a database, or for the whole backup alone."""
    stack = Stack(state)
    stack.network()
    stack.close()
    (state / "drivers").mkdir()
    (state / "drivers" / "noise").write_bytes(os.urandom(600_000))
    with files_end_at(size), pytest.raises(StoreUnavailable, match="make room"):
        Backups(StateDir(state, INSTANCE)).make(Call.internal(10), place / "one")
    assert names(place) == []


def test_a_backup_whose_directory_cannot_be_fsynced_is_deleted(
    state: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    Stack(state).close()
    monkeypatch.setattr(backup, "fsync_directory", fail)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        Backups(StateDir(state, INSTANCE)).make(Call.internal(10), place / "one")
    assert names(place) == []


BACKING_UP = f"""
import sys
from itertools import count
from pathlib import Path
from mynet.server.state.backup import Backups
from mynet.server.calls.call import Call
from mynet.server.state.directory import StateDir
backups = Backups(StateDir(Path(sys.argv[1]), {INSTANCE!r}))
for number in count():
    backups.make(Call.internal(10), Path(sys.argv[2]) / str(number))
"""


@pytest.mark.parametrize("milliseconds", matrix(range(0, 56, 7), short=4))
def test_after_a_kill_each_file_with_a_final_name_is_complete(
    state: Path, place: Path, tmp_path: Path, milliseconds: int
) -> None:
    Stack(state).close()
    (state / "drivers").mkdir()
    (state / "drivers" / "noise").write_bytes(os.urandom(2_000_000))
    with subprocess.Popen([sys.executable, "-c", BACKING_UP, state, place]) as process:
        while not (place / "1").exists():
            time.sleep(0.001)
        time.sleep(milliseconds / 1000)
        process.kill()
    for path in place.glob("[0-9]*"):
        restored(path, tmp_path / f"back-{path.name}")
    other_files = {path.name[:14] for path in place.iterdir() if not path.name.isdecimal()}
    assert other_files <= {".mynet-backup-"}


def test_a_caller_that_has_gone_away_leaves_no_file(state: Path, stack: Stack, place: Path) -> None:
    call = Call(Call.internal(10).deadline, is_active=lambda: False)
    with pytest.raises(CallerGone):
        Backups(StateDir(state, INSTANCE)).make(call, place / "one")
    assert names(place) == []


def test_files_of_plugins_are_in_the_backup(
    stack: Stack, state: Path, place: Path, tmp_path: Path
) -> None:
    folder = state / "drivers" / "other"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("a note")
    for passing in ("notes.lock", ".notes.new"):
        (folder / passing).write_text("not of the state")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    with closing(sqlite3.connect(folder / "things.sqlite", isolation_level=None)) as theirs:
        theirs.execute("PRAGMA journal_mode = WAL")
        theirs.execute("CREATE TABLE things (name TEXT)")
        theirs.execute("INSERT INTO things VALUES ('a')")  # it is in the log alone
        back_up(stack, place / "one")
        theirs.execute("INSERT INTO things VALUES ('b')")  # its writer is not in the way
    back = restored(place / "one", tmp_path / "back") / "drivers" / "other"
    assert names(back) == ["notes.txt", "things.sqlite"]
    assert (back / "notes.txt").read_text() == "a note"
    with closing(sqlite3.connect(back / "things.sqlite")) as copy:
        assert copy.execute("SELECT name FROM things").fetchall() == [("a",)]


def test_a_backup_keeps_the_locks_of_databases(stack: Stack, state: Path, place: Path) -> None:
    """Without its lock, the next program that opens a database would delete its log."""
    stack.network("one", "10.1.0.0/24")
    back_up(stack, place / "one")
    for name in ("mynet.db", BITMAP_DB):
        look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA quick_check')"
        subprocess.run([sys.executable, "-c", look, state / name], check=True)
    assert (state / "mynet.db-wal").exists()
    assert (state / f"{BITMAP_DB}-wal").exists()

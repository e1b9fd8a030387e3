"""A restore leaves the old state or the new one, and never replaces files unasked."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mynet.ipam.api import Subnet
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.sqlite.checksums import add_crc32
from mynet.ipam.testing.bench import Bench
from mynet.server.calls.call import Call
from mynet.server.errors import CannotRestore, CannotStart, SubnetExists
from mynet.server.main import main
from mynet.server.model.subnets import SubnetCandidates, SubnetSpec
from mynet.server.offline import restore as module
from mynet.server.offline.fsck import examine
from mynet.server.offline.restore import restore
from mynet.server.state.backup import Backups
from mynet.server.state.directory import lock_state_dir
from mynet.server.store import Store

SUBNET = Subnet(ip_network("10.1.0.0/24"))
WISH = SubnetSpec(SUBNET.cidr)
Files = dict[str, bytes]


def owners(state: Path) -> list[str]:
    bench = Bench(BitmapBackend, state / "ipam" / "bitmap")
    bench.start()
    found = [allocation.owner for allocation in bench.allocations()]
    bench.stop()
    return found


def allocate(state: Path, *names: str) -> None:
    """Allocate addresses in a state directory, as a daemon does."""
    with lock_state_dir(state) as claimed:
        folder = state / "ipam" / "bitmap"
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(BitmapBackend, folder)
        with closing(Store(state / "mynet.db")) as store:
            with suppress(SubnetExists):
                store.subnets.add(
                    WISH, SubnetCandidates(()), "bitmap", datetime.now(UTC), kept=True
                )
            bench.start()
            claimed.complete()
            bench.open(SUBNET)
            for name in names:
                bench.allocate(SUBNET, name)
            bench.stop()


def back_up(state: Path, file: Path) -> Path:
    with lock_state_dir(state) as claimed:
        Backups(claimed).make(Call.internal(10), file)
    return file


def contents(folder: Path) -> Files:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory in which "a" has an address."""
    allocate(tmp_path / "state", "a")
    return tmp_path / "state"


@pytest.fixture
def file(state: Path, tmp_path: Path) -> Path:
    """A backup of the state directory, before "b" got an address."""
    made = back_up(state, tmp_path / "one.backup")
    allocate(state, "b")
    return made


def test_a_restore_into_a_new_directory(file: Path, tmp_path: Path) -> None:
    done = restore(file, tmp_path / "new", move_aside=False)
    assert done.aside is None
    assert done.findings == []
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert owners(tmp_path / "new") == ["a"]


@pytest.mark.parametrize("there", [[], ["lock"]])
def test_a_restore_into_an_empty_directory(file: Path, tmp_path: Path, there: list[str]) -> None:
    (tmp_path / "new").mkdir()
    for name in there:
        (tmp_path / "new" / name).write_text("1234\n")
    restore(file, tmp_path / "new", move_aside=False)
    assert owners(tmp_path / "new") == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "one.backup", "state"]


def test_existing_files_are_not_replaced_unasked(file: Path, state: Path) -> None:
    before = contents(state.parent)
    with pytest.raises(CannotRestore, match=r"has files.*--move-aside"):
        restore(file, state, move_aside=False)
    assert contents(state.parent) == before


def test_existing_files_are_moved_aside_when_asked(file: Path, state: Path) -> None:
    before = contents(state)
    done = restore(file, state, move_aside=True)
    assert done.aside
    assert done.aside.parent == state.parent
    assert before.pop("lock")  # its state origin is here, until now
    assert contents(done.aside) == before
    assert owners(state) == ["a"]
    assert len(list(state.parent.iterdir())) == 3  # the two, and the backup


def test_the_instance_of_the_backup_is_restored(file: Path, state: Path, tmp_path: Path) -> None:
    restore(file, tmp_path / "new", move_aside=False)
    with lock_state_dir(state) as old, lock_state_dir(tmp_path / "new") as new:
        assert new.instance == old.instance


def test_a_restored_database_has_not_lost_commits(
    file: Path, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old directory has later commits than the backup."""
    restore(file, state, move_aside=True)
    assert owners(state) == ["a"]
    allocate(state, "c")
    assert caplog.messages == []
    assert owners(state) == ["a", "c"]
    assert examine(state).findings == []


def test_a_directory_in_use_is_refused(file: Path, state: Path) -> None:
    with lock_state_dir(state):
        before = contents(state.parent)
        with pytest.raises(CannotStart, match=r"in use by another mynetd \(pid \d+\)"):
            restore(file, state, move_aside=True)
        assert contents(state.parent) == before


def test_a_link_to_the_directory_stays_a_link(file: Path, state: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "state"
    link.symlink_to(state)
    restore(file, link, move_aside=True)
    assert link.readlink() == state
    assert owners(state) == ["a"]
    assert [path.name for path in link.parent.iterdir()] == ["state"]


@pytest.mark.parametrize("target", ["nowhere/state", "one.backup"])
def test_a_path_that_cannot_be_a_directory_is_refused(
    file: Path, tmp_path: Path, target: str
) -> None:
    with pytest.raises(CannotRestore, match="cannot be made a state directory"):
        restore(file, tmp_path / target, move_aside=True)


Spoil = Callable[[Path], None]


def newer(state: Path) -> None:
    with closing(sqlite3.connect(state / "ipam" / "bitmap" / "bitmap.db")) as database:
        database.execute("PRAGMA user_version = 99")


def newer_own(state: Path) -> None:
    with closing(sqlite3.connect(state / "mynet.db")) as database:
        database.execute("PRAGMA user_version = 99")


def altered(state: Path) -> None:
    path = state / "ipam" / "bitmap" / "bitmap.db"
    path.write_bytes(path.read_bytes().replace(b"10.1.0.0/24", b"10.2.0.0/24"))


def no_marker(state: Path) -> None:
    (state / "mynet.json").unlink()


def other_instance(state: Path) -> None:
    marker = json.loads((state / "mynet.json").read_text())
    (state / "mynet.json").write_text(json.dumps({**marker, "instance": "f" * 16}))


def database_missing(state: Path) -> None:
    marker = json.loads((state / "mynet.json").read_text())
    (state / "mynet.json").write_text(json.dumps({**marker, "files": ["ipam/other/other.db"]}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (newer, "has schema 99.*newer mynetd"),
        (newer_own, "has schema 99.*newer mynetd"),
        (altered, "are not as they were written"),
        (no_marker, r"mynet\.json: is missing"),
        (database_missing, r"ipam/other/other\.db: is missing"),
        (other_instance, "it names two instances"),
    ],
)
def test_a_backup_that_no_daemon_starts_from_is_refused_and_changes_nothing(
    state: Path, tmp_path: Path, spoil: Spoil, said: str
) -> None:
    with lock_state_dir(state) as claimed:
        spoil(state)
        file = tmp_path / "one.backup"
        Backups(claimed).make(Call.internal(10), file)
    before = contents(tmp_path)
    with pytest.raises(CannotRestore, match=said):
        restore(file, state, move_aside=True)
    assert contents(tmp_path) == before


STEPS = ["unpack", "examine", "_sync", "_exchange", "fsync_directory"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_an_interrupted_restore_leaves_the_old_or_the_new_directory_and_loses_neither(
    file: Path,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    when: str,
    error: BaseException,
) -> None:
    old = contents(state)
    function = getattr(module, step)

    def interrupted(*arguments: object) -> object:
        if when == "after":
            function(*arguments)
        raise error

    monkeypatch.setattr(module, step, interrupted)
    with pytest.raises(type(error)):
        restore(file, state, move_aside=True)
    monkeypatch.undo()
    others = [path for path in state.parent.iterdir() if path.is_dir() and path != state]
    if contents(state) == old:
        assert others == [] or step == "_exchange"
    else:
        assert owners(state) == ["a"]
        assert old in [contents(each) for each in others]


def test_a_file_system_that_cannot_exchange_names_is_an_error(
    file: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RENAME_EXCHANGE", 1 << 20)  # a flag that no kernel has: EINVAL
    before = contents(state.parent)
    with pytest.raises(CannotRestore, match="cannot be exchanged in one step"):
        restore(file, state, move_aside=True)
    assert contents(state.parent) == before


# --- the command ------------------------------------------------------------------------------


def mynetd(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="mynetd")


def test_the_command_prints_what_it_did(file: Path, state: Path) -> None:
    refused = mynetd("restore", file, "--state-dir", state)
    assert (refused.exit_code, "has files" in refused.output) == (1, True)
    done = mynetd("--state-dir", state, "restore", file, "--move-aside")
    assert done.exit_code == 0
    assert f"{state} is now as it was on 2" in done.output
    assert f"The files that were there before are in {state}.before-restore-2" in done.output


def test_the_command_prints_why_it_failed(file: Path, state: Path) -> None:
    missing = mynetd("restore", file.with_name("two"), "--state-dir", state, "--move-aside")
    assert missing.exit_code == 1
    assert "No such file or directory" in missing.output
    assert mynetd("restore", "--state-dir", state).exit_code == 2


def test_the_command_prints_what_the_next_start_repairs(state: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(state / "ipam" / "bitmap" / "bitmap.db")) as database:
        add_crc32(database)
        database.execute("UPDATE allocations SET owner = 'endpoint:f00'")
        database.commit()
    file = back_up(state, tmp_path / "one.backup")
    done = mynetd("restore", file, "--state-dir", tmp_path / "new")
    assert "The next start will repair: backend bitmap has 10.1.0.1" in done.output
    assert done.exit_code == 0

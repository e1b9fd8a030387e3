"""The state directory: its lock, its identity, and what happens when databases are missing."""

import json
import os
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.state import lock_file
from mynet.server.state.directory import lock_state_dir


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A state directory with databases, as a daemon leaves it."""
    path = tmp_path / "state"
    with lock_state_dir(path) as state:
        (path / "ipam").mkdir()
        for name in ("mynet.db", "ipam/bitmap.db"):
            (path / name).write_text("a database")
        state.complete()
    return path


def files(path: Path) -> dict[str, str]:
    return {str(file): file.read_text() for file in path.rglob("*") if file.is_file()}


def test_a_new_directory_gets_an_identity_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with lock_state_dir(path) as first:
        assert len(first.instance) == 16
    with lock_state_dir(path) as second:
        assert second.instance == first.instance
    assert path.stat().st_mode & 0o777 == 0o700
    with lock_state_dir(tmp_path / "other") as other:
        assert other.instance != first.instance


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with (
        lock_state_dir(tmp_path),
        pytest.raises(CannotStart, match=f"pid {os.getpid()}"),
        lock_state_dir(tmp_path),
    ):
        pytest.fail("both hold the lock")
    with lock_state_dir(tmp_path):
        pass


def test_a_start_is_refused_if_a_restore_exchanges_the_directory_meanwhile(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = lock_file._flock

    def late(path: Path, fd: int) -> None:
        used.rename(tmp_path / "aside")
        used.mkdir()
        flock(path, fd)

    monkeypatch.setattr(lock_file, "_flock", late)
    with pytest.raises(CannotStart, match="exchanged the state dir"), lock_state_dir(used):
        pytest.fail("it holds the lock of the other directory")


@pytest.mark.parametrize("name", ["mynet.db", "ipam/bitmap.db"])
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_missing_database_is_not_an_empty_one(used: Path, name: str, how: str) -> None:
    if how == "missing":
        (used / name).unlink()
    else:
        (used / name).write_text("")
    before = files(used)
    with pytest.raises(CannotStart, match=name), lock_state_dir(used):
        pytest.fail("started")
    assert files(used) == before


def test_databases_without_a_marker_are_not_a_new_directory(used: Path) -> None:
    (used / "mynet.json").unlink()
    before = files(used)
    with pytest.raises(CannotStart, match=r"ipam/bitmap\.db, mynet\.db but no mynet\.json"):
        lock_state_dir(used).__enter__()
    assert files(used) == before


@pytest.mark.parametrize(
    "marker",
    [
        *("", "{", "null", "[]", "7", "{}", '{"instance": "1", "format": 1}'),
        '{"instance": "1", "format": 1, "files": 5}',
        '{"instance": "1", "format": 1, "files": [5]}',
        '{"instance": "1", "format": "1", "files": []}',
        '{"instance": 1, "format": 1, "files": []}',
        "\udcff",
    ],
)
def test_a_directory_with_an_unreadable_marker_is_not_new(used: Path, marker: str) -> None:
    (used / "mynet.json").write_bytes(marker.encode(errors="surrogateescape"))
    with pytest.raises(CannotStart, match=r"mynet\.json cannot be read"), lock_state_dir(used):
        pytest.fail("started")
    assert (used / "mynet.json").read_bytes() == marker.encode(errors="surrogateescape")


def test_the_directory_of_a_newer_daemon_is_refused(used: Path) -> None:
    marker = {**json.loads((used / "mynet.json").read_text()), "format": 2}
    (used / "mynet.json").write_text(json.dumps(marker))
    with pytest.raises(CannotStart, match="newer mynetd"), lock_state_dir(used):
        pytest.fail("started")


def test_the_marker_lists_the_databases(used: Path) -> None:
    marker = json.loads((used / "mynet.json").read_text())
    assert marker["files"] == ["ipam/bitmap.db", "mynet.db"]
    assert [file.name for file in used.glob("mynet.json*")] == ["mynet.json"]


def test_a_path_that_is_not_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="cannot be used"), lock_state_dir(tmp_path / "file"):
        pytest.fail("started")

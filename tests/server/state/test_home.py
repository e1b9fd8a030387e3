"""Where a state directory is at home: the boot and the namespace of its last start."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.state import directory, home
from mynet.server.state.directory import claim_namespace, claim_state_dir
from mynet.server.state.home import settle, why_away

NO_START = "no start of mynetd has come to its end in this directory"


@pytest.fixture(autouse=True)
def _namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another name than the daemon's, so that nobody who runs is in the way."""
    monkeypatch.setattr(directory, "NAMESPACE_SOCKET", f"\0mynet-test{tmp_path}")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state directory of a daemon that served here and has ended."""
    path = tmp_path / "state"
    with claim_state_dir(path):
        settle(path)
    return path


def test_it_is_at_home_where_the_daemon_served(state: Path) -> None:
    assert why_away(state) == ""
    state.rename(state.with_name("moved"))
    assert why_away(state.with_name("moved")) == ""


def test_a_start_that_was_refused_or_cut_off_changes_nothing_of_it(state: Path) -> None:
    for _ in range(2):
        with claim_state_dir(state):
            pass
    assert why_away(state) == ""


def test_before_the_first_start_has_come_to_its_end_there_is_none(tmp_path: Path) -> None:
    with claim_state_dir(tmp_path / "new"):
        pass
    assert why_away(tmp_path / "new").startswith(NO_START)


@pytest.mark.parametrize("lock", [None, "", "4711\n", "4711\na b\n", "4711\nb\nc\n", "\udcff"])
def test_what_an_older_daemon_left_has_no_home(state: Path, lock: str | None) -> None:
    path = state / "lock"
    if lock is None:
        path.unlink()
    else:
        path.write_bytes(lock.encode(errors="surrogateescape"))
    assert why_away(state).startswith(NO_START)


def test_a_copy_is_not_at_home(state: Path, tmp_path: Path) -> None:
    shutil.copytree(state, tmp_path / "copy")
    assert why_away(tmp_path / "copy") == "this is a copy of the directory that mynetd worked on"
    assert why_away(state) == ""


def test_nor_is_it_after_a_boot(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "boot_id", lambda: "another boot")
    assert why_away(state) == "this host has booted since mynetd worked on this directory"


def test_nor_in_another_network_namespace(state: Path) -> None:
    script = (
        "import sys, pathlib, mynet.server.state.home as home;"
        " print(home.why_away(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script, state],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "mynetd worked on this directory in another network namespace\n"


def test_nor_while_another_directory_s_daemon_is_at_work_there(state: Path) -> None:
    with claim_namespace():
        assert "a mynetd of another directory (pid " in why_away(state)
    assert why_away(state) == ""


def test_who_holds_the_directory_is_told_by_the_pid_alone(state: Path) -> None:
    with claim_state_dir(state):
        settle(state)
        with pytest.raises(CannotStart, match=r"\(pid \d+\); stop it"), claim_state_dir(state):
            pytest.fail("two have it")


def test_where_it_cannot_be_written_there_is_none(state: Path) -> None:
    (state / "lock").unlink()
    (state / "lock").mkdir()
    settle(state)
    assert why_away(state).startswith(NO_START)

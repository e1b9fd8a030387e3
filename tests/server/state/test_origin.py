"""The state origin: the boot and the network namespace of the last complete start."""

import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.state import namespace_lock, origin
from mynet.server.state.directory import lock_state_dir
from mynet.server.state.namespace_lock import lock_namespace
from mynet.server.state.origin import record_origin, why_elsewhere

NO_START = "no start of mynetd has been completed in this directory"


@pytest.fixture(autouse=True)
def _namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use another socket name than the daemon's, so that a running daemon is not in the way."""
    monkeypatch.setattr(namespace_lock, "PREFIX", f"mynet-test-{secrets.token_hex(8)}")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state directory of a daemon that served here and has stopped."""
    path = tmp_path / "state"
    with lock_state_dir(path):
        record_origin(path)
    return path


def test_the_origin_is_here_where_the_daemon_served(state: Path) -> None:
    assert why_elsewhere(state) == ""
    state.rename(state.with_name("moved"))
    assert why_elsewhere(state.with_name("moved")) == ""


def test_an_incomplete_start_keeps_the_origin(state: Path) -> None:
    for _ in range(2):
        with lock_state_dir(state):
            pass
    assert why_elsewhere(state) == ""


def test_a_directory_without_a_complete_start_has_no_origin(tmp_path: Path) -> None:
    with lock_state_dir(tmp_path / "new"):
        pass
    assert why_elsewhere(tmp_path / "new").startswith(NO_START)


@pytest.mark.parametrize("lock", [None, "", "4711\n", "4711\na b\n", "4711\nb\nc\n", "\udcff"])
def test_a_lock_file_of_an_older_daemon_has_no_origin(state: Path, lock: str | None) -> None:
    path = state / "lock"
    if lock is None:
        path.unlink()
    else:
        path.write_bytes(lock.encode(errors="surrogateescape"))
    assert why_elsewhere(state).startswith(NO_START)


def test_a_copy_has_another_origin(state: Path, tmp_path: Path) -> None:
    shutil.copytree(state, tmp_path / "copy")
    assert why_elsewhere(tmp_path / "copy") == "this is a copy of the directory that mynetd used"
    assert why_elsewhere(state) == ""


def test_a_boot_changes_the_origin(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "boot_id", lambda: "another boot")
    assert why_elsewhere(state) == "this host has booted since mynetd used this directory"


def test_another_network_namespace_is_another_origin(state: Path) -> None:
    script = (
        "import sys, pathlib, mynet.server.state.origin as origin;"
        " print(origin.why_elsewhere(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script, state],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "mynetd used this directory in another network namespace\n"


def test_a_running_daemon_of_another_directory_is_reported(state: Path) -> None:
    with lock_namespace():
        assert "a mynetd with another directory (pid " in why_elsewhere(state)
    assert why_elsewhere(state) == ""


def test_the_origin_does_not_show_in_the_refusal_of_a_second_daemon(state: Path) -> None:
    with lock_state_dir(state):
        record_origin(state)
        with pytest.raises(CannotStart, match=r"\(pid \d+\); stop it"), lock_state_dir(state):
            pytest.fail("both processes hold the lock")


def test_an_origin_that_cannot_be_written_is_missing(state: Path) -> None:
    (state / "lock").unlink()
    (state / "lock").mkdir()
    record_origin(state)
    assert why_elsewhere(state).startswith(NO_START)

"""The command mynetd fsck: its output and exit status."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mynet.server.main import main
from mynet.server.state.directory import lock_state_dir
from tests.server.support.faulty.damage import change
from tests.server.support.stack import BITMAP_DB

pytestmark = pytest.mark.usefixtures("same_logging")


def fsck(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="mynetd")


def test_the_status_is_0_without_findings(state: Path) -> None:
    done = fsck("fsck", "--state-dir", state)
    assert done.exit_code == 0
    assert done.stdout == f"{state} is in order: 1 networks, 2 endpoints, 3 subnets.\n"
    assert done.stderr.startswith("the kernel was not compared: no start of mynetd has been")


def test_with_books_the_kernel_is_neither_compared_nor_mentioned(
    state: Path,
) -> None:
    done = fsck("fsck", "--state-dir", state, "--books")
    assert done.exit_code == 0
    assert done.output == f"{state} is in order: 1 networks, 2 endpoints, 3 subnets.\n"


def test_the_status_is_1_with_a_line_for_each_finding(state: Path) -> None:
    change(state / BITMAP_DB, "UPDATE subnets SET allocated = 7")
    done = fsck("--state-dir", state, "fsck")
    assert done.exit_code == 1
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == ["ipam/bitmap"] * 3


def test_the_status_is_2_if_nothing_could_be_checked(state: Path) -> None:
    missing = fsck("fsck", "--state-dir", state / "nowhere")
    assert missing.exit_code == 2
    assert "there is no directory" in missing.output
    with lock_state_dir(state):
        busy = fsck("fsck", "--state-dir", state)
    assert busy.exit_code == 2
    assert "in use by another mynetd" in busy.output
    assert fsck("fsck", "--colour").exit_code == 2


def test_fsck_changes_nothing(state: Path) -> None:
    before = {path: path.stat() for path in state.rglob("*") if path.is_file()}
    assert fsck("fsck", "--state-dir", state).exit_code == 0
    after = {path: path.stat() for path in state.rglob("*") if path.is_file()}
    kept = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    assert [[getattr(each, name) for name in kept] for each in after.values()] == [
        [getattr(each, name) for name in kept] for each in before.values()
    ]
    assert before.keys() == after.keys()


def test_the_state_directory_is_a_setting_of_mynetd(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MYNET_STATE_DIR", str(state))
    assert fsck("fsck").exit_code == 0
    monkeypatch.delenv("MYNET_STATE_DIR")
    (tmp_path / "mynet.toml").write_text(f"state_dir = '{state}'")
    assert fsck("--config", tmp_path / "mynet.toml", "fsck").exit_code == 0

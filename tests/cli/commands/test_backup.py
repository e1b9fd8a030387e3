"""``mynetctl backup``: its request, its file and its output."""

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal

MADE = {"size_bytes": "4", "revision": "42", "data": "AAECAw=="}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mynet.backup"


def test_it_writes_the_file_here_and_prints_its_size_and_revision(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    daemon.answer("Backup", MADE)
    done = ctl("backup", str(file))
    assert (done.status, done.out) == (0, f"{file}: 4 bytes, revision 42\n")
    assert daemon.asked == [("Backup", {})]
    assert file.read_bytes() == bytes(range(4))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_as_json_it_is_the_answer_without_the_data(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    daemon.answer("Backup", MADE)
    shown = json.loads(ctl("backup", str(file), "--output", "json").out)
    assert shown == {"size_bytes": "4", "revision": "42"}


def test_an_existing_file_is_not_replaced(ctl: Ctl, daemon: FakeDaemon, file: Path) -> None:
    daemon.answer("Backup", MADE)
    file.write_text("precious")
    done = ctl("backup", str(file))
    assert done.status == 1
    assert "File exists" in done.err
    assert file.read_text() == "precious"
    assert list(file.parent.iterdir()) == [file]


def test_a_refusal_is_one_line_and_leaves_no_file(ctl: Ctl, daemon: FakeDaemon, file: Path) -> None:
    daemon.answer("Backup", Refusal("UNAVAILABLE", "STORE_UNAVAILABLE", "the disk is full"))
    done = ctl("backup", str(file))
    assert (done.status, done.err) == (1, "mynetctl: STORE_UNAVAILABLE: the disk is full\n")
    assert list(file.parent.iterdir()) == []


def test_the_file_is_a_required_argument(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("backup").status == 2
    assert daemon.asked == []

"""``mynetctl backup``: its request and its output."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal

MADE = {"size_bytes": "4711", "revision": "42"}


def test_it_prints_the_file_with_its_size_and_revision(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Backup", MADE)
    done = ctl("backup", "/srv/mynet.backup")
    assert (done.status, done.out) == (0, "/srv/mynet.backup: 4711 bytes, revision 42\n")
    assert daemon.asked == [("Backup", {"path": "/srv/mynet.backup"})]


def test_as_json_it_is_the_answer_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Backup", MADE)
    assert json.loads(ctl("backup", "/srv/mynet.backup", "--output", "json").out) == MADE


def test_a_relative_path_begins_in_the_client_s_directory(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's working directory is another one."""
    monkeypatch.chdir(tmp_path)
    ctl("backup", "mynet.backup")
    assert daemon.asked == [("Backup", {"path": str(tmp_path / "mynet.backup")})]


def test_a_refusal_is_one_line(ctl: Ctl, daemon: FakeDaemon) -> None:
    faults = {"path": "/srv/a is there already"}
    daemon.answer("Backup", Refusal("INVALID_ARGUMENT", "INVALID_ARGUMENT", "no", faults))
    done = ctl("backup", "/srv/a")
    assert (done.status, done.err) == (
        1,
        "mynetctl: INVALID_ARGUMENT: path: /srv/a is there already\n",
    )


def test_the_file_is_a_required_argument(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("backup").status == 2
    assert daemon.asked == []

"""``mynetctl backup``: which file is asked for, and what is said of it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal

MADE = {"size_bytes": "4711", "revision": "42"}


def test_it_says_what_was_made(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Backup", MADE)
    done = ctl("backup", "/srv/mynet.backup")
    assert (done.status, done.out) == (0, "/srv/mynet.backup: 4711 bytes, revision 42\n")
    assert daemon.asked == [("Backup", {"path": "/srv/mynet.backup"})]


def test_as_json_it_is_what_the_api_has(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("Backup", MADE)
    assert json.loads(ctl("backup", "/srv/mynet.backup", "--output", "json").out) == MADE


def test_a_path_is_meant_as_the_shell_means_it(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon has another working directory."""
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


def test_a_file_has_to_be_named(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("backup").status == 2
    assert daemon.asked == []

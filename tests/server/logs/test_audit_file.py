"""The file of the audit log: who may write it, and what happens when it takes no line."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.logs import line_queue
from mynet.server.logs.audit_file import AuditFile
from mynet.server.logs.log_file import LogFile
from mynet.server.reconcile.checks.daemon import audit_problems
from mynet.server.reload import reload
from tests.server.support.polling import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.fixture
def audit(path: Path) -> Iterator[AuditFile]:
    audit = AuditFile(str(path))
    yield audit
    audit.close()


def test_a_line_is_in_the_file_before_put_returns(audit: AuditFile, path: Path) -> None:
    audit.put("one")
    assert path.read_text() == "one\n"


@pytest.mark.usefixtures("audit")
def test_only_the_daemon_may_read_and_write_a_new_file(path: Path) -> None:
    before = os.umask(0)
    try:
        AuditFile(f"{path}.2").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(f"{path}.2").stat().st_mode) == 0o600


def test_the_group_of_a_file_that_exists_may_read_it(path: Path) -> None:
    path.write_text("old\n")
    path.chmod(0o640)
    audit = AuditFile(str(path))
    audit.put("new")
    audit.close()
    assert path.read_text() == "old\nnew\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def link(path: Path) -> None:
    (path.parent / "target").touch()
    path.symlink_to(path.parent / "target")


def second_name(path: Path) -> None:
    path.touch(0o600)
    path.with_name("other").hardlink_to(path)


def writable(path: Path) -> None:
    path.touch()
    path.chmod(0o622)


@pytest.mark.parametrize("make", [link, second_name, writable, Path.mkdir, os.mkfifo])
def test_a_file_that_others_may_change_is_refused(path: Path, make: object) -> None:
    make(path)  # type: ignore[operator]
    with pytest.raises(CannotStart, match="audit log"):
        AuditFile(str(path))


def test_a_folder_that_does_not_exist_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="No such file or directory"):
        AuditFile(str(tmp_path / "none" / "audit.log"))


def test_a_renamed_file_is_left_to_who_renamed_it(audit: AuditFile, path: Path) -> None:
    audit.put("one")
    old = path.rename(path.with_name("audit.log.1"))
    audit.put("two")
    reload({"audit log": audit.reopen})
    audit.put("three")
    assert (old.read_text(), path.read_text()) == ("one\ntwo\n", "three\n")


def test_a_file_that_cannot_be_opened_again_stays_in_use(audit: AuditFile, path: Path) -> None:
    audit.put("one")
    old = path.rename(path.with_name("audit.log.1"))
    link(path)
    reload({"audit log": audit.reopen})
    audit.put("two")
    assert old.read_text() == "one\ntwo\n"


def test_a_torn_line_of_a_daemon_that_was_killed_is_ended(path: Path) -> None:
    path.write_text("one\ntor")
    path.chmod(0o600)
    audit = AuditFile(str(path))
    audit.put("two")
    audit.close()
    assert path.read_text() == "one\ntor\ntwo\n"


def test_a_full_disk_is_a_problem_for_the_doctor_and_no_call_waits(
    audit: AuditFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_queue, "MOST_LINES", 2)
    assert list(audit_problems(audit)) == []

    def full(_: LogFile, __: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LogFile, "try_write", full)
        for number in range(5):
            audit.put(str(number))
        (problem,) = audit_problems(audit)
        assert problem.description == (
            "2 lines wait for it (No space left on device), and 3 lines are lost since mynetd"
            " started."
        )
    assert eventually(lambda: "lost" in path.read_text())
    *kept, lost = path.read_text().splitlines()
    assert kept == ["0", "1"]
    assert json.loads(lost)["lost_lines"] == 3
    (problem,) = audit_problems(audit)
    assert problem.description.startswith("0 lines wait for it, and 3 lines are lost")

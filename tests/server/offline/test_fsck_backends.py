"""fsck: the files of plugins, checked by a backend or as plain databases."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from mynet.ipam import hookspecs
from mynet.ipam.api import Audit
from mynet.server.offline.fsck import backends, examine
from tests.server.support.faulty.damage import change
from tests.server.support.stack import BITMAP_DB


def test_databases_of_other_plugins_are_checked_as_databases(state: Path) -> None:
    for name in ("ipam/other", "drivers/other"):
        (state / name).mkdir(parents=True)
        change(state / name / "things.db", "CREATE TABLE things (name)")
    report = examine(state)
    said = "checked as a database only: its plugin does not say what is in it"
    where = ["ipam/other/things.db", "drivers/other/things.db"]
    assert (report.findings, sorted(report.remarks)) == (
        [],
        sorted(f"{path}: {said}" for path in where),
    )
    for path in where:
        (state / path).write_bytes(b"noise" * 999)
    assert sorted(examine(state).findings) == sorted(
        f"{path}: is not an SQLite database" for path in where
    )


class Plugin:
    """A backend's module, whose hook returns this answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def mynet_ipam_audit(self) -> object:
        return self._answer

    hookspecs.hookimpl(mynet_ipam_audit)


class FakeEntryPoint:
    """The entry point of a backend that returns this answer, or raises it when it is imported."""

    name = "bitmap"

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def load(self) -> object:
        if isinstance(self._answer, BaseException):
            raise self._answer
        is_plugin = hasattr(self._answer, "mynet_ipam_audit")
        return self._answer if is_plugin else Plugin(self._answer)


Put = Callable[[object], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Put:
    def put(answer: object) -> None:
        monkeypatch.setattr(backends, "entry_points", lambda **_: [FakeEntryPoint(answer)])

    return put


@pytest.mark.parametrize("answer", [SystemExit(3), ImportError("no rope"), "in order", 7])
def test_the_databases_of_a_broken_backend_are_checked_without_it(
    state: Path, install: Put, answer: object
) -> None:
    install(answer)
    report = examine(state)
    assert report.findings == []
    assert any(
        "backend bitmap could not check its databases" in remark for remark in report.remarks
    )
    assert any(
        remark.startswith(f"{BITMAP_DB}: checked as a database only") for remark in report.remarks
    )
    (state / BITMAP_DB).write_bytes(b"noise" * 999)
    assert examine(state).findings == [f"{BITMAP_DB}: is not an SQLite database"]


def test_a_hung_backend_is_a_remark(state: Path, install: Put) -> None:
    over = Event()

    class Slow:
        def mynet_ipam_audit(self) -> object:
            return over.wait(10)

        hookspecs.hookimpl(mynet_ipam_audit)

    install(Slow())
    report = examine(state, 0.1)
    over.set()
    assert report.findings == []
    assert "ipam/bitmap: backend bitmap did not check its databases within 0.1 s" in report.remarks


def test_the_findings_of_a_backend_are_reported(state: Path, install: Put) -> None:
    install(Audit(["has a hole"], complete=False))
    report = examine(state)
    assert report.findings == ["ipam/bitmap: has a hole"]  # and what it lacks may be in there
    assert not report.whole
    install(Audit())
    assert len(examine(state).findings) == 6  # every address of an endpoint or network is missing

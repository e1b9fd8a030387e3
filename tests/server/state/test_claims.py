"""What a daemon claims: one a state directory, one a network namespace, never an empty book."""

import json
import os
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.state import directory
from mynet.server.state.directory import claim_namespace, claim_state_dir


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A state directory with books, as a daemon leaves it."""
    path = tmp_path / "state"
    with claim_state_dir(path) as state:
        (path / "ipam").mkdir()
        for name in ("mynet.db", "ipam/bitmap.db"):
            (path / name).write_text("a book")
        state.complete()
    return path


def files(path: Path) -> dict[str, str]:
    return {str(each): each.read_text() for each in path.rglob("*") if each.is_file()}


def test_a_new_directory_gets_an_identity_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with claim_state_dir(path) as first:
        assert len(first.instance) == 16
    with claim_state_dir(path) as second:
        assert second.instance == first.instance
    assert path.stat().st_mode & 0o777 == 0o700
    with claim_state_dir(tmp_path / "other") as other:
        assert other.instance != first.instance


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with (
        claim_state_dir(tmp_path),
        pytest.raises(CannotStart, match=f"pid {os.getpid()}"),
        claim_state_dir(tmp_path),
    ):
        pytest.fail("two have it")
    with claim_state_dir(tmp_path):
        pass


def test_a_directory_that_is_exchanged_meanwhile_is_not_taken_for_the_new_one(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = directory._hold

    def late(path: Path, fd: int) -> None:
        used.rename(tmp_path / "aside")
        used.mkdir()
        hold(path, fd)

    monkeypatch.setattr(directory, "_hold", late)
    with pytest.raises(CannotStart, match="was exchanged for another"), claim_state_dir(used):
        pytest.fail("it holds the lock of the other one")


@pytest.mark.parametrize("name", ["mynet.db", "ipam/bitmap.db"])
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_book_that_is_missing_is_no_empty_book(used: Path, name: str, how: str) -> None:
    if how == "missing":
        (used / name).unlink()
    else:
        (used / name).write_text("")
    before = files(used)
    with pytest.raises(CannotStart, match=name), claim_state_dir(used):
        pytest.fail("started")
    assert files(used) == before


def test_books_without_a_marker_are_no_new_directory(used: Path) -> None:
    (used / "mynet.json").unlink()
    before = files(used)
    with pytest.raises(CannotStart, match=r"ipam/bitmap\.db, mynet\.db but no mynet\.json"):
        claim_state_dir(used).__enter__()
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
def test_a_marker_that_cannot_be_read_is_no_new_directory(used: Path, marker: str) -> None:
    (used / "mynet.json").write_bytes(marker.encode(errors="surrogateescape"))
    with pytest.raises(CannotStart, match=r"mynet\.json cannot be read"), claim_state_dir(used):
        pytest.fail("started")
    assert (used / "mynet.json").read_bytes() == marker.encode(errors="surrogateescape")


def test_the_directory_of_a_newer_daemon_is_refused(used: Path) -> None:
    marker = {**json.loads((used / "mynet.json").read_text()), "format": 2}
    (used / "mynet.json").write_text(json.dumps(marker))
    with pytest.raises(CannotStart, match="newer mynetd"), claim_state_dir(used):
        pytest.fail("started")


def test_the_marker_names_the_books(used: Path) -> None:
    marker = json.loads((used / "mynet.json").read_text())
    assert marker["files"] == ["ipam/bitmap.db", "mynet.db"]
    assert [each.name for each in used.glob("mynet.json*")] == ["mynet.json"]


def test_a_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="cannot be used"), claim_state_dir(tmp_path / "file"):
        pytest.fail("started")


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another name than the daemon's, so that nobody who runs is in the way."""
    monkeypatch.setattr(directory, "NAMESPACE_SOCKET", f"\0mynet-test{tmp_path}")


@pytest.mark.usefixtures("namespace")
def test_a_second_daemon_in_a_namespace_is_refused_with_the_pid_of_the_first() -> None:
    for _ in range(2):
        with (
            claim_namespace(),
            pytest.raises(CannotStart, match=f"pid {os.getpid()}"),
            claim_namespace(),
        ):
            pytest.fail("two have it")


@pytest.mark.usefixtures("namespace")
def test_the_holder_of_a_namespace_may_be_busy() -> None:
    with claim_namespace():
        for _ in range(300):  # more than wait in the queue of a socket that nobody accepts from
            with pytest.raises(CannotStart, match="another mynetd"), claim_namespace():
                pytest.fail("two have it")

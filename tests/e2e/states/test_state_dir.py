"""mynetd refuses a damaged state directory and changes nothing in it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support.daemon import STATE, Daemon, turned_away
from tests.e2e.support.testbed import Testbed
from tests.ipam.support.databases import noise

Files = dict[str, bytes]


def contents(folder: Path) -> Files:
    """Return the files of a state directory without the locks, which every start takes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "lock" not in path.name
    }


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a state directory with a network and an endpoint on record."""
    testbed = Testbed(tmp_path_factory.mktemp("state"))
    daemon = Daemon(testbed)
    daemon.create("blue")
    daemon.connect("one", netns_path="")
    daemon.stop()
    files = contents(testbed.root / STATE)
    testbed.close()
    return files


Damage = Callable[[Path], None]


def garble(path: Path) -> None:
    path.write_bytes(b"this is no file of mynet's" * 400)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove(path: Path) -> None:
    path.unlink()


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def spoil_a_page(path: Path) -> None:
    whole = path.read_bytes()
    at = len(whole) // 4096 // 2 * 4096
    path.write_bytes(whole[:at] + noise(4096) + whole[at + 4096 :])


@pytest.mark.parametrize(
    "damage", [garble, empty, shorten, remove, replace_by_folder, spoil_a_page]
)
@pytest.mark.parametrize("name", ["mynet.json", "mynet.db", "ipam/bitmap/bitmap.db"])
def test_a_damaged_state_directory_is_refused_and_left_as_it_is(
    testbed: Testbed, state: Files, tmp_path: Path, name: str, damage: Damage
) -> None:
    folder = testbed.root / "run" / tmp_path.name
    for relative, content in state.items():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_bytes(content)
    damage(folder / name)
    before = contents(folder)
    status, words = turned_away(testbed, "--state-dir", f"/run/{folder.name}")
    assert status == 1
    assert name in words
    assert contents(folder) == before
    assert "Traceback" not in words


def test_a_state_directory_that_cannot_be_written_is_refused_and_left_as_it_is(
    empty_testbed: Testbed,
) -> None:
    testbed = empty_testbed
    daemon = Daemon(testbed)
    daemon.create("blue")
    daemon.stop()
    folder = testbed.root / STATE
    before = contents(folder)
    testbed.run("mount", "--bind", str(folder), str(folder))
    testbed.run("mount", "-o", "remount,bind,ro", str(folder))
    status, words = turned_away(testbed)
    assert status == 1
    assert "ead-only file system" in words
    assert "Traceback" not in words
    testbed.run("umount", str(folder))
    assert contents(folder) == before
    assert [network.name for network in Daemon(testbed).networks()] == ["blue"]

"""The format of a backup file: a file that is not complete is refused."""

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mynet.server.errors import CannotRestore
from mynet.server.state.archive import About, pack, unpack
from tests.ipam.support.databases import contents

ABOUT = About("0.1.0", "0011223344556677", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 7)
FILES = {"mynet.json": b"{}", "mynet.db": bytes(range(256)) * 40, "ipam/bitmap/bitmap.db": b"bits"}


@pytest.fixture
def archive_file(tmp_path: Path) -> Path:
    """A backup of FILES."""
    source = tmp_path / "source"
    for name, content in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    with (tmp_path / "one.backup").open("xb") as file:
        pack(file, ABOUT, {name: source / name for name in FILES})
    return tmp_path / "one.backup"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archive_file = tmp_path / "back"
    archive_file.mkdir()
    return archive_file


def emptied(folder: Path) -> Path:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return folder


def test_unpacked_files_are_those_packed_with_modes_for_the_owner_alone(
    archive_file: Path, folder: Path
) -> None:
    assert unpack(archive_file, folder) == ABOUT
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*")} == {0o600, 0o700}
    assert len(list(folder.rglob("*"))) == len(FILES) + len(["ipam", "ipam/bitmap"])


def test_a_backup_that_was_cut_short_is_refused(archive_file: Path, folder: Path) -> None:
    whole = archive_file.read_bytes()
    for length in {*range(0, len(whole), 7), *range(len(whole) - 20, len(whole))}:
        archive_file.write_bytes(whole[:length])
        with pytest.raises(CannotRestore, match=r"one\.backup is not a complete mynet backup"):
            unpack(archive_file, emptied(folder))


def test_a_changed_backup_is_refused_or_has_the_same_files(
    archive_file: Path, folder: Path
) -> None:
    """Some bits of a gzip file have no meaning, such as those after the last block."""
    whole = archive_file.read_bytes()
    chosen = random.Random(1)  # noqa: S311 - no secret
    refused = 0
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= chosen.randrange(1, 256)
        archive_file.write_bytes(changed)
        try:
            assert unpack(archive_file, emptied(folder)) == ABOUT
            assert {name: (folder / name).read_bytes() for name in FILES} == FILES
        except CannotRestore:
            refused += 1
    assert refused > len(whole) / 3 - 10


def repacked(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a tar with these members."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def sums(members: Mapping[str, bytes]) -> bytes:
    lines = (f"{hashlib.sha256(each).hexdigest()}  {name}\n" for name, each in members.items())
    return "".join(lines).encode()


HEAD = json.dumps(
    {
        "format": 1,
        "version": "0.1.0",
        "instance": "0011223344556677",
        "create_time": "2026-01-02T03:04:05+00:00",
        "revision": 7,
    }
).encode()
GOOD = {"backup.json": HEAD, "mynet.db": b"a database"}


def test_a_backup_that_another_program_repacked_is_accepted(tmp_path: Path, folder: Path) -> None:
    """A person may unpack a backup with tar, look at it, and pack it again."""
    path = repacked(tmp_path / "a", {**GOOD, "SHA256SUMS": sums(GOOD)})
    assert unpack(path, folder) == ABOUT


@pytest.mark.parametrize(
    "members",
    [
        {},
        GOOD,
        {"SHA256SUMS": sums({})},
        {"mynet.db": b"a database", "SHA256SUMS": sums({"mynet.db": b"a database"})},
        {**GOOD, "SHA256SUMS": sums(GOOD) + b"nonsense\n"},
        {**GOOD, "SHA256SUMS": sums({**GOOD, "mynet.json": b"{}"})},
        {**GOOD, "more": b"", "SHA256SUMS": sums(GOOD)},
        {**GOOD, "SHA256SUMS": sums(GOOD), "more": b""},
        {**GOOD, "SHA256SUMS": b"\xff"},
        {"mynet.db": b"a database", "backup.json": HEAD, "SHA256SUMS": sums(GOOD)},
        {**GOOD, "./mynet.db": b"a database", "SHA256SUMS": sums(GOOD)},
        {**GOOD, "backup.json": b"[]", "SHA256SUMS": b""},
        {**GOOD, "backup.json": b'{"format": 1}', "SHA256SUMS": b""},
        {**GOOD, "backup.json": b'{"format": 1, "version": []}', "SHA256SUMS": b""},
        {**GOOD, "backup.json": b"x" * (2 << 20), "SHA256SUMS": b""},
    ],
)
def test_an_archive_of_another_program_is_refused(
    tmp_path: Path, folder: Path, members: Mapping[str, bytes]
) -> None:
    path = repacked(tmp_path / "a", members)
    with pytest.raises(CannotRestore, match="is not a complete mynet backup"):
        unpack(path, folder)


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "..", ""])
def test_no_file_is_written_outside_the_folder(tmp_path: Path, folder: Path, name: str) -> None:
    members = {**GOOD, name: b"outside"}
    before = contents(tmp_path)
    path = repacked(tmp_path / "a", {**members, "SHA256SUMS": sums(members)})
    with pytest.raises(CannotRestore):
        unpack(path, folder)
    after = {name: content for name, content in contents(tmp_path).items() if name != "a"}
    assert after == {**before, "mynet.db": b"a database"}  # below the folder


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_backup_with_members_other_than_files_is_refused(
    tmp_path: Path, folder: Path, kind: bytes
) -> None:
    with tarfile.open(tmp_path / "a", "w:gz") as tar:
        head = tarfile.TarInfo("backup.json")
        head.size = len(HEAD)
        tar.addfile(head, io.BytesIO(HEAD))
        link = tarfile.TarInfo("mynet.db")
        link.type, link.linkname = kind, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(CannotRestore, match=r"it has 'mynet\.db', which a backup never has"):
        unpack(tmp_path / "a", folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"noise" * 999, gzip.compress(b"noise" * 999, mtime=0)])
def test_a_file_that_is_not_an_archive_is_refused(
    tmp_path: Path, folder: Path, content: bytes
) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(CannotRestore, match="is not a complete mynet backup"):
        unpack(tmp_path / "a", folder)


def test_a_backup_of_a_newer_mynetd_is_refused_with_a_remedy(tmp_path: Path, folder: Path) -> None:
    members = {"backup.json": b'{"format": 2, "colour": "red"}'}
    path = repacked(tmp_path / "a", {**members, "SHA256SUMS": sums(members)})
    with pytest.raises(CannotRestore, match=r"newer mynetd \(format 2.*install that version"):
        unpack(path, folder)

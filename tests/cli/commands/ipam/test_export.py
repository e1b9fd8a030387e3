"""``mynetctl ipam export``: what it writes, and which files it keeps."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ctl, program
from tests.cli.support.fake import FakeDaemon

DOCUMENT = '{"version":1,"subnets":[]}'
FILES = {"10.1.0.2": "abc\r\neth0", "10.1.0.3": "vm-7"}
FOLDER = json.dumps({"subnets": ["10.1.0.0/16"], "files": FILES})


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    daemon.answer("ExportSubnets", {"document": DOCUMENT})
    return daemon


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {"format": "SUBNET_FORMAT_MYNET"}),
        ("10.9.0.0/24", {"format": "SUBNET_FORMAT_MYNET", "subnet": "10.9.0.0/24"}),
        ("--format tutorial", {"format": "SUBNET_FORMAT_TUTORIAL"}),
        ("--format host-local", {"format": "SUBNET_FORMAT_HOST_LOCAL"}),
        ("--to -", {"format": "SUBNET_FORMAT_MYNET"}),
        ("--output json", {"format": "SUBNET_FORMAT_MYNET"}),
    ],
)
def test_the_document_is_printed_as_it_is(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    done = ctl("ipam", "export", *options.split())
    assert (done.status, done.out) == (0, f"{DOCUMENT}\n")
    assert daemon.asked == [("ExportSubnets", asked)]


def test_a_file_is_written_and_nothing_is_printed(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    done = ctl("ipam", "export", "--to", str(tmp_path / "subnets.json"))
    assert (done.status, done.out) == (0, "")
    assert contents(tmp_path) == {"subnets.json": f"{DOCUMENT}\n".encode()}


def test_an_existing_file_is_replaced_and_keeps_its_mode_and_the_link_to_it(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    old, link = tmp_path / "old.json", tmp_path / "link.json"
    old.write_text("x" * 1000)
    old.chmod(0o640)
    link.symlink_to(old)
    assert ctl("ipam", "export", "--to", str(link)).status == 0
    assert old.read_text() == f"{DOCUMENT}\n"
    assert old.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_an_existing_file_is_kept_if_the_disk_is_full(daemon: FakeDaemon, tmp_path: Path) -> None:
    path = tmp_path / "subnets.json"
    path.write_text("old")
    before = ("prlimit", "--fsize=10")  # bytes
    done = program(daemon, "ipam", "export", "--to", str(path), before=before)
    assert done.returncode == 1
    assert done.stderr.decode() == (
        f"mynetctl: IO_ERROR: {path} cannot be written: File too large\n"
    )
    assert contents(tmp_path) == {"subnets.json": b"old"}


def test_a_link_with_the_name_of_the_scratch_file_is_not_followed(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / f".subnets.json.{os.getpid()}").symlink_to(tmp_path / "victim")
    done = ctl("ipam", "export", "--to", str(tmp_path / "subnets.json"))
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "cannot be written: File exists" in done.err
    assert not (tmp_path / "victim").exists()


def test_a_pipe_is_written_to_and_not_replaced(daemon: FakeDaemon, tmp_path: Path) -> None:
    done = program(daemon, "ipam", "export", "--to", "/dev/stdout")
    assert done.stdout == f"{DOCUMENT}\n".encode()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert program(daemon, "ipam", "export", "--to", f"{tmp_path}/pipe").returncode == 0
        assert os.read(reader, 100) == f"{DOCUMENT}\n".encode()
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("name", "why"), [("", "Is a directory"), ("none/subnets.json", "No such file or directory")]
)
def test_a_file_that_cannot_be_written_is_one_line(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, name: str, why: str
) -> None:
    path = tmp_path / name
    done = ctl("ipam", "export", "--to", str(path))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"mynetctl: IO_ERROR: {path} cannot be written: {why}\n"


# --- host-local's folder ----------------------------------------------------------------------


def export_folder(ctl: Ctl, daemon: FakeDaemon, folder: Path) -> str:
    """Export into a folder, and return the error."""
    daemon.answer("ExportSubnets", {"document": FOLDER})
    done = ctl("ipam", "export", "10.1.0.0/16", "--format", "host-local", "--to", str(folder))
    assert (done.status, done.out) == (1 if done.err else 0, "")
    return done.err


@pytest.mark.parametrize("name", ["", "web", "networks/web"])
def test_a_folder_gets_a_file_for_each_address(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, name: str
) -> None:
    assert export_folder(ctl, daemon, tmp_path / name) == ""
    assert contents(tmp_path / name) == {"10.1.0.2": b"abc\r\neth0", "10.1.0.3": b"vm-7"}


def test_a_folder_with_files_is_refused_and_keeps_them(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / "10.1.0.99").write_text("another's")
    assert export_folder(ctl, daemon, tmp_path) == (
        f"mynetctl: IO_ERROR: {tmp_path} cannot be written: it is not empty, and its other"
        " files would count as allocations; give an empty folder\n"
    )
    assert contents(tmp_path) == {"10.1.0.99": b"another's"}


def test_a_path_that_is_not_a_folder_is_one_line(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    said = export_folder(ctl, daemon, tmp_path / "file")
    assert said == f"mynetctl: IO_ERROR: {tmp_path}/file cannot be written: Not a directory\n"
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - the name is all there is to see

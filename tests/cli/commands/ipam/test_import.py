"""``mynetctl ipam import``: what it reads, and what it refuses without a call."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mynet.cli import files
from tests.cli.conftest import Ctl, program
from tests.cli.support.fake import FakeDaemon

FOUND = {"subnets": [{"subnet": "10.9.0.0/24", "allocations": "3"}, {"subnet": "fd09::/64"}]}
HOST_LOCAL = "SUBNET_FORMAT_HOST_LOCAL"


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    daemon.answer("ImportSubnets", FOUND)
    return daemon


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as host-local stores it for a network."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "10.1.0.2").write_bytes(b"abc\r\neth0")
    (folder / "10.1.0.10").write_bytes(b"def\r\neth0")
    (folder / "last_reserved_ip.0").write_bytes(b"10.1.0.10")
    (folder / "lock").touch()
    return folder


def document(daemon: FakeDaemon) -> str:
    """Return the one document that the daemon received."""
    ((_, request),) = daemon.asked
    text = request["document"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("", {"format": "SUBNET_FORMAT_MYNET"}),
        ("--format tutorial", {"format": "SUBNET_FORMAT_TUTORIAL"}),
        ("--format host-local", {"format": HOST_LOCAL}),
        ("--backend other", {"format": "SUBNET_FORMAT_MYNET", "backend": "other"}),
        ("--validate-only", {"format": "SUBNET_FORMAT_MYNET", "validate_only": True}),
    ],
)
def test_a_file_is_given_to_the_daemon_as_it_is(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, options: str, asked: dict[str, Any]
) -> None:
    (tmp_path / "subnets.json").write_text(' {"ü": 1}\n', encoding="utf-8")
    done = ctl("ipam", "import", *options.split(), str(tmp_path / "subnets.json"))
    assert done.status == 0
    assert daemon.asked == [("ImportSubnets", {"document": ' {"ü": 1}\n', **asked})]


def test_the_imported_subnets_are_shown_as_a_table(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / "subnets.json").write_text("{}")
    assert ctl("ipam", "import", str(tmp_path / "subnets.json")).out == (
        "SUBNET        ALLOCATIONS\n10.9.0.0/24   3\nfd09::/64     0\n"
    )


def test_the_imported_subnets_are_shown_as_json(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / "subnets.json").write_text("{}")
    shown = json.loads(
        ctl("ipam", "import", str(tmp_path / "subnets.json"), "--output", "json").out
    )
    assert shown["subnets"][1] == {"subnet": "fd09::/64", "allocations": "0"}


def test_a_byte_order_mark_is_not_part_of_the_document(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / "subnets.json").write_text("{}", encoding="utf-8-sig")
    ctl("ipam", "import", str(tmp_path / "subnets.json"))
    assert document(daemon) == "{}"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_dash_is_standard_input_and_utf8_in_every_locale(
    daemon: FakeDaemon, encoding: str
) -> None:
    env = {"PYTHONIOENCODING": encoding}
    done = program(daemon, "ipam", "import", "-", given='{"ü": 1}'.encode(), env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert document(daemon) == '{"ü": 1}'


def test_a_pipe_is_read_like_a_file(daemon: FakeDaemon) -> None:
    shell = ("bash", "-c", '"$@" <(echo {})', "bash")
    assert program(daemon, "ipam", "import", before=shell).returncode == 0
    assert document(daemon) == "{}\n"


def test_a_dash_without_standard_input_is_one_line_of_error(daemon: FakeDaemon) -> None:
    shell = ("sh", "-c", '"$@" <&-', "sh")
    done = program(daemon, "ipam", "import", "-", before=shell)
    assert done.returncode == 1
    assert done.stderr == b"mynetctl: IO_ERROR: - cannot be read: Bad file descriptor\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere", "No such file or directory"),
        ("web", "Is a directory"),
        ("latin", "it is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_no_call(
    ctl: Ctl, daemon: FakeDaemon, folder: Path, name: str, why: str
) -> None:
    path = folder.parent / name
    (folder.parent / "latin").write_bytes(b'{"\xfc": 1}')
    done = ctl("ipam", "import", str(path))
    assert (done.status, done.out, daemon.asked) == (1, "", [])
    assert done.err == f"mynetctl: IO_ERROR: {path} cannot be read: {why}\n"


def test_a_file_without_read_permission_is_one_line(daemon: FakeDaemon, folder: Path) -> None:
    drop = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")  # even root has to ask
    (folder / "lock").chmod(0)
    for arguments in ([folder / "lock"], ["--format=host-local", "--subnet=10.1.0.0/16", folder]):
        done = program(daemon, "ipam", "import", *map(str, arguments), before=drop)
        assert done.returncode == 1
        assert done.stderr.endswith(b"/web/lock cannot be read: Permission denied\n")
    assert daemon.asked == []


def test_a_file_is_read_up_to_the_size_of_a_request(
    ctl: Ctl, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST", 2 << 20)
    large = tmp_path / "large"
    large.write_bytes(b" " * (2 << 20))
    assert ctl("ipam", "import", str(large)).status == 0
    daemon.asked.clear()
    for path in (large, Path("/dev/zero")):  # the one too large by a byte, the other without end
        with large.open("ab") as file:
            file.write(b" ")
        done = ctl("ipam", "import", str(path))
        assert (done.status, daemon.asked) == (1, [])
        assert done.err == (
            f"mynetctl: IO_ERROR: {path} cannot be read: it has more than 2 MiB; import it in"
            " parts\n"
        )


# --- host-local's folder ----------------------------------------------------------------------


def import_folder(ctl: Ctl, folder: Path) -> str:
    """Import a folder that mynetctl must refuse, and return its error."""
    done = ctl("ipam", "import", "--format", "host-local", "--subnet", "10.1.0.0/16", str(folder))
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    return done.err


def test_a_folder_becomes_the_document_of_its_files(
    ctl: Ctl, daemon: FakeDaemon, folder: Path
) -> None:
    subnets = ("--subnet", "10.1.0.0/16", "--subnet", "fd01::/64")
    assert ctl("ipam", "import", "--format", "host-local", *subnets, str(folder)).status == 0
    assert json.loads(document(daemon)) == {
        "subnets": ["10.1.0.0/16", "fd01::/64"],
        "files": {
            "10.1.0.2": "abc\r\neth0",
            "10.1.0.10": "def\r\neth0",
            "last_reserved_ip.0": "10.1.0.10",
            "lock": "",
        },
    }


def test_an_empty_folder_has_no_files(ctl: Ctl, daemon: FakeDaemon, tmp_path: Path) -> None:
    ctl("ipam", "import", "--format", "host-local", "--subnet", "10.1.0.0/16", str(tmp_path))
    assert json.loads(document(daemon)) == {"subnets": ["10.1.0.0/16"], "files": {}}


def test_a_file_name_that_is_not_utf8_is_refused_by_the_daemon(
    ctl: Ctl, daemon: FakeDaemon, folder: Path
) -> None:
    Path(os.fsdecode(bytes(folder) + b"/\xff")).touch()
    ctl("ipam", "import", "--format", "host-local", "--subnet", "10.1.0.0/16", str(folder))
    assert "\udcff" in json.loads(document(daemon))["files"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere"])
def test_a_folder_with_other_entries_than_files_is_refused_without_blocking(
    ctl: Ctl, daemon: FakeDaemon, folder: Path, kind: str
) -> None:
    path = folder / "10.1.0.9"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    assert import_folder(ctl, folder) == (
        f"mynetctl: IO_ERROR: {path} cannot be read: it is not a regular file\n"
    )
    assert daemon.asked == []


def test_a_file_of_a_folder_that_is_not_utf8_is_named(
    ctl: Ctl, daemon: FakeDaemon, folder: Path
) -> None:
    (folder / "10.1.0.9").write_bytes(b"\xff")
    assert f"{folder}/10.1.0.9 cannot be read: it is not UTF-8 text" in import_folder(ctl, folder)
    assert daemon.asked == []


def test_a_folder_is_read_up_to_the_size_of_a_request(
    ctl: Ctl, daemon: FakeDaemon, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST", 40)  # none of the files alone has as much
    assert f"{folder} cannot be read: it has more than" in import_folder(ctl, folder)
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("name", "why"), [("nowhere", "No such file or directory"), ("web/lock", "Not a directory")]
)
def test_a_path_that_is_not_a_folder_is_one_line(
    ctl: Ctl, daemon: FakeDaemon, folder: Path, name: str, why: str
) -> None:
    path = folder.parent / name
    assert import_folder(ctl, path) == f"mynetctl: IO_ERROR: {path} cannot be read: {why}\n"
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"--subnet": "10.1.0.0/16"},
            "--subnet needs --format host-local; documents in format mynet",
        ),
        ({"--format": "host-local"}, "web does not name its subnets; give them with --subnet"),
    ],
)
def test_only_a_folder_needs_subnet_options(
    ctl: Ctl, daemon: FakeDaemon, folder: Path, options: Mapping[str, str], told: str
) -> None:
    done = ctl("ipam", "import", *(word for pair in options.items() for word in pair), str(folder))
    assert (done.status, daemon.asked) == (2, [])
    assert told in done.err

"""Files of import and export, and what becomes of those that cannot be read or written."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from mynet.cli.errors import Failed

LARGEST = 60 << 20  # bytes; the daemon takes a little more in one request
_STDIN = 0


def read(path: Path) -> str:
    """Read a file, a pipe, or for "-" standard input. Raises Failed."""
    stdin = str(path) == "-"
    with _refusing(path, "read"):
        return _read(path, open(_STDIN, "rb", closefd=False) if stdin else path.open("rb"))


def read_folder(path: Path) -> Mapping[str, str]:
    """Read all files of a folder, by their names. Raises Failed, also where one is no file."""
    files: dict[str, str] = {}
    size = 0
    with _refusing(path, "read"):
        for each in sorted(path.iterdir()):
            if not each.is_file():  # a pipe would keep us waiting
                raise _failed(each, "read", "it is no file")
            with _refusing(each, "read"):
                files[each.name] = _read(each, each.open("rb"))
            size += len(each.name) + len(files[each.name])
            if size > LARGEST:
                raise _too_large(path)
    return files


def write(path: Path, text: str) -> None:
    """Write a file; the one that was there stays as it was until all is written. Raises Failed."""
    with _refusing(path, "write"):
        if path.exists() and not path.is_file():  # a pipe, a device
            path.write_text(text, encoding="utf-8")
            return
        target = path.resolve()
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        scratch.touch(exist_ok=False)  # what is there is somebody's, or a trap
        try:
            scratch.write_text(text, encoding="utf-8")
            if target.exists():
                shutil.copymode(target, scratch)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder that is empty, or not there yet. Raises Failed."""
    with _refusing(path, "write"):
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
        if any(path.iterdir()):
            raise _failed(path, "write", "it has files already, which would count as well")
        for name, content in files.items():
            (path / name).write_bytes(content.encode())


def _read(path: Path, opened: BinaryIO) -> str:
    with opened as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _too_large(path)
    try:
        return content.decode("utf-8-sig")  # Windows begins a text with a mark
    except UnicodeDecodeError as error:
        raise _failed(path, "read", "it is no UTF-8 text") from error


@contextlib.contextmanager
def _refusing(path: Path, verb: str) -> Iterator[None]:
    """Say in one line what the system refuses."""
    try:
        yield
    except OSError as error:
        raise _failed(path, verb, error.strerror or str(error)) from error


def _too_large(path: Path) -> Failed:
    return _failed(path, "read", f"it has more than {LARGEST >> 20} MiB; import it in parts")


def _failed(path: Path, verb: str, why: str) -> Failed:
    done = {"read": "read", "write": "written"}[verb]
    return Failed("IO_ERROR", f"{path} cannot be {done}: {why}")

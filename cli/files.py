"""Reading and writing the files that users name, and mynetctl's own."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from mynet.cli.errors import Failed

LARGEST = 60 << 20  # bytes; the daemon's limit for a request is a little higher
_STDIN = 0
_PRIVATE = 0o600
_WITH_MARK = "utf-8-sig"  # Windows puts a byte order mark before the text


def read(path: Path) -> str:
    """Return the text of a file, a pipe, or standard input if the path is "-". Raises Failed."""
    stdin = str(path) == "-"
    with _translated(path, "read"):
        return _read(path, open(_STDIN, "rb", closefd=False) if stdin else path.open("rb"))


def read_bytes(path: Path) -> bytes:
    """Return the content of a small file. Raises Failed."""
    with _translated(path, "read"):
        return path.read_bytes()


def read_folder(path: Path) -> Mapping[str, str]:
    """Return the texts of all files of a folder by their names.

    Raises Failed, also if the folder contains anything but regular files.
    """
    files: dict[str, str] = {}
    size = 0
    with _translated(path, "read"):
        for entry in sorted(path.iterdir()):
            if not entry.is_file():  # reading a pipe would block
                raise _failed(entry, "read", "it is not a regular file")
            with _translated(entry, "read"):
                # A byte order mark is for the daemon to refuse: host-local does not skip it.
                files[entry.name] = _read(entry, entry.open("rb"), encoding="utf-8")
            size += len(entry.name) + len(files[entry.name])
            if size > LARGEST:
                raise _too_large(path)
    return files


def write(path: Path, text: str) -> None:
    """Write a file. An existing file is replaced only when all is written. Raises Failed."""
    with _translated(path, "write"):
        if path.exists() and not path.is_file():  # a pipe or a device
            path.write_text(text, encoding="utf-8")
            return
        target = path.resolve()
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        # An existing file of this name, or a symbolic link, may be another program's.
        scratch.touch(exist_ok=False)
        try:
            scratch.write_text(text, encoding="utf-8")
            if target.exists():
                scratch.chmod(stat.S_IMODE(target.stat().st_mode))
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)


def create(path: Path, parts: Iterable[bytes]) -> None:
    """Create a file with mode 0600, and fsync it. It gets its name when all is written.

    Raises Failed, also if the path exists, and what ``parts`` raises.
    """
    import tempfile  # it imports compression and random numbers, which most commands do not use

    with _translated(path, "write"):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        folder = path.absolute().parent
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{path.name}.") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            # Unlike a rename, this fails if another program has created the file meanwhile.
            path.hardlink_to(file.name)


def replace_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, and create its folder. Raises Failed."""
    with _translated(path, "write"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder that is empty or does not exist yet. Raises Failed."""
    with _translated(path, "write"):
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
        if any(path.iterdir()):
            raise _failed(
                path,
                "write",
                "it is not empty, and its other files would count as allocations;"
                " give an empty folder",
            )
        for name, content in files.items():
            (path / name).write_bytes(content.encode())


def _read(path: Path, opened: BinaryIO, encoding: str = _WITH_MARK) -> str:
    with opened as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _too_large(path)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _failed(path, "read", "it is not UTF-8 text") from error


@contextlib.contextmanager
def _translated(path: Path, verb: str) -> Iterator[None]:
    """Raise an OSError of the block as Failed."""
    try:
        yield
    except OSError as error:
        raise _failed(path, verb, error.strerror or str(error)) from error


def _too_large(path: Path) -> Failed:
    return _failed(path, "read", f"it has more than {LARGEST >> 20} MiB; import it in parts")


def _failed(path: Path, verb: str, reason: str) -> Failed:
    participle = {"read": "read", "write": "written"}[verb]
    return Failed("IO_ERROR", f"{path} cannot be {participle}: {reason}")

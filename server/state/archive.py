"""The format of a backup file: a compressed tar, which tar unpacks and sha256sum checks.

::

    backup.json          the format, the version of mynetd, the time and the instance
    mynet.json           the marker of the state directory
    mynet.db             ... and all other files, under their paths in the directory
    ipam/bitmap/bitmap.db
    SHA256SUMS           the checksums of all files before

A backup is one file, because a file appears in one step. It is a tar, because other programs can
list and unpack it. The checksums come last, so a backup that was cut short has none.
"""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

import cattrs

from mynet.server.errors import CannotRestore
from mynet.server.store import codec

_ABOUT, _SUMS = "backup.json", "SHA256SUMS"
_FORMAT = 1
_SUM = re.compile(r"([0-9a-f]{64})  (.+)")
_LARGEST_TEXT = 1 << 20  # bytes of backup.json and of SHA256SUMS, enough for every backup
_COMPRESSION = 1  # the fastest; the size is a third of the original
_MALFORMED = (tarfile.TarError, EOFError, ValueError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class About:
    """The content of backup.json."""

    # The version of the mynetd that wrote the backup.
    version: str
    # The identity of the state directory.
    instance: str
    # The moment whose state is in the backup, in UTC.
    create_time: datetime
    # The revision of mynet.db at that moment.
    revision: int


def pack(file: BinaryIO, about: About, files: Mapping[str, Path]) -> None:
    """Write a backup of files, by their paths in the state directory. The files must not change.

    Raises OSError.
    """
    with (
        gzip.GzipFile("", "wb", _COMPRESSION, file) as plain,
        tarfile.open(fileobj=cast("IO[bytes]", plain), mode="w") as tar,
    ):
        head = {"format": _FORMAT, **asdict(about), "create_time": about.create_time.isoformat()}
        sums = {_ABOUT: _add(tar, _ABOUT, io.BytesIO(json.dumps(head, indent=2).encode()), about)}
        for name, path in files.items():
            with path.open("rb") as content:
                sums[name] = _add(tar, name, content, about)
        lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        _add(tar, _SUMS, io.BytesIO(lines.encode()), about)


def unpack(path: Path, folder: Path) -> About:
    """Unpack a backup into an empty folder, and check all of it.

    Raises CannotRestore if the file is not a complete backup, or is one of a newer mynetd, and
    OSError. After an error the folder has files that must not be used.
    """
    try:
        with path.open("rb") as file, gzip.open(file) as plain:
            about = _unpack(path, cast("IO[bytes]", plain), folder)
            while plain.read(1 << 16):  # to its end, where gzip compares its own checksum
                pass
    except _MALFORMED as error:
        raise CannotRestore(
            f"{path} is not a complete mynet backup: {error or type(error).__name__}. Nothing was"
            " changed; use another backup, or copy this one again from its source"
        ) from error
    return about


def _add(tar: tarfile.TarFile, name: str, content: io.BufferedIOBase, about: About) -> str:
    """Add a file; return its checksum."""
    digest = hashlib.file_digest(content, "sha256").hexdigest()
    info = tarfile.TarInfo(name)
    info.size, info.mode = content.seek(0, os.SEEK_END), 0o600
    info.mtime = int(about.create_time.timestamp())
    content.seek(0)
    tar.addfile(info, content)
    return digest


def _unpack(path: Path, plain: IO[bytes], folder: Path) -> About:
    about: About | None = None
    sums: dict[str, str] = {}
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        for name, size, content in _members(tar):
            if name == _SUMS:
                _compare(sums, _text(content, size))
                if about is None or tar.next() is not None:
                    raise ValueError("files are missing before SHA256SUMS, or follow it")
                return about
            if name in sums or (about is None) != (name == _ABOUT):
                raise ValueError(f"{name} is in the wrong place")
            if name == _ABOUT:
                text = _text(content, size)
                about, sums[name] = _about(path, text), hashlib.sha256(text).hexdigest()
            else:
                sums[name] = _write(folder, name, content)
    raise ValueError("it ends too early")


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield name, size and content of the files in a tar. Raises ValueError for unsafe members."""
    for member in tar:
        content = tar.extractfile(member) if member.isreg() else None
        parts = PurePosixPath(member.name).parts
        if content is None or not parts or {"/", ".."} & set(parts) or "\0" in member.name:
            raise ValueError(f"it has {member.name!r}, which a backup never has")
        yield str(PurePosixPath(*parts)), member.size, content


def _write(folder: Path, name: str, content: IO[bytes]) -> str:
    """Write a file and fsync it; return its checksum."""
    path = folder / name
    for parent in reversed(Path(name).parents):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(content: IO[bytes], size: int) -> bytes:
    if size > _LARGEST_TEXT:
        raise ValueError("a text in it is larger than a backup has")
    return content.read()


def _about(path: Path, text: bytes) -> About:
    match json.loads(text):
        case {"format": int(version)} if version > _FORMAT:
            raise CannotRestore(
                f"{path} was written by a newer mynetd (format {version}, this one reads"
                f" {_FORMAT}); install that version to restore it. Nothing was changed"
            )
        case {"format": int(), **rest}:
            with contextlib.suppress(cattrs.BaseValidationError):
                return codec.structure(rest, About)
    raise ValueError(f"its {_ABOUT} lacks fields that every backup has")


def _compare(sums: Mapping[str, str], text: bytes) -> None:
    lines = [_SUM.fullmatch(line) for line in text.decode().splitlines()]
    if {line[2]: line[1] for line in lines if line} != sums or not all(lines):
        raise ValueError("its files do not match their checksums")

"""Backups: everything in the state directory, as it was at one moment, in one file.

:mod:`mynet.ipam.sqlite.snapshot` copies all databases as of one moment, while calls are served. So
a backup is what a kill at that moment would have left, and a start from it is the same as a start
after that kill. What was acknowledged before the backup began is in it.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import structlog

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.snapshot import at_one_moment, copy
from mynet.server.calls.call import Call, require_caller
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.state import archive, lock_file
from mynet.server.state.directory import StateDir, fsync_directory

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PREFIX = ".mynet-backup-"  # of the folder in which a backup is written
_RECORDS = "mynet.db"
_BESIDE = ("-wal", "-shm", "-journal")  # files of an open database, which its copy includes
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written."""

    size_bytes: int
    # The revision of the last change of mynet.db in the backup.
    revision: int


@dataclass(frozen=True, slots=True)
class Backups:
    """Makes backups of the state directory of this daemon."""

    state: StateDir
    # The folder in which callers may have files written, if the operator has named one.
    folder: Path | None = None

    def make_named(self, call: Call, name: str) -> Backup:
        """Write a backup to a new file in the folder, as :meth:`make` does.

        Raises InvalidArgument also if the operator has named no folder.
        """
        if self.folder is None:
            raise InvalidArgument(
                [
                    Violation(
                        "path",
                        f"{name} would be a file on mynetd's host, and mynetd has no --backup-dir;"
                        " leave the path out, and take the backup from the responses",
                    )
                ]
            )
        return self.make(call, self.folder / name)

    def open(self, call: Call) -> tuple[Backup, BinaryIO]:
        """Return a backup in an open file that has no name. The caller closes the file.

        Raises StoreUnavailable if the disk is full or fails, StoreDamaged and CallerGone.
        """
        folder = self.state.path
        with _refusals(folder), TemporaryDirectory(prefix=PREFIX, dir=folder) as work:
            backup = self._write(call, Path(work))
            require_caller(call)
            return backup, (Path(work) / "backup").open("rb")

    def make(self, call: Call, path: Path) -> Backup:
        """Write a backup to a new file, with mode 0600, and fsync it.

        Raises InvalidArgument if the file cannot be created there, StoreUnavailable if the disk is
        full or fails, StoreDamaged if a database cannot be read, and CallerGone. After an error
        there is no file.
        """
        self._require_new_path(path)
        with _refusals(path), TemporaryDirectory(prefix=PREFIX, dir=path.parent) as work:
            backup = self._write(call, Path(work))
            require_caller(call)
            # Unlike a rename, this fails if another program has created the file meanwhile.
            path.hardlink_to(Path(work) / "backup")
            try:
                fsync_directory(path.parent)
            except OSError:
                path.unlink()
                raise
        log.info("backup made", path=str(path), bytes=backup.size_bytes, revision=backup.revision)
        return backup

    def _write(self, call: Call, work: Path) -> Backup:
        files, revision = self._copy(call, work / "files")
        about = archive.About(version("mynetd"), self.state.instance, datetime.now(UTC), revision)
        with (work / "backup").open("xb") as file:
            archive.pack(file, about, files)
            file.flush()
            os.fchmod(file.fileno(), 0o600)
            os.fsync(file.fileno())
            return Backup(file.tell(), revision)

    def _copy(self, call: Call, folder: Path) -> tuple[Mapping[str, Path], int]:
        """Copy all files; return the copies by name, and the revision of mynet.db."""
        source = self.state.path.absolute()
        names = sorted({*_names(source), _RECORDS})
        databases = [name for name in names if _is_database(source, name)]
        copies = {name: folder / name for name in names}
        for copied in copies.values():
            copied.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with at_one_moment([source / name for name in databases], call.deadline) as readers:
            for name, reader in zip(databases, readers, strict=True):
                if name == _RECORDS:
                    (revision,) = reader.execute("SELECT value FROM revision").fetchone()
                copy(reader, source / name, copies[name])
        for name in set(names) - set(databases):
            with contextlib.suppress(FileNotFoundError):  # the plugin deleted it meanwhile
                shutil.copyfile(source / name, copies[name])
        return {name: path for name, path in copies.items() if path.exists()}, revision

    def _require_new_path(self, path: Path) -> None:
        if os.path.lexists(path):
            raise _refused_path(path, "exists, and a backup never replaces a file; name another")
        if path.parent.resolve().is_relative_to(self.state.path.resolve()):
            raise _refused_path(path, "is in the state directory itself; name a file elsewhere")


def delete_unfinished(folder: Path) -> None:
    """Delete what a daemon that was killed during a backup has left in a folder."""
    for left in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


def _names(folder: Path) -> Iterator[str]:
    """Yield the files of a state directory that a backup has.

    A backup leaves out the log of an open database, lock files, and files under temporary names.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        temporary = path.suffix == ".lock" or path in (
            folder / lock_file.NAME,
            folder / "mynet.json.new",
        )
        if hidden or temporary or path.name.endswith(_BESIDE):
            continue
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISREG(path.lstat().st_mode):
                yield str(path.relative_to(folder))


def _is_database(folder: Path, name: str) -> bool:
    """Return whether a file is an SQLite database, without opening the file.

    Under POSIX, a process that closes a file loses all its locks of the file, also those of other
    descriptors. Source: https://sqlite.org/howtocorrupt.html, 2.2.
    """
    return name.endswith(".db") or (folder / f"{name}-wal").exists()


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Raise StoreUnavailable for errors of the disk, and InvalidArgument for errors of the path."""
    try:
        yield
    except FileExistsError as error:
        raise _refused_path(
            path, "was created by another program in the meantime; name another"
        ) from error
    except OSError as error:
        if error.errno in _DISK:
            raise StoreUnavailable(
                f"{path} cannot be written: {error.strerror}. Nothing is left of it; make room on"
                " the disk, repair it or name a file on another disk, and call again",
                resource=str(path),
            ) from error
        raise _refused_path(
            path,
            f"cannot be made there ({error.strerror}); name a file in a folder of mynetd's"
            " host that mynetd may write to, on a file system with hard links",
        ) from error


def _refused_path(path: Path, why: str) -> InvalidArgument:
    return InvalidArgument([Violation("path", f"{path} {why}")])

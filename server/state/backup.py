"""Backups: everything in the state directory, as it was at one moment, in one file.

The moment is that of :mod:`mynet.ipam.sqlite.snapshot`: of all databases together, while calls go
on. So a backup is what a kill at that moment would have left, and to start from it is to recover
from that. What was acknowledged before the backup began is in it.
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

import structlog

from mynet.ipam.errors import StoreUnavailable
from mynet.ipam.sqlite.snapshot import at_one_moment, copy
from mynet.server.calls.call import Call, require_caller
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.state import archive, lock_file
from mynet.server.state.directory import StateDir, fsync_directory

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_BOOK = "mynet.db"
_BESIDE = ("-wal", "-shm", "-journal")  # files that belong to a database: its copy has them inside
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made; ``revision`` is that of the last change of mynet.db in it."""

    size_bytes: int
    revision: int


class Backups:
    """Makes backups of a state directory that a daemon works on."""

    def __init__(self, state: StateDir) -> None:
        self._state = state

    def make(self, call: Call, path: Path) -> Backup:
        """Write a backup to a new file, readable by its owner alone; on the disk when this returns.

        Raises InvalidArgument where no such file can be made, StoreUnavailable where the disk
        refuses, StoreDamaged where a database cannot be read, and CallerGone. Then there is no
        such file, nor part of it.
        """
        self._require_place(path)
        with _refusals(path), TemporaryDirectory(prefix=".mynet-backup-", dir=path.parent) as work:
            made = self._write(call, Path(work))
            require_caller(call)
            # Unlike a rename, this fails where the name is taken by now.
            path.hardlink_to(Path(work) / "backup")
            try:
                fsync_directory(path.parent)
            except OSError:
                path.unlink()
                raise
        log.info("backup made", path=str(path), bytes=made.size_bytes, revision=made.revision)
        return made

    def _write(self, call: Call, work: Path) -> Backup:
        files, revision = self._copy(call, work / "files")
        about = archive.About(version("mynetd"), self._state.instance, datetime.now(UTC), revision)
        with (work / "backup").open("xb") as file:
            archive.pack(file, about, files)
            file.flush()
            os.fchmod(file.fileno(), 0o600)
            os.fsync(file.fileno())
            return Backup(file.tell(), revision)

    def _copy(self, call: Call, folder: Path) -> tuple[Mapping[str, Path], int]:
        """Copy all files; return the copies by their names, and the revision of mynet.db."""
        source = self._state.path.absolute()
        names = sorted({*_names(source), _BOOK})
        databases = [name for name in names if _is_database(source, name)]
        copies = {name: folder / name for name in names}
        for each in copies.values():
            each.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with at_one_moment([source / name for name in databases], call.deadline) as readers:
            for name, reader in zip(databases, readers, strict=True):
                if name == _BOOK:
                    (revision,) = reader.execute("SELECT value FROM revision").fetchone()
                copy(reader, source / name, copies[name])
        for name in set(names) - set(databases):
            with contextlib.suppress(FileNotFoundError):  # its owner took it away meanwhile
                shutil.copyfile(source / name, copies[name])
        return {name: path for name, path in copies.items() if path.exists()}, revision

    def _require_place(self, path: Path) -> None:
        if os.path.lexists(path):
            raise _unfit(path, "is there already, and a backup never replaces a file; name another")
        if path.parent.resolve().is_relative_to(self._state.path.resolve()):
            raise _unfit(path, "is in the state directory, which it is to be a backup of")


def _names(folder: Path) -> Iterator[str]:
    """Yield the files of a state directory that its state is in.

    Not among them: what belongs to a database that is open, what only one who has a file open
    needs, and what somebody is going to rename.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        passing = path.suffix == ".lock" or path in (
            folder / lock_file.NAME,
            folder / "mynet.json.new",
        )
        if hidden or passing or path.name.endswith(_BESIDE):
            continue
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISREG(path.lstat().st_mode):
                yield str(path.relative_to(folder))


def _is_database(folder: Path, name: str) -> bool:
    """Say whether a file is an SQLite database. To look into it would be to lose its locks.

    POSIX has it that a process gives up its locks of a file when it closes that, however often it
    has it open. Source: https://sqlite.org/howtocorrupt.html, 2.2.
    """
    return name.endswith(".db") or (folder / f"{name}-wal").exists()


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Tell a disk that refuses from a path that will not do."""
    try:
        yield
    except FileExistsError as error:
        raise _unfit(path, "was made by somebody else in the meantime; name another") from error
    except OSError as error:
        if error.errno in _DISK:
            raise StoreUnavailable(
                f"{path} cannot be written: {error.strerror}. Nothing is left of it; make room on"
                " the disk or mend it, or name a file on another, and call again",
                resource=str(path),
            ) from error
        raise _unfit(
            path,
            f"cannot be made there ({error.strerror}); name a file in a folder of mynetd's"
            " host that mynetd may write, on a file system with hard links",
        ) from error


def _unfit(path: Path, why: str) -> InvalidArgument:
    return InvalidArgument([Violation("path", f"{path} {why}")])

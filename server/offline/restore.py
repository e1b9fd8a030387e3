"""Restoring a backup: it is unpacked beside the state directory, checked, and exchanged for it.

The kernel exchanges the two directories in one step. Before that step nothing is changed. The old
directory is kept beside the new one, under another name.
"""

import ctypes
import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from mynet.server.errors import CannotRestore
from mynet.server.offline.fsck import examine
from mynet.server.state import lock_file
from mynet.server.state.archive import About, unpack
from mynet.server.state.directory import fsync_directory, read_marker

_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore."""

    # What the backup says about itself.
    about: About
    # Where the old directory is now, or None if there was none.
    aside: Path | None
    # The findings of fsck, which the next start repairs.
    findings: Sequence[str]


def restore(file: Path, state_dir: Path, *, move_aside: bool) -> Restored:
    """Make a backup the state directory. A directory with files needs ``move_aside``.

    Raises CannotStart while a daemon uses the directory, CannotRestore if the backup or the
    directory cannot be used, and OSError if the disk fails. After an error nothing is changed.
    """
    target = state_dir.resolve()  # otherwise a symbolic link would be exchanged
    with lock_file.lock_unchanged(target):
        occupied = _require_place(target, move_aside=move_aside)
        unpacked = Path(mkdtemp(prefix=f".{target.name}.restore-", dir=target.parent))
        try:
            about = unpack(file, unpacked)
            findings = _require_sound(file, unpacked, about)
            _sync(unpacked)
        except BaseException:
            shutil.rmtree(unpacked, ignore_errors=True)
            raise
        aside = _put_in_place(unpacked, target, occupied=occupied)
    return Restored(about, aside, findings)


def _require_place(target: Path, *, move_aside: bool) -> bool:
    """Return whether the directory has files other than a lock file.

    Raises CannotRestore if it has and they may not be moved, or if it cannot be created.
    """
    if not target.parent.is_dir() or (target.exists() and not target.is_dir()):
        raise CannotRestore(
            f"{target} cannot be made a state directory: it or its parent is not a directory;"
            " name another with --state-dir"
        )
    occupied = target.exists() and any(entry.name != lock_file.NAME for entry in target.iterdir())
    if occupied and not move_aside:
        raise CannotRestore(
            f"the state directory {target} has files, which a restore never deletes; move them"
            " aside with --move-aside, or name another directory with --state-dir"
        )
    return occupied


def _require_sound(file: Path, unpacked: Path, about: About) -> Sequence[str]:
    """Return the findings that the next start repairs.

    Raises CannotRestore if no daemon of this version would start from the backup.
    """
    report = examine(unpacked)
    if report.whole and read_marker(unpacked)[0] != about.instance:
        raise CannotRestore(
            f"{file} contradicts itself: it names two instances; use another backup"
        )
    if not report.whole:
        raise CannotRestore(
            f"{file} cannot be used: {'; '.join(report.findings[:3])}. Nothing was changed; use"
            " another backup, or the mynetd that wrote this one"
            f" ({about.version}, {about.create_time:%Y-%m-%d %H:%M} UTC)"
        )
    return report.findings


def _put_in_place(unpacked: Path, target: Path, *, occupied: bool) -> Path | None:
    """Exchange the directories; return where the old one is now, if it had files."""
    aside = _free_name(target)
    is_new = not target.exists()
    ours = unpacked.stat().st_ino
    try:
        unpacked.rename(target) if is_new else _exchange(unpacked, target)
    except BaseException:
        if unpacked.exists() and unpacked.stat().st_ino == ours:  # and not the old directory
            shutil.rmtree(unpacked, ignore_errors=True)
        raise
    if occupied:
        unpacked.rename(aside)
        lock_file.remove(aside)  # the kernel follows the restored directory from now on
    elif not is_new:
        lock_file.remove(unpacked)
        unpacked.rmdir()
    fsync_directory(target.parent)
    return aside if occupied else None


def _free_name(target: Path) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    names = [f"{target.name}.before-restore-{stamp}{suffix}" for suffix in ("", "-2", "-3", "-4")]
    for name in names:
        if not (target.parent / name).exists():
            return target.parent / name
    raise CannotRestore(f"{target.parent / names[0]} and similar names exist already; try again")


def _exchange(one: Path, other: Path) -> None:
    """Exchange the names of two directories. Source: rename(2), RENAME_EXCHANGE.

    Raises CannotRestore if the file system cannot do that or one is a mount point, and OSError.
    """
    words = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if _libc.renameat2(*words) == 0:
        return
    number = ctypes.get_errno()
    if number in (errno.EBUSY, errno.EINVAL, errno.EXDEV, errno.ENOSYS):
        raise CannotRestore(
            f"{other} cannot be exchanged in one step: it is a mount point, or on a file system"
            f" that cannot exchange names ({os.strerror(number)}). Nothing was changed; move it"
            " away, or name another directory with --state-dir"
        )
    raise OSError(number, os.strerror(number), str(other))


def _sync(folder: Path) -> None:
    """Fsync all directories of a tree, whose files are on the disk already."""
    for path, _, _ in os.walk(folder):
        fsync_directory(Path(path))

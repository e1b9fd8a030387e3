"""Bringing a backup back: it is unpacked beside the state directory, checked, and exchanged for it.

Until the exchange, which is one step of the kernel's, everything is as it was; after it, the backup
is in place. What was in place before is kept beside it, under a name that says so.
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
    """What was restored, where the old directory is now if there was one, and what fsck finds."""

    about: About
    aside: Path | None
    findings: Sequence[str]


def restore(file: Path, state_dir: Path, *, move_aside: bool) -> Restored:
    """Make a backup the state directory; one that has something in it only with ``move_aside``.

    Raises CannotStart while a daemon works on the directory, CannotRestore where the backup is not
    to be used or has no place, and OSError where the disk refuses; then nothing was changed.
    """
    target = state_dir.resolve()  # or a link to it would be exchanged, and not the directory
    with lock_file.lock_unchanged(target):
        occupied = _require_place(target, move_aside=move_aside)
        made = Path(mkdtemp(prefix=f".{target.name}.restore-", dir=target.parent))
        try:
            about = unpack(file, made)
            findings = _require_sound(file, made, about)
            _sync(made)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        aside = _put_in_place(made, target, occupied=occupied)
    return Restored(about, aside, findings)


def _require_place(target: Path, *, move_aside: bool) -> bool:
    """Say whether there is something in the directory, beside the lock of a daemon that was there.

    Raises CannotRestore where there is and it may not be moved, or where no directory can be made.
    """
    if not target.parent.is_dir() or (target.exists() and not target.is_dir()):
        raise CannotRestore(
            f"{target} cannot be made a state directory: it is no directory, or is in none; name"
            " another with --state-dir"
        )
    occupied = target.exists() and any(entry.name != lock_file.NAME for entry in target.iterdir())
    if occupied and not move_aside:
        raise CannotRestore(
            f"the state directory {target} has something in it, which a restore never deletes; have"
            " it moved aside (--move-aside), or name another directory with --state-dir"
        )
    return occupied


def _require_sound(file: Path, made: Path, about: About) -> Sequence[str]:
    """Refuse what no daemon of this version would start from; return what recovery will heal."""
    report = examine(made)
    if report.whole and read_marker(made)[0] != about.instance:
        raise CannotRestore(
            f"{file} contradicts itself: it is of two instances; use another backup"
        )
    if not report.whole:
        raise CannotRestore(
            f"{file} cannot be used: {'; '.join(report.findings[:3])}. Nothing was changed; use"
            " another backup, or the mynetd that made this one"
            f" ({about.version}, {about.create_time:%Y-%m-%d %H:%M} UTC)"
        )
    return report.findings


def _put_in_place(made: Path, target: Path, *, occupied: bool) -> Path | None:
    """Exchange the directories; return where the old one is now, if it had anything in it."""
    aside = _free_name(target)
    is_new = not target.exists()
    ours = made.stat().st_ino
    try:
        made.rename(target) if is_new else _exchange(made, target)
    except BaseException:
        if made.exists() and made.stat().st_ino == ours:  # and not the old one
            shutil.rmtree(made, ignore_errors=True)
        raise
    if occupied:
        made.rename(aside)
        lock_file.remove(aside)  # the kernel follows the restored directory from now on
    elif not is_new:
        lock_file.remove(made)
        made.rmdir()
    fsync_directory(target.parent)
    return aside if occupied else None


def _free_name(target: Path) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    names = [f"{target.name}.before-restore-{stamp}{suffix}" for suffix in ("", "-2", "-3", "-4")]
    for name in names:
        if not (target.parent / name).exists():
            return target.parent / name
    raise CannotRestore(f"{target.parent / names[0]} and its like are there already; try again")


def _exchange(one: Path, other: Path) -> None:
    """Exchange the names of two directories. Source: rename(2), RENAME_EXCHANGE.

    Raises CannotRestore where the file system cannot do that, or where one is a mount point.
    """
    words = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if _libc.renameat2(*words) == 0:
        return
    number = ctypes.get_errno()
    if number in (errno.EBUSY, errno.EINVAL, errno.EXDEV, errno.ENOSYS):
        raise CannotRestore(
            f"{other} cannot be exchanged in one step: it is a mount point, or on a file system"
            f" that does not know how ({os.strerror(number)}). Nothing was changed; move it away"
            " yourself, or name another directory with --state-dir"
        )
    raise OSError(number, os.strerror(number), str(other))


def _sync(folder: Path) -> None:
    """Have the names of all files of a folder on the disk; their contents are."""
    for path, _, _ in os.walk(folder):
        fsync_directory(Path(path))

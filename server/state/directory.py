"""The state directory: its identity, and the databases that belong to it.

Two daemons on one state directory would both allocate the same address, so the second is refused.
A directory that lacks databases is refused too, and not initialised again.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mynet.server.errors import CannotStart
from mynet.server.state import lock_file

_MARKER = "mynet.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StateDir:
    """A state directory that this process has locked."""

    path: Path
    # The directory's identity. Every link that the daemon creates carries it.
    instance: str

    def complete(self) -> None:
        """Record which databases the directory has, so that the next start notices a missing one.

        Raises OSError.
        """
        _write_marker(self.path, self.instance, _databases(self.path))


@contextlib.contextmanager
def lock_state_dir(path: Path) -> Iterator[StateDir]:
    """Lock a state directory, and create it if it does not exist.

    Raises CannotStart if it cannot be created, is in use, or lacks files.
    """
    with contextlib.ExitStack() as locked:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            locked.enter_context(lock_file.lock(path))
        except OSError as error:
            raise CannotStart(
                f"the state directory {path} cannot be used: {error.strerror}; run mynetd as root,"
                " or name another directory with --state-dir"
            ) from error
        yield StateDir(path, _instance(path))


def read_marker(path: Path) -> tuple[str, Sequence[str]]:
    """Return the directory's identity, and the databases that it has.

    Raises CannotStart if a newer mynetd wrote the marker, ValueError if it is malformed, and
    OSError.
    """
    match json.loads((path / _MARKER).read_text(encoding="utf-8")):
        case {"format": int(version)} if version > _FORMAT:
            raise CannotStart(
                f"{path} was written by a newer mynetd (format {version}, this one reads format"
                f" {_FORMAT}); install that version again. Nothing was changed"
            )
        case {"format": int(), "instance": str(instance), "files": [*files]} if all(
            isinstance(name, str) for name in files
        ):
            return instance, files
    raise ValueError("it lacks fields that every marker has")


def fsync_directory(path: Path) -> None:
    """Fsync a directory, so that created and renamed entries survive a crash. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _instance(path: Path) -> str:
    """Return the directory's identity; a new directory gets one. Raises CannotStart."""
    try:
        instance, files = read_marker(path)
    except FileNotFoundError:
        return _new_instance(path)
    except (OSError, ValueError) as error:
        raise CannotStart(
            f"{path / _MARKER} cannot be read as the marker of a state directory ({error});"
            " restore the directory from a backup. Nothing was changed"
        ) from error
    missing = [name for name in files if not _has_content(path / name)]
    if missing:
        raise CannotStart(
            f"{path} lacks {', '.join(missing)}, or the content of it; restore the directory from a"
            " backup. Nothing was changed, because a missing database is not an empty one"
        )
    return instance


def _has_content(path: Path) -> bool:
    """Return whether a file exists and is not empty: SQLite takes 0 bytes for a new database."""
    return path.exists() and path.stat().st_size > 0


def _new_instance(path: Path) -> str:
    databases = _databases(path)
    if databases:
        raise CannotStart(
            f"{path} has {', '.join(databases)} but no {_MARKER}; restore the directory from a"
            " backup, or move those files away to begin with empty databases. Nothing was changed"
        )
    instance = secrets.token_hex(8)
    _write_marker(path, instance, [])
    return instance


def _databases(path: Path) -> Sequence[str]:
    """Return the databases of the daemon and of the backends. Drivers keep track of their own."""
    files = [*path.glob("*.db"), *path.glob("ipam/**/*.db")]
    return sorted(str(file.relative_to(path)) for file in files)


def _write_marker(path: Path, instance: str, files: Sequence[str]) -> None:
    """Replace the marker in one step, so that a crash leaves the old one or the new one."""
    marker = {"format": _FORMAT, "instance": instance, "files": files}
    temporary = path / f"{_MARKER}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(marker, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path / _MARKER)
    fsync_directory(path)

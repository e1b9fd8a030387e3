"""Run a command as an ordinary user of this host: ordinary_user.py FOLDER COMMAND [ARGUMENT...].

The user may read FOLDER and this Python, also where a folder above them is root's alone, as /root
is. For that the program needs a mount namespace of its own (``unshare --mount``). In a user
namespace without other users, an ordinary user runs the tests already.
"""

import os
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

_USER = 1000  # the first ordinary user of most hosts
_HELD = Path("/run")  # an ordinary user's commands need nothing in it


def main(folder: Path, command: list[str]) -> None:
    """Become the user and run the command. Does not return."""
    os.umask(0o022)  # the folders that are made here are for everybody
    if _has_other_users():
        _open_ways([folder, Path(sys.prefix), Path(sys.base_prefix)])
        os.chdir(folder)
        os.setgroups([])
        os.setgid(_USER)
        os.setuid(_USER)
    environment = {**os.environ, "HOME": "/nonexistent"}
    os.execvpe(command[0], command, environment)  # noqa: S606 - it becomes the command


def _has_other_users() -> bool:
    """Return whether the user exists in this user namespace. Source: user_namespaces(7)."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    ranges = [map(int, line.split()) for line in lines]
    return any(first <= _USER < first + count for first, _, count in ranges)


def _open_ways(wanted: Iterable[Path]) -> None:
    """Cover each closed folder above what is wanted, and leave in it only what is wanted."""
    paths = sorted({path.resolve() for path in wanted})
    closed = {folder for path in paths for folder in _closed_above(path)}
    held = [path for path in paths if closed.intersection(path.parents)]
    _mount("-t", "tmpfs", "tmpfs", _HELD)
    for number, path in enumerate(held):
        (_HELD / str(number)).mkdir()
        _mount("--rbind", path, _HELD / str(number))
    for folder in closed:
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for number, path in enumerate(held):
        path.mkdir(parents=True, exist_ok=True)
        _mount("--rbind", _HELD / str(number), path)


def _closed_above(path: Path) -> Iterable[Path]:
    """Return the topmost folder above a path that only its owner may enter, if there is one."""
    folders = [folder for folder in reversed(path.parents) if not _is_open(folder)]
    return folders[:1]


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(("mount", *arguments), check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

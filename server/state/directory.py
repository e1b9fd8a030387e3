"""What a daemon claims for itself at start: a state directory and a network namespace.

Two daemons on one state would both hand out the same address; two in one network namespace would
both own ``table inet mynet``. The second is refused, with the pid of the first.
"""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mynet.server.errors import CannotStart
from mynet.server.host import Host

NAMESPACE_SOCKET = "\0mynet"  # abstract, so it is of the network namespace, and dies with its owner

_MARKER = "mynet.json"
_FORMAT = 1
_SHOWN = 5  # devices in a message


@dataclass(frozen=True, slots=True)
class StateDir:
    """A state directory that this process holds.

    ``instance`` is the directory's identity: it is in the mark of everything made from it.
    """

    path: Path
    instance: str

    def complete(self) -> None:
        """Write down which databases are here, so that the next start misses one that is not."""
        _write_marker(self.path, self.instance, _databases(self.path))


@contextlib.contextmanager
def claim_state_dir(path: Path) -> Iterator[StateDir]:
    """Hold a state directory, made where it is not there yet. Raises CannotStart.

    Like: flock --exclusive --nonblock PATH/lock.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            f"the state directory {path} cannot be used: {error.strerror}; run mynetd as root, or"
            " name another with --state-dir"
        ) from error
    try:
        _lock(path, fd)
        yield StateDir(path, _instance(path))
    finally:
        os.close(fd)


@contextlib.contextmanager
def keep_daemons_out(path: Path) -> Iterator[None]:
    """Let no daemon work on a state directory meanwhile, and change nothing in it.

    Raises CannotStart while one does. One in which no daemon ever was has nothing to be locked.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            fd = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
            held.callback(os.close, fd)
            _hold(path, fd)
        yield


@contextlib.contextmanager
def claim_namespace() -> Iterator[None]:
    """Hold this network namespace. Raises CannotStart. Source: unix(7), abstract sockets."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(NAMESPACE_SOCKET)
        except OSError as error:
            pid = namespace_holder() or "unknown"
            raise CannotStart(
                f"another mynetd (pid {pid}) runs in this network namespace; stop it, or start this"
                " one in a namespace of its own"
            ) from error
        holder.listen()
        yield


def namespace_holder() -> str:
    """Return the pid of the mynetd of this network namespace, "unknown", or "" where none runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as caller:
        try:
            caller.connect(NAMESPACE_SOCKET)
            credentials = caller.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
        except ConnectionRefusedError:
            return ""
        except OSError:
            return "unknown"
    pid: int = struct.unpack("3i", credentials)[0]
    return str(pid)


def require_no_foreigners(host: Host, instance: str) -> None:
    """Refuse a namespace in which another instance's networks stand. Raises CannotStart.

    Their addresses are in books that this daemon does not have, and its firewall would shut them
    out.
    """
    foreign = sorted(host.foreigners(instance))
    if foreign:
        shown = ", ".join(foreign[:_SHOWN]) + (", ..." if len(foreign) > _SHOWN else "")
        raise CannotStart(
            f"networks of another mynetd stand in this network namespace ({shown}): this state"
            f" directory is of instance {instance}, and those devices are not. Start mynetd with"
            " the state directory that they are in, or take each away with: ip link delete DEVICE."
            " Nothing was changed"
        )


def _lock(path: Path, fd: int) -> None:
    _hold(path, fd)
    there = path / "lock"
    if not there.exists() or there.stat().st_ino != os.fstat(fd).st_ino:
        raise CannotStart(
            f"the state directory {path} was exchanged for another at this moment, by a restore;"
            " start again"
        )
    _, _, home = os.pread(fd, 1024, 0).partition(b"\n")  # which a start that is refused leaves
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode() + home, 0)


def _hold(path: Path, fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").partition("\n")[0] or "unknown"
        raise CannotStart(
            f"the state directory {path} is in use by another mynetd (pid {holder}); stop it, or"
            " name another directory with --state-dir"
        ) from error


def _instance(path: Path) -> str:
    """Return the directory's identity, or give it one if it is new. Missing files are no start."""
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
            f"{path} lacks {', '.join(missing)}, or what was in it; restore the directory from a"
            " backup. Nothing was changed: a book that is missing is not an empty one"
        )
    return instance


def read_marker(path: Path) -> tuple[str, Sequence[str]]:
    """Return the directory's identity, and the databases that it has.

    Raises CannotStart where a newer mynetd wrote it, and OSError and ValueError.
    """
    match json.loads((path / _MARKER).read_text(encoding="utf-8")):
        case {"format": int(version)} if version > _FORMAT:
            raise CannotStart(
                f"{path} was written by a newer mynetd (format {version}, this one knows"
                f" {_FORMAT}); install that version again. Nothing was changed"
            )
        case {"format": int(), "instance": str(instance), "files": [*files]} if all(
            isinstance(name, str) for name in files
        ):
            return instance, files
    raise ValueError("it lacks what every marker has")


def _has_content(path: Path) -> bool:
    """Say whether a file is there with something in it: SQLite takes 0 bytes for a new database."""
    return path.exists() and path.stat().st_size > 0


def _new_instance(path: Path) -> str:
    found = _databases(path)
    if found:
        raise CannotStart(
            f"{path} has {', '.join(found)} but no {_MARKER}; restore the directory from a backup,"
            " or move those files away to begin with empty books. Nothing was changed"
        )
    instance = secrets.token_hex(8)
    _write_marker(path, instance, [])
    return instance


def _databases(path: Path) -> Sequence[str]:
    """List the books: the daemon's own and the backends'. What drivers keep is their affair."""
    found = [*path.glob("*.db"), *path.glob("ipam/**/*.db")]
    return sorted(str(file.relative_to(path)) for file in found)


def _write_marker(path: Path, instance: str, files: Sequence[str]) -> None:
    """Replace the marker so that a crash leaves the old one or the new one, whole."""
    marker = {"format": _FORMAT, "instance": instance, "files": files}
    temporary = path / f"{_MARKER}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(marker, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path / _MARKER)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

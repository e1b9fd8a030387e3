"""mynetd that kills itself at a point: ``python kill_daemon.py FOLDER [OPTION OF MYNETD]...``.

There is a point before and after each commit, and before each change of the kernel. Points are
counted while there is a file FOLDER/armed. It has the number of the point, or 0 for none. The file
FOLDER/points has the name of each point that was reached.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mynet.drivers.linux import sysctl
from mynet.drivers.linux.firewall.tables import tables
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from mynet.ipam.sqlite.writer import Writer
from mynet.server.main import main

T = TypeVar("T")

_lock = threading.Lock()  # of the file of points


def reach(folder: Path, name: str) -> None:
    """Note a point, and kill this process if it is the one."""
    armed, points = folder / "armed", folder / "points"
    with _lock:
        if not armed.exists():
            return
        with points.open("a", encoding="utf-8") as file:
            file.write(name + "\n")
        if len(points.read_text(encoding="utf-8").splitlines()) == int(armed.read_text()):
            os.kill(os.getpid(), signal.SIGKILL)


def watch(owner: Any, verb: str, before: Callable[..., str], after: Callable[..., str]) -> None:
    """Put a point before and after a function, where it has a name."""
    original = getattr(owner, verb)

    def watched(*arguments: Any) -> Any:
        if name := before(*arguments):
            reach(FOLDER, name)
        result = original(*arguments)
        if name := after(*arguments):
            reach(FOLDER, name)
        return result

    setattr(owner, verb, watched)


def nothing(*_: Any) -> str:
    return ""


def commit(when: str) -> Callable[..., str]:
    return lambda writer, _jobs: f"{when} a commit of {writer.path.name}"


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    watch(Writer, "_transact", commit("before"), commit("after"))
    watch(Netlink, "ask", lambda _, *requests: f"before: {requests[0].doing}", nothing)
    watch(tables, "run_nft", lambda *_: "before: load the firewall", nothing)
    watch(sysctl, "write", lambda setting, value: f"before: write {value} to {setting}", nothing)
    sys.argv[:2] = ["mynetd"]
    main()

"""A process that has imported mynet and forks to run it: ``python fork_server.py SOCKET BIN``.

To start mynetd takes a second of CPU, nearly all of it for imports. A fork of this process has
them already. It never calls into gRPC itself, because gRPC's threads would not survive a fork.

A request is one message on the socket, with file descriptors: standard input, output and error, a
pipe for the answer, and the namespaces to enter. The answer is the pid, and later the exit status
as :mod:`subprocess` counts it. When the socket is closed the server ends, and its children with it.
"""

import ctypes
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

NUMBER = struct.Struct("i")
LONGEST_REQUEST, MOST_DESCRIPTORS = 2**18, 8

_PACKAGES = ("server", "cli", "drivers.linux", "drivers.bridge", "ipam.bitmap", "ipam.sqlite")
_ENTRY_POINTS = {"mynetd": "mynet.server.main", "mynetctl": "mynet.cli.main"}
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15

_libc = ctypes.CDLL(None, use_errno=True)


def import_programs() -> None:
    """Import all that mynetd and mynetctl use, what they import late included."""
    for name in _PACKAGES:
        package = importlib.import_module(f"mynet.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def serve(control: socket.socket, folder: Path) -> Callable[[], Any]:
    """Fork for each request. Return in the child alone, with the program that it is to run."""
    server = os.getpid()
    children: dict[int, tuple[int, int]] = {}
    poll = select.poll()
    poll.register(control.fileno(), select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in children:
                poll.unregister(ready)
                pid, answer = children.pop(ready)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                _write(answer, status)
                os.close(ready)
                os.close(answer)
                continue
            message, descriptors, *_ = socket.recv_fds(control, LONGEST_REQUEST, MOST_DESCRIPTORS)
            if not message:
                os._exit(0)
            if not (pid := os.fork()):
                control.detach()
                return become(json.loads(message), descriptors, server, folder)
            streams, answer, namespaces = descriptors[:3], descriptors[3], descriptors[4:]
            for number in (*streams, *namespaces):
                os.close(number)
            _write(answer, pid)
            watched = os.pidfd_open(pid)
            children[watched] = (pid, answer)
            poll.register(watched, select.POLLIN)


def _write(answer: int, number: int) -> None:
    with suppress(BrokenPipeError):  # the client has gone
        os.write(answer, NUMBER.pack(number))


def become(
    request: Mapping[str, Any], descriptors: Sequence[int], server: int, folder: Path
) -> Callable[[], Any]:
    """Make this process what an exec in those namespaces would have made it."""
    program, *arguments = request["command"]
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    for namespace in descriptors[4:]:
        if _libc.setns(namespace, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter a namespace")
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:1] = [str(folder), *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    _open_streams()
    _libc.prctl(_PR_SET_NAME, program.encode())
    if program not in _ENTRY_POINTS:
        sys.argv = [program, *arguments]
        return lambda: runpy.run_path(program, run_name="__main__")
    sys.argv = [str(folder / program), *arguments]
    main: Callable[[], Any] = sys.modules[_ENTRY_POINTS[program]].main
    return main


def _open_streams() -> None:
    """Open Python's standard streams anew: the inherited ones know the server's descriptors."""
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - open until the process ends
    for number, name, errors in ((1, "stdout", "strict"), (2, "stderr", "backslashreplace")):
        raw = open(number, "wb", closefd=False)  # noqa: SIM115 - likewise
        stream = io.TextIOWrapper(raw, errors=errors, line_buffering=number == 2)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is pytest's, which then closes the socket
    sys.path[0] = sys.argv[2]
    import_programs()
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"importing mynet started {threads - 1} threads, which a fork would lose"
    gc.freeze()
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))())

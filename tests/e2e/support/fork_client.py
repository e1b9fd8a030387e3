"""Run mynetd and mynetctl by forks of programs/fork_server.py, which has imported them."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from tests.e2e.programs import fork_server

# What an interpreter reads at its own start, which a fork of one does not repeat.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_")


def can_fork(command: Sequence[str | Path], environ: Mapping[str, str]) -> bool:
    """Return whether a fork does what an exec of the command would do."""
    program = str(command[0])
    return (program in ("mynetd", "mynetctl") or program.endswith(".py")) and not any(
        name.startswith(_READ_AT_START) for name in environ if name != "PYTHONPATH"
    )


class ForkedProcess:
    """A process as :class:`subprocess.Popen` has it, whose parent is the fork server."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self.pid = self._read()
        self.returncode: int | None = None

    def _read(self) -> int:
        answer = os.read(self._answers, fork_server.NUMBER.size)
        assert answer, "the fork server has ended"
        number: int = fork_server.NUMBER.unpack(answer)[0]
        return number

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raise subprocess.TimeoutExpired where it has not."""
        if self.returncode is None:
            readable = select.poll()
            readable.register(self._answers, select.POLLIN)
            if not readable.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = self._read()
            os.close(self._answers)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def _server() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """Start this process's fork server; return the socket for requests to it, and its process."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = str(Path(sys.executable).parent)
    script = [sys.executable, fork_server.__file__, str(far.fileno()), folder]
    process = subprocess.Popen(script, pass_fds=[far.fileno()], stdin=subprocess.DEVNULL)
    far.close()
    return near, process


def end_server() -> None:
    """End this process's fork server, if it has one."""
    if _server.cache_info().currsize:
        control, process = _server()
        control.close()
        process.wait()
        _server.cache_clear()


def start(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    namespaces: Iterable[str],
    *,
    output: int,
    errors: int,
) -> ForkedProcess:
    """Run mynetd, mynetctl or a Python file in these namespaces, with nothing to read."""
    request = {"command": [str(word) for word in command], "environment": dict(environment)}
    answers, answer = os.pipe()
    with ExitStack() as stack:
        stack.callback(os.close, answer)
        opened = [os.open(path, os.O_RDONLY) for path in ("/dev/null", *namespaces)]
        for number in opened:
            stack.callback(os.close, number)
        descriptors = [opened[0], output, errors, answer, *opened[1:]]
        socket.send_fds(_server()[0], [json.dumps(request).encode()], descriptors)
    return ForkedProcess(answers)


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    namespaces: Iterable[str],
    timeout: float,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; return its exit status and what it printed."""
    with ExitStack() as stack:
        output, errors = (
            stack.enter_context(os.fdopen(os.memfd_create(name), "r+"))
            for name in ("stdout", "stderr")
        )
        process = start(
            command, environment, namespaces, output=output.fileno(), errors=errors.fileno()
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(command), status, output.read(), errors.read())

"""A process in a fresh network namespace that waits for the word to become a command.

The process is forked before anything here has threads, that is before grpc is imported. It and its
parent talk over two pipes: it says that it is ready, and is told to go.
"""

import ctypes
import os
import signal
from collections.abc import Sequence

import click

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells say it
_BY_SIGNAL = 128
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Sandbox:
    """A child in a network namespace of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        ready_end, child_ready = os.pipe()
        child_go, self._go_end = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(ready_end)
            os.close(self._go_end)
            _become(command, child_ready, child_go)
        os.close(child_ready)
        os.close(child_go)
        with os.fdopen(ready_end, encoding="utf-8") as ready:
            if reason := ready.read():
                os.waitpid(self.pid, 0)
                raise click.ClickException(
                    f"a network namespace cannot be made: {reason}; run mynetctl as root"
                )

    def go(self) -> int:
        """Let it become the command; return that one's exit status, as a shell has it."""
        for number in _FORWARDED:
            signal.signal(number, lambda number, _: os.kill(self.pid, number))
        # The terminal sends SIGINT to the command itself; this process has to outlive it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(self._go_end, b"go")
        os.close(self._go_end)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else _BY_SIGNAL - code

    def abandon(self) -> None:
        """End it without having become the command."""
        os.close(self._go_end)
        os.waitpid(self.pid, 0)


def _become(command: Sequence[str], ready: int, go: int) -> None:
    """Be the child: enter a fresh namespace, say so, wait, and turn into the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if libc.unshare(_CLONE_NEWNET) != 0:
        os.write(ready, os.strerror(ctypes.get_errno()).encode())
        os._exit(1)
    os.close(ready)
    if os.read(go, 2) != b"go":
        os._exit(1)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - that is what it is for
    except FileNotFoundError:
        os.write(2, f"mynetctl: {command[0]}: command not found\n".encode())
        os._exit(_NOT_FOUND)
    except OSError as error:
        os.write(2, f"mynetctl: {command[0]}: {error.strerror}\n".encode())
        os._exit(_NOT_EXECUTABLE)

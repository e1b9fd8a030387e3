"""A child process in a new network namespace, which waits before it executes its command.

The child is forked before this process has threads, that is before grpc is imported. Parent and
child talk over two pipes. On the first the child reports that its namespace exists, or an error. On
the second the parent tells it to execute the command.
"""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn, Self

from mynet.cli.errors import Failed, complain

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # the exit statuses of a shell
_BY_SIGNAL = 128
_FROM_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
_SIGNALS = (*_FROM_TERMINALS, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Sandbox:
    """A child process in a network namespace of its own.

    It is a context manager, and the child ends with its block. Within the block, signals raise
    SystemExit, so that the caller can clean up. After it, signals are ignored.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Fork the child. Raises Failed if it may not create a network namespace."""
        ready_end, child_ready = os.pipe()
        child_go, self._go_end = os.pipe()
        self._signalled = 0  # the number of the signal that ended this process's work
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(ready_end)
                os.close(self._go_end)
                _run_child(command, child_ready, child_go)
            finally:
                os._exit(1)  # on any error, the child must not continue as a second mynetctl
        os.close(child_ready)
        os.close(child_go)
        with os.fdopen(ready_end, encoding="utf-8") as ready:
            reason = ready.read()
        if reason:
            self._wait()
            raise Failed(
                "PRIVILEGE_MISSING",
                f"a network namespace cannot be created: {reason}; run mynetctl as root",
            )

    def __enter__(self) -> Self:
        _handle(self._leave)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._go_end >= 0:
            self._wait()

    def go(self) -> int:
        """Execute the command, wait for it, and return its exit status as a shell reports it."""
        _handle(self._forward)
        if self._signalled:  # the exception was raised in a callback of grpc, which swallows it
            raise SystemExit(_BY_SIGNAL + self._signalled)
        with contextlib.suppress(BrokenPipeError):  # the child was killed while it waited
            os.write(self._go_end, b"go")
        code = self._wait()
        return code if code >= 0 else _BY_SIGNAL - code

    def _leave(self, number: int, _frame: FrameType | None) -> NoReturn:
        self._signalled = number
        _handle(signal.SIG_IGN)
        raise SystemExit(_BY_SIGNAL + number)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        """Send a signal to the child, unless the terminal already did."""
        if number not in _FROM_TERMINALS or not _is_in_foreground():
            os.kill(self.pid, number)

    def _wait(self) -> int:
        """Wait for the child to end. A child that was not told to go ends at once.

        The kernel may deliver a signal to another thread than the waiting one, or just before the
        wait begins. Python would then call the handler only after the wait, so the signal also
        writes to a pipe that ends the wait.
        """
        os.close(self._go_end)
        self._go_end = -1
        signals, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        ended = os.pidfd_open(self.pid)
        while ended not in select.select([ended, signals], [], [])[0]:
            os.read(signals, 1)
        # Once the child is reaped, another process may get its pid and must not be signalled.
        _handle(signal.SIG_IGN)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _run_child(command: Sequence[str], ready: int, go: int) -> NoReturn:
    """Create the namespace, report it, wait, and execute the command."""
    import ctypes

    _handle(signal.SIG_DFL)
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if libc.unshare(_CLONE_NEWNET) != 0:
        os.write(ready, os.strerror(ctypes.get_errno()).encode())
        os._exit(1)
    os.close(ready)
    if os.read(go, 2) != b"go":
        os._exit(1)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - the user named the program
    except FileNotFoundError:
        complain(f"{command[0]}: command not found")
        os._exit(_NOT_FOUND)
    except OSError as error:
        complain(f"{command[0]}: {error.strerror}")
        os._exit(_NOT_EXECUTABLE)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Set the handler of all signals that are not ignored, as under nohup."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _is_in_foreground() -> bool:
    """Return whether this process, and so the child, is in the terminal's foreground group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)

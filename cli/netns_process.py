"""A process in a fresh network namespace that waits for the word to become a command.

The process is forked before anything here has threads, that is before grpc is imported. It and its
parent talk over two pipes: it says that it is ready, and is told to go.
"""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import NoReturn, Self

from mynet.cli.errors import Failed, complain

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells say it
_BY_SIGNAL = 128
_FROM_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
_SIGNALS = (*_FROM_TERMINALS, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Sandbox:
    """A child in a network namespace of its own, which ends with the ``with`` that it is used in.

    Inside of that, signals end this process by SystemExit, so that whatever has to be undone can
    be undone; from its end on they are ignored.
    """

    def __init__(self, command: Sequence[str]) -> None:
        ready_end, child_ready = os.pipe()
        child_go, self._go_end = os.pipe()
        self._told = 0  # the number of the signal that told us to end
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(ready_end)
                os.close(self._go_end)
                _become(command, child_ready, child_go)
            finally:
                os._exit(1)  # whatever happens, it does not go on as a second mynetctl
        os.close(child_ready)
        os.close(child_go)
        with os.fdopen(ready_end, encoding="utf-8") as ready:
            reason = ready.read()
        if reason:
            self._end()
            raise Failed(
                "PRIVILEGE_MISSING",
                f"a network namespace cannot be made: {reason}; run mynetctl as root",
            )

    def __enter__(self) -> Self:
        _handle(self._leave)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._go_end >= 0:
            self._end()

    def go(self) -> int:
        """Let it become the command; return that one's exit status, as a shell has it."""
        _handle(self._forward)
        if self._told:  # the exception was lost: grpc's callbacks print theirs and go on
            raise SystemExit(_BY_SIGNAL + self._told)
        with contextlib.suppress(BrokenPipeError):  # it was killed while it waited
            os.write(self._go_end, b"go")
        code = self._end()
        return code if code >= 0 else _BY_SIGNAL - code

    def _leave(self, number: int, _frame: FrameType | None) -> NoReturn:
        self._told = number
        _ignore()
        raise SystemExit(_BY_SIGNAL + number)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        """Pass a signal on, unless the terminal sent it to the command as well."""
        if number not in _FROM_TERMINALS or not _is_in_foreground():
            os.kill(self.pid, number)

    def _end(self) -> int:
        """Wait for its end; without having been told to go it ends now.

        A signal may come to another thread than the one that waits, or just before it waits. Python
        would then handle it when the waiting is over, so it is woken by a pipe.
        """
        os.close(self._go_end)
        self._go_end = -1
        signals, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        ended = os.pidfd_open(self.pid)
        while ended not in select.select([ended, signals], [], [])[0]:
            os.read(signals, 1)
        # It is not reaped before signals are ignored: until then its pid can be nobody else's.
        _ignore()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _become(command: Sequence[str], ready: int, go: int) -> NoReturn:
    """Be the child: enter a fresh namespace, say so, wait, and turn into the command."""
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
        os.execvp(command[0], list(command))  # noqa: S606 - that is what it is for
    except FileNotFoundError:
        complain(f"{command[0]}: command not found")
        os._exit(_NOT_FOUND)
    except OSError as error:
        complain(f"{command[0]}: {error.strerror}")
        os._exit(_NOT_EXECUTABLE)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Have signals handled, except those that whoever started us wants ignored, as nohup does."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _ignore() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _is_in_foreground() -> bool:
    """Say whether a terminal has just us, and with us the command, in the foreground."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)

"""The monitor of the kernel in memory: it reports what tests do to the kernel."""

from collections.abc import Callable
from contextlib import ExitStack

from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.interface.monitor import Monitor, Watch


class FakeMonitor(Subject, protocol=Monitor):
    """Implements :class:`~mynet.drivers.linux.interface.monitor.Monitor` without a thread."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self._notices: list[Callable[[frozenset[str]], None]] = []

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Call ``notice`` from now on."""
        self._notices.append(notice)
        watch = ExitStack()
        watch.callback(self._notices.remove, notice)
        return watch

    def notify(self, *marks: str) -> None:
        """Report marks, none for "anything". The caller must not hold the kernel's lock."""
        for notice in list(self._notices):
            notice(frozenset(marks))

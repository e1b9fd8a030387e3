"""The monitor of the kernel in memory: it reports what tests do to the kernel."""

from collections.abc import Callable
from dataclasses import dataclass

from mynet.drivers.linux import interface
from mynet.drivers.linux.fake.control import Control, Subject


@dataclass(eq=False)
class FakeWatch:
    """A watch, until it is closed."""

    notice: Callable[[frozenset[str]], None]
    watches: "list[FakeWatch]"

    def close(self) -> None:
        """Stop the reports; a second call does nothing."""
        if self in self.watches:
            self.watches.remove(self)


class FakeMonitor(Subject, protocol=interface.Monitor):
    """Implements :class:`~mynet.drivers.linux.interface.Monitor` without a thread."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self._watches: list[FakeWatch] = []

    def watch(self, notice: Callable[[frozenset[str]], None]) -> FakeWatch:
        """Call ``notice`` from now on."""
        self._watches.append(FakeWatch(notice, self._watches))
        return self._watches[-1]

    def notify(self, *marks: str) -> None:
        """Report marks, none for "anything". The caller must not hold the kernel's lock."""
        for watch in list(self._watches):
            watch.notice(frozenset(marks))

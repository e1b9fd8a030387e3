"""Faults of a fake: errors and hangs of its verbs, before or after they do their work."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from mynet.drivers.api import Call

FOREVER = 60.0  # seconds, after which a hang that a test forgot to end fails that test


class Trouble:
    """The faults of one fake, how often each of its verbs was called, and the last caller."""

    def __init__(self) -> None:
        self.caller: Call | None = None
        self.calls: Counter[str] = Counter()
        self._guard = threading.Lock()  # of all of it
        self._running = 0
        self._errors: dict[tuple[str, bool], list[BaseException]] = {}
        self._hangs: dict[tuple[str, bool], Hang] = {}

    def fail(self, verb: str, error: BaseException, *, times: int = 1, late: bool = False) -> None:
        """Make a verb raise ``times`` times, after its work if ``late`` is set."""
        with self._guard:
            self._errors.setdefault((verb, late), []).extend([error] * times)

    def hang(self, verb: str, *, times: int = 1, late: bool = False) -> "Hang":
        """Make a verb hang for ``times`` callers, until the hang is ended."""
        with self._guard:
            self._hangs[verb, late] = hang = Hang(times)
            return hang

    def is_abandoned(self) -> bool:
        """Return whether the daemon knows that the caller of the last verb has gone away."""
        return self.caller is not None and not self.caller.alive()

    def end(self) -> None:
        """End every hang, and forget the errors that were not raised."""
        with self._guard:
            for hang in self._hangs.values():
                hang.end()
            self._hangs.clear()
            self._errors.clear()

    @property
    def idle(self) -> bool:
        """Return whether no verb is running."""
        with self._guard:
            return not self._running

    @contextlib.contextmanager
    def at(self, verb: str, call: Call) -> Iterator[None]:
        """Run the work of a verb, with the faults before and after it."""
        with self._guard:
            self.caller = call
            self.calls[verb] += 1
            self._running += 1
        try:
            self._meet(verb, late=False)
            yield
            self._meet(verb, late=True)
        finally:
            with self._guard:
                self._running -= 1

    def _meet(self, verb: str, *, late: bool) -> None:
        with self._guard:
            hang = self._hangs.get((verb, late))
            waiting = self._errors.get((verb, late))
            error = waiting.pop(0) if waiting else None
        if hang:
            hang.suffer()
        if error:
            raise error


class Hang:
    """A verb that does not return until a test ends the hang."""

    def __init__(self, times: int) -> None:
        self.victims = 0  # how many calls have hung
        self._left = threading.Semaphore(times)
        self._arrived = threading.Semaphore(0)
        self._ended = threading.Event()

    def suffer(self) -> None:
        """Wait, in the fake."""
        if self._left.acquire(blocking=False):
            self.victims += 1
            self._arrived.release()
            assert self._ended.wait(FOREVER), "the test has not ended this hang"

    def await_victim(self) -> None:
        """Wait, in the test, until one more call hangs."""
        assert self._arrived.acquire(timeout=FOREVER), "no call came to this hang"

    def end(self) -> None:
        """Release all calls, now and later."""
        self._ended.set()

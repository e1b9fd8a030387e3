"""The calls that are worked on, and those that wait for their turn.

Each of them occupies a thread. So their numbers are limited. When a call ends, the callers of the
waiting calls are served in turn. When too many calls wait, the caller with the most waiting calls
has its last one refused. So a caller that makes a thousand calls at once delays itself, and not the
others.
"""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from mynet.server.calls.call import Call
from mynet.server.calls.fair_queue import FairQueue
from mynet.server.errors import LimitExceeded


class Turns:
    """The turns of the calls that are worked on."""

    def __init__(self, most: int, most_queued: int) -> None:
        self._most = most
        self._most_queued = most_queued
        # Guards `_active` and `_queue`. Notified when no call is worked on any more.
        self._idle = threading.Condition()
        self._active = 0
        self._queue: FairQueue[Future[None]] = FairQueue()

    @contextlib.contextmanager
    def turn(self, call: Call) -> Iterator[None]:
        """Wait for the turn of a call, which the block works on. Raises LimitExceeded."""
        self._begin(call)
        try:
            yield
        finally:
            self._end()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no call is worked on; return whether that came in time."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._active, timeout=seconds)

    def _begin(self, call: Call) -> None:
        turn: Future[None] = Future()
        key = call.caller.key
        with self._idle:
            if self._active < self._most:
                self._active += 1
                return
            refused = None
            if len(self._queue) >= self._most_queued:
                refused = self._queue.make_room(key)
                if refused is None:
                    raise self._too_many()
            self._queue.put(key, turn)
        if refused:
            refused.set_exception(self._too_many())
        try:
            turn.result(call.remaining())
        except TimeoutError:
            with self._idle:
                is_removed = self._queue.remove(key, turn)
            if is_removed:
                raise self._too_many() from None
            turn.result()  # the turn came, or was refused, in the last moment

    def _end(self) -> None:
        """End a call, and give its place to the next one."""
        with self._idle:
            turn = self._queue.pop()
            if turn is None:
                self._active -= 1
                if not self._active:
                    self._idle.notify_all()
        if turn:
            turn.set_result(None)

    def _too_many(self) -> LimitExceeded:
        return LimitExceeded(
            "max_queued_calls", self._most_queued, "call again in a moment", retry_after=1.0
        )

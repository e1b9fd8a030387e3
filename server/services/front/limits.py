"""The limits of what callers may occupy, and what waits for its caller.

A call waits for its caller while the daemon reads its request, and while the daemon sends a part of
a streamed answer. A caller may make the daemon wait for ever. So each limit here is one of a
*queue*: when it is full, the call that has waited longest gives up its place. A caller that behaves
waits for a few milliseconds, and is never the oldest. Of the calls that wait, it is the oldest one
of the connection with the most of them, so a burst on one connection costs the others no call.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog

from mynet.server import memory
from mynet.server.errors import LimitExceeded

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_SMALL = 64 << 10  # bytes; smaller messages are not counted, as their number is limited already
_MUCH = 4 << 20  # bytes
# Seconds that a call may wait even if too many wait. A burst of thousands of calls keeps the
# threads of others from running for a part of it.
_MOMENT = 0.05
_LOG_SECONDS = 10.0  # from one log line about cancelled calls to the next


class Cancellable(Protocol):
    """The part of grpc.ServicerContext that this module uses."""

    def peer(self) -> str:
        """Return the address of the connection's other end."""

    def cancel(self) -> object:
        """Cancel the call."""

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Call a function when the call has ended; return False if the call has ended already."""


class WaitingCalls:
    """The calls that wait for their callers, by connection, the oldest first.

    gRPC tells connections apart by their peers. All connections of a unix socket have the same
    peer, except those that come through the proxy.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # Guards `_waiting`, the calls of each peer that has some, with the times since when they
        # wait; `_size`, the number of all calls; `_cancelled`; `_logged`. Notified when a call
        # waits no more.
        self._left = threading.Condition()
        # Held by the call that waits for room, so that one thread wakes up for each room.
        self._turnstile = threading.Lock()
        self._waiting: dict[str, dict[int, tuple[Cancellable, float]]] = {}
        self._size = 0
        self._numbers = itertools.count()
        self._cancelled = 0
        self._logged = -_LOG_SECONDS

    @contextlib.contextmanager
    def entry(self, context: Cancellable) -> Iterator[None]:
        """Count a call while it waits. If too many wait, cancel one of the largest connection.

        If even the oldest one of it has just begun to wait, its request may be on the way to its
        thread. So it has a moment left, for which this call waits.
        """
        number, peer = next(self._numbers), context.peer()
        with self._turnstile, self._left:
            oldest = self._make_room(peer)
            self._waiting.setdefault(peer, {})[number] = (context, time.monotonic())
            self._size += 1
        if oldest:
            oldest.cancel()
            self._log()
        try:
            yield
        finally:
            with self._left:
                self._remove(peer, number)
                self._left.notify()

    def _make_room(self, peer: str) -> Cancellable | None:
        """Wait for room for a call of a peer; return the call that has to make it, if any."""
        while self._size >= self._most:
            largest = self._largest(peer)
            number, (oldest, since) = next(iter(self._waiting[largest].items()))
            left = since + _MOMENT - time.monotonic()
            if left <= 0:
                self._remove(largest, number)
                self._cancelled += 1
                return oldest
            self._left.wait(left)
        return None

    def _largest(self, peer: str) -> str:
        """Return the peer with the most calls when one more of ``peer`` is counted.

        Of several, it is the one whose oldest call has waited longest.
        """

        def rank(other: str) -> tuple[int, float]:
            calls = self._waiting[other]
            _, since = next(iter(calls.values()))
            return len(calls) + (other == peer), -since

        return max(self._waiting, key=rank)

    def _remove(self, peer: str, number: int) -> None:
        """Remove a call, unless it has been removed."""
        calls = self._waiting.get(peer, {})
        if calls.pop(number, None):
            self._size -= 1
            if not calls:
                del self._waiting[peer]

    def cancel_all(self) -> None:
        """Cancel all calls that wait for their callers."""
        with self._left:
            waiting = [call for calls in self._waiting.values() for call in calls.values()]
        for context, _ in waiting:
            context.cancel()

    def _log(self) -> None:
        """Log how many calls were cancelled since the last line, at most once in a while."""
        with self._left:
            now = time.monotonic()
            if now - self._logged < _LOG_SECONDS:
                return
            cancelled, self._cancelled, self._logged = self._cancelled, 0, now
        log.warning(
            "cancelled the calls that waited longest for their callers",
            calls=cancelled,
            limit="max_waiting_calls",
            value=self._most,
        )


class BytesInFlight:
    """The bytes of requests in work, and of answers that their callers have not read."""

    def __init__(self, most: int) -> None:
        self._most = most
        # Guards `_total`, its largest value since it was last 0, and `_unread`.
        self._guard = threading.Lock()
        self._total = 0
        self._peak = 0
        self._unread: dict[int, tuple[Cancellable, int]] = {}
        self._numbers = itertools.count()

    @property
    def total(self) -> int:
        """The number of bytes in flight."""
        return self._total

    @contextlib.contextmanager
    def request(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that counts bytes of a request, until the block ends.

        It raises LimitExceeded if there is no room for them.
        """
        counted = 0

        def count(size: int) -> None:
            nonlocal counted
            if size >= _SMALL:
                self._take(size)
                counted += size

        try:
            yield count
        finally:
            if counted:
                with self._guard:
                    self._subtract(counted)

    def answer(self, context: Cancellable, size: int) -> None:
        """Count an answer until its caller has read it or the call has ended otherwise.

        Raises LimitExceeded if there is no room for the answer.
        """
        if size < _SMALL:
            return
        self._take(size)
        number = next(self._numbers)
        with self._guard:
            self._unread[number] = (context, size)
        if not context.add_callback(lambda: self._forget(number)):
            self._forget(number)

    def _forget(self, number: int) -> None:
        with self._guard:
            if entry := self._unread.pop(number, None):
                self._subtract(entry[1])

    def _subtract(self, size: int) -> None:
        """Subtract bytes. Return memory to the kernel after the last of many bytes."""
        self._total -= size
        if not self._total:
            if self._peak > _MUCH:
                memory.trim()
            self._peak = 0

    def _take(self, size: int) -> None:
        """Count bytes, and cancel the calls with the oldest unread answers to make room.

        The bytes of a cancelled call do not count any more. gRPC frees them in a moment.
        """
        cancelled: list[Cancellable] = []
        with self._guard:
            while self._total + size > self._most and self._unread:
                context, freed = self._unread.pop(next(iter(self._unread)))
                self._total -= freed
                cancelled.append(context)
            fits = self._total + size <= self._most
            if fits:
                self._total += size
                self._peak = max(self._peak, self._total)
        for context in cancelled:
            context.cancel()
        if not fits:
            raise LimitExceeded(
                "max_bytes_in_flight", self._most, "call again in a moment", retry_after=1.0
            )

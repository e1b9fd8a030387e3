"""The queue of objects that may be damaged: which is examined next, and when.

An object is examined at once as a rule. After a repair that failed, the next attempt waits, with
exponential back-off. Each object also has a token bucket of repairs: after 60 immediate repairs it
is repaired every 10 s at most, so that the daemon and a program that damages it do not compete
without end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BURST: Final = 60  # repairs of one object without a wait: the size of its token bucket
INTERVAL: Final = 10.0  # seconds in which an object's bucket gains one token
FIRST_RETRY: Final = 1.0  # seconds from a failed repair to the next attempt; doubled each time
LONGEST_RETRY: Final = 60.0  # seconds


@dataclass(slots=True)
class _Pace:
    """How fast one object may be repaired. Times are in seconds of one monotonic clock."""

    # Repairs that need not wait, as of ``refilled``. Negative after repairs that have waited.
    tokens: float = BURST
    refilled: float = 0.0
    # Failed repairs in a row.
    failures: int = 0
    # The object is not examined before this time.
    not_before: float = 0.0

    def tokens_at(self, now: float) -> float:
        return min(BURST, self.tokens + (now - self.refilled) / INTERVAL)


class RepairQueue:
    """Ids of objects to examine. Not thread-safe: one healer's thread uses it.

    ``now`` is in seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}  # in the order in which they were added
        self._paces: dict[str, _Pace] = {}

    def add(self, ids: Iterable[str]) -> None:
        """Add objects; each is due as soon as its pace allows."""
        self._waiting.update(dict.fromkeys(ids))

    def take_due(self, now: float) -> list[str]:
        """Remove the objects that are due; return them in the order in which they were added."""
        self._paces = {
            object_id: pace
            for object_id, pace in self._paces.items()
            if object_id in self._waiting or pace.tokens_at(now) < BURST
        }
        due = [object_id for object_id in self._waiting if self._not_before(object_id) <= now]
        for object_id in due:
            del self._waiting[object_id]
        return due

    def next_due(self) -> float:
        """Return when the next object is due, or infinity if the queue is empty."""
        return min(map(self._not_before, self._waiting), default=float("inf"))

    def failed(self, object_id: str, now: float) -> None:
        """Note that an object is still damaged, and add it again."""
        pace = self._paces.setdefault(object_id, _Pace(refilled=now))
        pace.not_before = now + min(FIRST_RETRY * 2**pace.failures, LONGEST_RETRY)
        pace.failures = min(pace.failures + 1, 16)
        self.add([object_id])

    def repaired(self, object_id: str, now: float) -> None:
        """Note that an object was damaged and has been repaired."""
        pace = self._paces.setdefault(object_id, _Pace(refilled=now))
        pace.tokens, pace.refilled = pace.tokens_at(now) - 1, now
        pace.failures = 0
        pace.not_before = now - min(pace.tokens, 0) * INTERVAL

    def undamaged(self, object_id: str) -> None:
        """Note that an object was examined and was not damaged."""
        if pace := self._paces.get(object_id):
            pace.failures = 0

    def _not_before(self, object_id: str) -> float:
        pace = self._paces.get(object_id)
        return pace.not_before if pace else 0.0

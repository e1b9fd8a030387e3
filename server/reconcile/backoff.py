"""When each of the objects that may be damaged is looked at.

At once, as a rule. One that cannot be mended is tried again after a while, twice as long each time.
One that is damaged all the time is mended at once for long, and then now and then: somebody works
against us, and neither they nor the log nor the daemon's other callers gain by a fight.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LENIENT: Final = 60  # times that an object is mended at once, if it keeps being damaged
PAUSE: Final = 10.0  # seconds between two times from then on; and for each, one of those comes back
FIRST: Final = 1.0  # seconds before the second attempt at what could not be mended
LONGEST: Final = 60.0  # seconds between two attempts
QUIET: Final = LENIENT * PAUSE  # seconds without damage after which all is forgotten


@dataclass(slots=True)
class _History:
    """How it went with one object, and until when it is left alone.

    ``failed`` are the attempts in a row that did; ``mended`` the times that are not forgiven yet.
    """

    failed: int = 0
    mended: float = 0
    last: float = 0.0
    until: float = 0.0


class Waiting:
    """The ids of what waits to be looked at. For one thread at a time. Times are in seconds."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._histories: dict[str, _History] = {}

    def add(self, ids: Iterable[str]) -> None:
        """Let these be looked at, as soon as it is their turn."""
        self._ids.update(dict.fromkeys(ids))

    def due(self, now: float) -> list[str]:
        """Take out those whose turn it is, the first that came first."""
        found = [each for each in self._ids if self._until(each) <= now]
        for each in found:
            del self._ids[each]
        return found

    def next(self) -> float:
        """Tell when it is somebody's turn; infinity where nobody waits."""
        return min(map(self._until, self._ids), default=float("inf"))

    def failed(self, object_id: str, now: float) -> None:
        """Note that one is still damaged: it waits for its next turn."""
        history = self._histories.setdefault(object_id, _History())
        history.until = now + min(FIRST * 2**history.failed, LONGEST)
        history.failed = min(history.failed + 1, 16)
        history.last = now
        self.add([object_id])

    def mended(self, object_id: str, now: float) -> None:
        """Note that one was damaged, and is not any more."""
        history = self._histories.setdefault(object_id, _History())
        forgiven = (now - history.last) / PAUSE
        history.failed, history.last = 0, now
        history.mended = max(history.mended - forgiven, 0) + 1
        history.until = now + max(history.mended - LENIENT, 0) * PAUSE

    def well(self, object_id: str) -> None:
        """Note that one was looked at, and was not damaged."""
        if object_id in self._histories:
            self._histories[object_id].failed = 0

    def forget(self, now: float) -> None:
        """Forget of whom nothing was heard for long, and who does not wait."""
        for each, history in list(self._histories.items()):
            if each not in self._ids and now - history.last > QUIET:
                del self._histories[each]

    def _until(self, object_id: str) -> float:
        history = self._histories.get(object_id)
        return history.until if history else 0.0

"""How many links of the host carry each mark: more than one if a program has copied an alias."""

import threading
from collections import Counter
from collections.abc import Mapping


class Carriers:
    """Counts the links by their marks, as far as the kernel has notified of them.

    The monitor's thread writes it, and calls read it. Nothing is known while no watch runs. The
    kernel does not notify of the alias of a link that is down, so each survey corrects the counts.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # guards everything
        self._marks: dict[int, str] | None = None  # by the index of the link
        self._counts: Counter[str] = Counter()

    def begin(self, marks: Mapping[int, str]) -> None:
        """Take over the marks of all links, by index."""
        with self._lock:
            self._marks = dict(marks)
            self._counts = Counter(marks.values())

    def correct(self, marks: Mapping[int, str]) -> None:
        """Take over the marks of all links, by index, while a watch runs."""
        with self._lock:
            if self._marks is not None:
                self.begin(marks)

    def note(self, index: int, mark: str) -> None:
        """Note the mark of a link, "" if it is gone or has none."""
        with self._lock:
            if self._marks is None or self._marks.get(index, "") == mark:
                return
            if before := self._marks.pop(index, ""):
                self._counts[before] -= 1
                if not self._counts[before]:
                    del self._counts[before]
            if mark:
                self._marks[index] = mark
                self._counts[mark] += 1

    def forget(self) -> None:
        """Forget all links, as no more notifications are read."""
        with self._lock:
            self._marks = None
            self._counts.clear()

    def count(self, mark: str) -> int | None:
        """Return how many links carry a mark, None if that is not known."""
        with self._lock:
            return None if self._marks is None else self._counts[mark]

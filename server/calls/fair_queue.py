"""A queue that serves its callers in turn, so that no caller waits for all calls of another one."""

from collections import deque
from typing import Generic, TypeVar

from mynet.server.model.callers import DAEMON

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of callers. It is not safe for threads: its owner has a lock."""

    def __init__(self) -> None:
        # By the key of the caller, in the order in which the callers are served. None is empty.
        self._items: dict[str, deque[T]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, caller: str, item: T) -> None:
        """Add an item as the last one of a caller."""
        self._items.setdefault(caller, deque()).append(item)
        self._size += 1

    def pop(self) -> T | None:
        """Remove and return the next item, or None. Its caller is served last from now on."""
        if not self._size:
            return None
        caller = next(iter(self._items))
        items = self._items.pop(caller)
        item = items.popleft()
        if items:
            self._items[caller] = items
        self._size -= 1
        return item

    def remove(self, caller: str, item: T) -> bool:
        """Remove an item of a caller; return whether it was in the queue."""
        items = self._items.get(caller, deque())
        if item not in items:
            return False
        items.remove(item)
        self._removed(caller)
        return True

    def make_room(self, caller: str) -> T | None:
        """Remove and return the last item of the caller with the most items.

        Return None where another item of this caller would make it the caller with the most items.
        Items of the daemon itself are never removed.
        """
        sizes = {key: len(items) for key, items in self._items.items() if key != DAEMON.key}
        largest = max(sizes, key=sizes.__getitem__, default=caller)
        if sizes.get(largest, 0) <= sizes.get(caller, 0) + 1:
            return None
        item = self._items[largest].pop()
        self._removed(largest)
        return item

    def _removed(self, caller: str) -> None:
        self._size -= 1
        if not self._items[caller]:
            del self._items[caller]

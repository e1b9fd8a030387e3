"""Group commit: what many threads ask for while an action runs is done by one next action."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Batch(Generic[Item]):
    """Items that are committed together, and the outcome."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.done = False
        self.error: Exception | None = None

    def commit(self, action: Callable[[Sequence[Item]], object]) -> None:
        """Run the action, and keep its exception for every thread that waits."""
        try:
            action(self.items)
        except Exception as error:  # noqa: BLE001 - submit() raises it in every waiting thread
            self.error = error
        finally:
            self.done = True


class GroupCommit(Generic[Item]):
    """Runs an action that costs the same for one item and for many.

    At most one action runs at a time. Threads that arrive meanwhile join the next batch, and the
    first of them to get ``turn`` commits it for all.
    """

    def __init__(
        self, action: Callable[[Sequence[Item]], object], turn: "threading.Lock | None" = None
    ) -> None:
        self._action = action
        # Held while the action runs. A caller may pass a lock that guards what the action uses.
        self._turn = turn or threading.Lock()
        # Guards `_next` and its items. Never held while the action runs.
        self._guard = threading.Lock()
        self._next = _Batch[Item]()

    def submit(self, items: Sequence[Item]) -> None:
        """Commit the items; they are done when this returns.

        Raises what the action raises for the batch that the items were in.
        """
        if not items:
            return
        with self._guard:
            batch = self._next
            batch.items.extend(items)
        with self._turn:
            # Only a thread with the turn closes a batch, so a batch that is not done is the next.
            if not batch.done:
                with self._guard:
                    self._next = _Batch()
                batch.commit(self._action)
        if batch.error is not None:
            raise batch.error

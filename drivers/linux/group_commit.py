"""Group commit: what many threads ask for while an action runs is done by one next action."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Item]):
    """Items that are committed together, and the outcome for every thread that waits."""

    items: list[Item] = field(default_factory=list)
    outcome: Future[None] = field(default_factory=Future)


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
        self._next: _Batch[Item] = _Batch()

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
            if not batch.outcome.done():
                with self._guard:
                    self._next = _Batch()
                self._commit(batch)
        batch.outcome.result()

    def _commit(self, batch: _Batch[Item]) -> None:
        try:
            self._action(batch.items)
        except BaseException as error:  # noqa: BLE001 - every thread that waits raises it
            batch.outcome.set_exception(error)
        else:
            batch.outcome.set_result(None)

"""Group commit: threads that arrive while an action runs share the next one."""

import threading
import time
from collections.abc import Sequence

import pytest

from mynet.drivers.linux.group_commit import GroupCommit

THREADS = 32


class Action:
    """Records the batches, and raises the errors that it was given, one per batch."""

    def __init__(self, *errors: Exception) -> None:
        self.batches: list[list[int]] = []
        self.errors = list(errors)
        self._running = threading.Lock()

    def __call__(self, items: Sequence[int]) -> None:
        assert self._running.acquire(blocking=False), "two actions at once"
        try:
            self.batches.append(list(items))
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self._running.release()


def submit_together(group: GroupCommit[int]) -> list[Exception | None]:
    """Submit an item in each of many threads while another caller has the turn."""
    outcomes: list[Exception | None] = []

    def submit(item: int) -> None:
        try:
            group.submit([item])
        except ValueError as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=submit, args=(item,)) for item in range(THREADS)]
    with group._turn:
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(group._next.items) < THREADS:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert outcomes == []
    for thread in threads:
        thread.join()
    return outcomes


def test_threads_that_wait_together_share_one_action() -> None:
    action = Action()
    assert submit_together(GroupCommit(action)) == [None] * THREADS
    (batch,) = action.batches
    assert sorted(batch) == list(range(THREADS))


def test_an_error_is_raised_in_every_thread_of_its_batch_and_in_no_later_one() -> None:
    error = ValueError("no")
    action = Action(error)
    group = GroupCommit(action)
    assert submit_together(group) == [error] * THREADS
    group.submit([77])
    assert action.batches[1:] == [[77]]


def test_after_an_action_that_raised_the_next_one_runs() -> None:
    action = Action(ZeroDivisionError())
    group = GroupCommit(action)
    with pytest.raises(ZeroDivisionError):
        group.submit([1])
    group.submit([2])
    assert action.batches == [[1], [2]]


def test_an_action_runs_under_the_lock_that_the_caller_passes() -> None:
    turn = threading.Lock()
    held: list[bool] = []

    def action(_items: Sequence[int]) -> None:
        held.append(turn.locked())

    GroupCommit(action, turn).submit([1])
    assert held == [True]
    assert not turn.locked()


def test_no_items_cost_no_action() -> None:
    action = Action()
    GroupCommit(action).submit([])
    assert action.batches == []

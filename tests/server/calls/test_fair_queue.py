"""A queue that serves its callers in turn."""

from mynet.server.calls.fair_queue import FairQueue
from mynet.server.model.callers import DAEMON


def filled(**items: int) -> FairQueue[str]:
    """Return a queue in which each caller has so many items, such as a0, a1."""
    queue: FairQueue[str] = FairQueue()
    for caller, number in items.items():
        for place in range(number):
            queue.put(caller, f"{caller}{place}")
    return queue


def drained(queue: FairQueue[str]) -> list[str]:
    items = []
    while item := queue.pop():
        items.append(item)
    assert len(queue) == 0
    return items


def test_callers_are_served_in_turn() -> None:
    assert drained(filled(a=4, b=2, c=1)) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_a_late_caller_waits_for_one_item_of_each_other() -> None:
    queue = filled(a=1000)
    assert queue.pop() == "a0"
    queue.put("b", "b0")
    assert [queue.pop(), queue.pop()] == ["a1", "b0"]


def test_an_empty_queue_has_no_item() -> None:
    assert FairQueue[str]().pop() is None


def test_an_item_is_removed_once() -> None:
    queue = filled(a=2, b=1)
    assert queue.remove("a", "a0")
    assert not queue.remove("a", "a0")
    assert not queue.remove("c", "c0")
    assert drained(queue) == ["a1", "b0"]


def test_the_caller_with_the_most_items_makes_room_for_others() -> None:
    queue = filled(a=3, b=2)
    assert queue.make_room("c") == "a2"
    assert queue.make_room("c") == "a1"
    assert drained(queue) == ["a0", "b0", "b1"]


def test_no_caller_makes_room_for_itself_or_for_one_that_has_as_much() -> None:
    queue = filled(a=3, b=2)
    assert queue.make_room("a") is None
    assert queue.make_room("b") is None
    assert len(queue) == 5


def test_the_daemon_makes_no_room() -> None:
    queue: FairQueue[str] = FairQueue()
    for place in range(3):
        queue.put(DAEMON.key, f"{place}")
    assert queue.make_room("a") is None

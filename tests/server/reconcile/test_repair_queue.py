"""The repair queue: when an object is examined, by its failures and by its token bucket."""

from mynet.server.reconcile.repair_queue import (
    BURST,
    FIRST_RETRY,
    INTERVAL,
    LONGEST_RETRY,
    RepairQueue,
)


def test_an_added_object_is_due_at_once_and_only_once() -> None:
    queue = RepairQueue()
    queue.add(["b", "a", "b"])
    assert queue.next_due() == 0
    assert queue.take_due(0) == ["b", "a"]
    assert queue.take_due(0) == []
    assert queue.next_due() == float("inf")


def test_after_each_failure_an_object_waits_twice_as_long() -> None:
    queue, now, waits = RepairQueue(), 100.0, []
    for _ in range(9):
        queue.failed("a", now)
        waits.append(queue.next_due() - now)
        assert queue.take_due(queue.next_due() - 0.01) == []
        now = queue.next_due()
        assert queue.take_due(now) == ["a"]
    assert waits == [FIRST_RETRY * 2**number for number in range(6)] + [LONGEST_RETRY] * 3


def test_an_alarm_neither_shortens_a_wait_nor_delays_other_objects() -> None:
    queue = RepairQueue()
    queue.failed("a", 100.0)
    queue.add(["a", "b"])
    assert queue.take_due(100.0) == ["b"]
    assert queue.take_due(100.0 + FIRST_RETRY) == ["a"]


def test_a_success_resets_the_back_off() -> None:
    queue = RepairQueue()
    for succeed in (queue.repaired, lambda object_id, _: queue.undamaged(object_id)):
        queue.failed("a", 100.0)
        queue.failed("a", 101.0)
        queue.take_due(200.0)
        succeed("a", 200.0)
        queue.failed("a", 300.0)
        assert queue.next_due() == 300.0 + FIRST_RETRY
        queue.take_due(400.0)


def test_after_60_immediate_repairs_an_object_is_repaired_every_10_seconds() -> None:
    queue, now = RepairQueue(), 100.0
    waits = []
    for _ in range(BURST + 8):
        queue.repaired("a", now)
        queue.add(["a"])
        waits.append(max(queue.next_due() - now, 0.0))
        now += waits[-1]
        assert queue.take_due(now) == ["a"]
    assert (BURST, INTERVAL) == (60, 10.0)
    assert waits == [0] * BURST + [INTERVAL] * 8


def test_an_object_that_is_damaged_every_10_seconds_is_always_repaired_at_once() -> None:
    queue = RepairQueue()
    for number in range(10 * BURST):
        queue.repaired("a", 100.0 + number * INTERVAL)
        queue.add(["a"])
        assert queue.take_due(100.0 + number * INTERVAL) == ["a"]


def test_the_objects_share_no_tokens() -> None:
    queue = RepairQueue()
    for _ in range(2 * BURST):
        queue.repaired("a", 100.0)
    queue.repaired("b", 100.0)
    queue.add(["a", "b"])
    assert queue.take_due(100.0) == ["b"]


def test_an_object_with_a_full_bucket_is_forgotten_unless_it_is_queued() -> None:
    queue = RepairQueue()
    queue.repaired("a", 100.0)
    for _ in range(7):
        queue.failed("b", 100.0)
    queue.take_due(100.0 + INTERVAL / 2)
    assert set(queue._paces) == {"a", "b"}
    queue.take_due(100.0 + INTERVAL)
    assert set(queue._paces) == {"b"}
    assert queue.take_due(200.0) == ["b"]
    queue.take_due(200.0)
    assert set(queue._paces) == set()

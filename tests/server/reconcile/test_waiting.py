"""Who is looked at when: at once, but for what cannot be mended or is damaged all the time."""

from mynet.server.reconcile.backoff import FIRST, LENIENT, LONGEST, PAUSE, QUIET, Waiting


def test_what_is_added_is_due_at_once_and_then_no_more() -> None:
    waiting = Waiting()
    waiting.add(["b", "a", "b"])
    assert waiting.next() == 0
    assert waiting.due(0) == ["b", "a"]
    assert waiting.due(0) == []
    assert waiting.next() == float("inf")


def test_what_cannot_be_mended_waits_twice_as_long_each_time() -> None:
    waiting, now, waits = Waiting(), 100.0, []
    for _ in range(9):
        waiting.failed("a", now)
        waits.append(waiting.next() - now)
        assert waiting.due(waiting.next() - 0.01) == []
        now = waiting.next()
        assert waiting.due(now) == ["a"]
    assert waits == [FIRST * 2**number for number in range(6)] + [LONGEST] * 3


def test_an_alarm_does_not_shorten_the_wait_nor_hold_up_others() -> None:
    waiting = Waiting()
    waiting.failed("a", 100.0)
    waiting.add(["a", "b"])
    assert waiting.due(100.0) == ["b"]
    assert waiting.due(100.0 + FIRST) == ["a"]


def test_what_was_mended_after_all_begins_anew() -> None:
    waiting = Waiting()
    for end in (waiting.mended, lambda each, _: waiting.well(each)):
        waiting.failed("a", 100.0)
        waiting.failed("a", 101.0)
        waiting.due(200.0)
        end("a", 200.0)
        waiting.failed("a", 300.0)
        assert waiting.next() == 300.0 + FIRST
        waiting.due(400.0)


def test_what_is_damaged_all_the_time_is_mended_now_and_then() -> None:
    waiting, now = Waiting(), 100.0
    waits = []
    for _ in range(LENIENT + 8):
        waiting.mended("a", now)
        waiting.add(["a"])
        waits.append(max(waiting.next() - now, 0.0))
        now += waits[-1]
        assert waiting.due(now) == ["a"]
    assert waits == [0] * LENIENT + [PAUSE] * 8


def test_what_is_damaged_now_and_then_is_always_mended_at_once() -> None:
    waiting = Waiting()
    for number in range(10 * LENIENT):
        waiting.mended("a", 100.0 + number * PAUSE)
        waiting.add(["a"])
        assert waiting.due(100.0 + number * PAUSE) == ["a"]


def test_of_whom_nothing_is_heard_nothing_is_kept() -> None:
    waiting = Waiting()
    waiting.mended("a", 100.0)
    waiting.failed("b", 100.0)
    waiting.forget(100.0 + QUIET)
    assert set(waiting._histories) == {"a", "b"}
    waiting.forget(100.0 + QUIET + 1)
    assert set(waiting._histories) == {"b"}  # it still waits

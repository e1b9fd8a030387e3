"""Rollback: the first error is the one that counts, and a rollback waits for what is under way."""

import threading
from concurrent.futures import Future

import pytest

from mynet.server.calls.rollback import best_effort, is_under_way, on_completion, rollback
from mynet.server.errors import PluginTimeout


def fail() -> None:
    raise KeyError("second")


def test_a_rollback_that_fails_is_noted_on_the_first_error() -> None:
    first = ValueError("first")
    with rollback(first, "make tea"):
        fail()
    assert first.__notes__ == ["while rolling back (make tea): 'second'"]


def test_a_rollback_that_succeeds_adds_no_note() -> None:
    first = ValueError("first")
    with rollback(first, "make tea"):
        pass
    assert not hasattr(first, "__notes__")


def test_a_best_effort_step_that_fails_raises_nothing() -> None:
    with best_effort("wash up"):
        fail()


def test_an_interrupt_passes_through_a_rollback() -> None:
    with pytest.raises(KeyboardInterrupt), rollback(ValueError(), "make tea"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "error", [ValueError(), PluginTimeout("it never began", None, resource="driver bridge")]
)
def test_a_rollback_runs_at_once_where_nothing_is_under_way(error: Exception) -> None:
    done: list[int] = []
    assert not is_under_way(error)
    on_completion(error, lambda: done.append(threading.get_ident()))
    assert done == [threading.get_ident()]


@pytest.mark.parametrize("fails", [False, True])
def test_a_rollback_waits_for_what_is_under_way_and_has_a_thread_of_its_own(*, fails: bool) -> None:
    pending: Future[None] = Future()
    error = PluginTimeout("slow", pending, resource="driver bridge")
    done: list[int] = []
    ended = threading.Event()

    def note() -> None:
        done.append(threading.get_ident())
        ended.set()

    assert is_under_way(error)
    on_completion(error, note)
    assert done == []
    if fails:
        pending.set_exception(ValueError())
    else:
        pending.set_result(None)
    assert ended.wait(5)
    assert done != [threading.get_ident()]

"""A plugin's executor: bounded, with deadlines, and one verb at a time for an object."""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
import structlog

from mynet.server.calls.call import Call
from mynet.server.errors import Busy, PluginTimeout, ShuttingDown
from mynet.server.model.callers import Caller, Role
from mynet.server.plugins import executor as pools
from mynet.server.plugins.executor import PluginExecutor
from tests.server.support.polling import eventually


class Refused(Exception):
    """The contract's error."""


@pytest.fixture
def make() -> Iterator[Callable[..., PluginExecutor]]:
    made: list[PluginExecutor] = []

    def make() -> PluginExecutor:
        made.append(PluginExecutor("driver bridge", Refused))
        return made[-1]

    yield make
    assert all(pool.close(5) for pool in made)


@pytest.fixture
def pool(make: Callable[..., PluginExecutor]) -> PluginExecutor:
    return make()


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """What a verb waits for that hangs."""
    event = threading.Event()
    yield event
    event.set()


def call(seconds: float = 5) -> Call:
    return Call.internal(seconds)


def test_run_returns_the_result(pool: PluginExecutor) -> None:
    assert pool.run(call(), "check", "", lambda: 7) == 7


def test_an_error_of_the_contract_passes_through(pool: PluginExecutor) -> None:
    error = Refused("no")

    def refuse() -> None:
        raise error

    with pytest.raises(Refused) as caught:
        pool.run(call(), "check", "", refuse)
    assert caught.value is error


def test_any_other_error_is_a_fault_of_the_plugin(pool: PluginExecutor) -> None:
    with pytest.raises(Refused, match="driver bridge broke in check: ZeroDivisionError") as caught:
        pool.run(call(), "check", "", lambda: 1 // 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_timeout_has_the_verb_that_still_runs(
    pool: PluginExecutor, ended: threading.Event
) -> None:
    with pytest.raises(PluginTimeout, match="driver bridge did not answer check") as caught:
        pool.run(call(0.05), "check", "", lambda: ended.wait(10))
    assert caught.value.pending
    assert not caught.value.pending.done()
    ended.set()
    assert caught.value.pending.result(5) is True


def test_a_timeout_of_a_verb_that_never_began_has_none(
    make: Callable[..., PluginExecutor], monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    monkeypatch.setattr(pools, "THREADS", 1)
    pool = make()
    with pytest.raises(PluginTimeout):
        pool.run(call(0.05), "check", "one", lambda: ended.wait(10))
    began = threading.Event()
    with pytest.raises(PluginTimeout) as caught:
        pool.run(call(0.05), "check", "two", began.set)
    assert caught.value.pending is None
    ended.set()
    pool.run(call(), "check", "two", lambda: None)
    assert not began.is_set()


def test_two_verbs_never_run_for_one_object(pool: PluginExecutor, ended: threading.Event) -> None:
    with pytest.raises(PluginTimeout):
        pool.run(call(0.05), "connect", "endpoint 1", lambda: ended.wait(10))
    with pytest.raises(Busy, match="still works on endpoint 1") as caught:
        pool.run(call(), "disconnect", "endpoint 1", lambda: None)
    assert caught.value.resource == "endpoint 1"
    assert pool.run(call(), "connect", "endpoint 2", lambda: 2) == 2
    assert pool.run(call(), "check", "", lambda: 0) == 0
    ended.set()
    assert eventually(lambda: pool._objects == set())
    assert pool.run(call(), "disconnect", "endpoint 1", lambda: 1) == 1


def test_an_object_is_free_again_before_its_caller_is_answered(pool: PluginExecutor) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    failures: list[Exception] = []

    def work(subject: str) -> None:
        try:
            for _ in range(200):
                pool.run(call(), "connect", subject, lambda: None)
        except Busy as error:
            failures.append(error)

    try:
        threads = [threading.Thread(target=work, args=(f"endpoint {n}",)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert failures == []


def test_an_object_is_free_again_after_a_failure(pool: PluginExecutor) -> None:
    for _ in range(2):
        with pytest.raises(Refused):
            pool.run(call(), "connect", "endpoint 1", lambda: 1 // 0)


def test_a_caller_beyond_the_limit_is_busy(
    make: Callable[..., PluginExecutor], monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    monkeypatch.setattr(pools, "CALLERS", 2)
    pool = make()
    callers = [
        threading.Thread(target=pool.run, args=(call(), "check", "", lambda: ended.wait(10)))
        for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    assert eventually(lambda: pool._callers == 2)
    with pytest.raises(Busy, match="has 2 callers waiting"):
        pool.run(call(), "check", "", lambda: None)
    ended.set()
    for caller in callers:
        caller.join()
    assert pool.run(call(), "check", "", lambda: 7) == 7


def test_callers_get_the_threads_in_turn(
    make: Callable[..., PluginExecutor], monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    """Where too many callers wait, the one with the most waiting verbs has its last one refused."""
    monkeypatch.setattr(pools, "THREADS", 1)
    monkeypatch.setattr(pools, "CALLERS", 4)
    pool, order, refused = make(), list[str](), list[str]()

    def work(name: str, verb: str) -> None:
        caller = replace(call(), caller=Caller(Role.ADMIN, "a.sock", name))

        def run() -> None:
            order.append(verb)
            ended.wait(10)

        try:
            pool.run(caller, "check", verb, run)
        except Busy:
            refused.append(verb)

    threads = []
    for verb in ("a0", "a1", "a2", "a3", "b0"):
        threads.append(threading.Thread(target=work, args=(verb[0], verb)))
        threads[-1].start()
        assert eventually(partial(pool._objects.__contains__, verb))
        assert eventually(lambda: order == ["a0"])
    assert eventually(lambda: refused == ["a3"])
    ended.set()
    for thread in threads:
        thread.join()
    assert order == ["a0", "a1", "b0", "a2"]


def test_a_rollback_is_neither_counted_nor_refused(
    make: Callable[..., PluginExecutor], monkeypatch: pytest.MonkeyPatch, ended: threading.Event
) -> None:
    monkeypatch.setattr(pools, "THREADS", 1)
    monkeypatch.setattr(pools, "CALLERS", 1)
    pool = make()
    hung = threading.Thread(target=pool.run, args=(call(), "check", "", lambda: ended.wait(10)))
    hung.start()
    assert eventually(lambda: pool._callers == 1)
    rolls = [
        threading.Thread(target=pool.run, args=(call().for_rollback(), "delete", "", lambda: None))
        for _ in range(3)
    ]
    for thread in rolls:
        thread.start()
    assert eventually(lambda: len(pool._queue) == 3)
    with pytest.raises(Busy):
        pool.run(call(), "check", "", lambda: None)
    assert len(pool._queue) == 3
    ended.set()
    for thread in (hung, *rolls):
        thread.join()


def test_a_verb_sees_the_context_of_its_caller(pool: PluginExecutor) -> None:
    with structlog.contextvars.bound_contextvars(request_id="seven"):
        seen = pool.run(call(), "check", "", structlog.contextvars.get_contextvars)
    assert seen == {"request_id": "seven"}


def test_a_verb_whose_thread_cannot_start_never_runs(
    pool: PluginExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ran: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Busy, match="TasksMax="):
            pool.run(Call.internal(5), "make", "web", lambda: ran.append("refused"))
    pool.run(Call.internal(5), "make", "web", lambda: ran.append("accepted"))
    assert ran == ["accepted"]


def test_a_closed_executor_takes_no_more_verbs(pool: PluginExecutor) -> None:
    assert pool.close(5)
    for _ in range(2):
        with pytest.raises(ShuttingDown):
            pool.run(call(), "check", "endpoint 1", lambda: None)


def test_closing_does_not_wait_for_ever(pool: PluginExecutor, ended: threading.Event) -> None:
    with pytest.raises(PluginTimeout):
        pool.run(call(0.05), "check", "", lambda: ended.wait(10))
    assert not pool.close(0.05)
    ended.set()
    assert pool.close(5)

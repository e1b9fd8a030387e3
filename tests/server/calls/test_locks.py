"""Keyed locks: shared and exclusive, in turn, until the deadline of the call."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.errors import Busy
from tests.server.support.polling import eventually

KEY = ("network", "web")


@pytest.fixture
def locks() -> KeyedLocks:
    return KeyedLocks()


def soon() -> Call:
    return Call.internal(0.05)


@contextmanager
def elsewhere(lock: AbstractContextManager[None]) -> Iterator[threading.Event]:
    """Take a lock in another thread, and hold it until the block ends; the event says it has it."""
    has_it, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            has_it.set()
            let_go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield has_it
    finally:
        let_go.set()
        thread.join(10)
        assert not thread.is_alive()


def test_several_calls_share_a_key(locks: KeyedLocks) -> None:
    with locks.shared(soon(), *KEY), elsewhere(locks.shared(soon(), *KEY)) as other:
        assert other.wait(5)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [("shared", "exclusive"), ("exclusive", "shared"), ("exclusive", "exclusive")],
)
def test_an_exclusive_key_is_not_shared(locks: KeyedLocks, held: str, wanted: str) -> None:
    with (
        getattr(locks, held)(soon(), *KEY),
        pytest.raises(Busy, match="network web"),
        getattr(locks, wanted)(soon(), *KEY),
    ):
        pytest.fail("two have it")
    with getattr(locks, wanted)(soon(), *KEY):
        pass


def test_another_key_is_another_lock(locks: KeyedLocks) -> None:
    with (
        locks.exclusive(soon(), *KEY),
        locks.exclusive(soon(), "network", "api"),
        locks.exclusive(soon(), "container", "web"),
    ):
        assert len(locks._states) == 3


def test_a_waiting_call_gets_a_key_as_soon_as_it_is_free(locks: KeyedLocks) -> None:
    with ExitStack() as waiting:
        with locks.exclusive(soon(), *KEY):
            other = waiting.enter_context(elsewhere(locks.exclusive(Call.internal(10), *KEY)))
            assert eventually(lambda: locks._states[KEY].wanted_exclusive == 1)
            assert not other.is_set()
        assert other.wait(5)


def test_an_exclusive_call_goes_before_later_sharing_calls(locks: KeyedLocks) -> None:
    with ExitStack() as waiting:
        with locks.shared(soon(), *KEY):
            other = waiting.enter_context(elsewhere(locks.exclusive(Call.internal(10), *KEY)))
            assert eventually(lambda: locks._states[KEY].wanted_exclusive == 1)
            with pytest.raises(Busy), locks.shared(soon(), *KEY):
                pytest.fail("pushed in")
        assert other.wait(5)


def test_a_call_that_gave_up_waiting_blocks_no_other(locks: KeyedLocks) -> None:
    with locks.shared(soon(), *KEY):
        with pytest.raises(Busy), locks.exclusive(soon(), *KEY):
            pytest.fail("two have it")
        with locks.shared(soon(), *KEY):
            pass


def test_a_call_beyond_the_limit_of_waiters_is_busy(
    locks: KeyedLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mynet.server.calls.locks.MAX_WAITERS", 1)
    with ExitStack() as waiting:
        with locks.exclusive(soon(), *KEY):
            other = waiting.enter_context(elsewhere(locks.exclusive(Call.internal(10), *KEY)))
            assert eventually(lambda: locks._states[KEY].waiters == 1)
            with pytest.raises(Busy), locks.exclusive(Call.internal(10), *KEY):
                pytest.fail("pushed in")
            with locks.exclusive(soon(), "network", "api"):
                pass
        assert other.wait(5)
    with locks.exclusive(soon(), *KEY):
        pass


def test_a_free_key_is_taken_even_past_the_deadline(locks: KeyedLocks) -> None:
    with locks.exclusive(Call.internal(0), *KEY):
        pass


def test_a_failed_block_releases_its_key(locks: KeyedLocks) -> None:
    for lock in (locks.shared, locks.exclusive):
        with pytest.raises(ZeroDivisionError), lock(soon(), *KEY):
            raise ZeroDivisionError
    assert locks._states == {}


def test_many_exclusive_calls_are_serialised(locks: KeyedLocks) -> None:
    count = 0

    def work() -> None:
        nonlocal count
        for _ in range(200):
            with locks.exclusive(Call.internal(30), *KEY):
                count, before = -1, count
                count = before + 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == 1600
    assert locks._states == {}

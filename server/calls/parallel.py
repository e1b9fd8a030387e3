"""The parts of one call at the same time, in threads that all calls with parts share.

Parts that are worked on together share commits and group deletes, so many cost little more than
one.
"""

import contextlib
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

T = TypeVar("T")

THREADS: Final = 32  # of all calls together, besides each call's own


class Parallel:
    """Runs the parts of calls.

    The thread of a call works on its parts, too. So a call goes on, one part after another, while
    others occupy all threads, and a part may have parts of its own.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="part")

    def run(self, parts: Sequence[Callable[[], T]], at_once: int) -> Sequence[Future[T]]:
        """Run all parts, ``at_once`` at a time, and return their outcomes in order.

        A part that fails does not stop the others.
        """
        outcomes: list[Future[T]] = [Future() for _ in parts]
        waiting = deque(zip(parts, outcomes, strict=True))

        def work() -> None:
            with contextlib.suppress(IndexError):  # no part waits any more
                while True:
                    _finish(*waiting.popleft())

        for _ in range(min(len(parts), at_once) - 1):
            with contextlib.suppress(RuntimeError):  # the host has no thread left
                self._pool.submit(contextvars.copy_context().run, work)
        work()
        wait(outcomes)
        return outcomes


def _finish(part: Callable[[], T], outcome: Future[T]) -> None:
    try:
        result = part()
    except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is read
        outcome.set_exception(error)
    else:
        outcome.set_result(result)

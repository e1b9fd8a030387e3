"""A time limit for plugins, so that one that hangs cannot block the daemon."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 30.0  # seconds for a plugin, unless the caller sets another limit


def within(seconds: float, function: Callable[[], T]) -> T:
    """Run a function in a thread and return its result.

    Raises what the function raises, even SystemExit. Raises TimeoutError when it has not returned
    by then. Its thread is left behind and ends with the process.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - the caller raises it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)

"""A bound on what plugins may take: they are not to keep anybody from the rest."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 30.0  # seconds for a plugin, where nobody says otherwise


def within(seconds: float, function: Callable[[], T]) -> T:
    """Run a function and return what it does; raises what it raises, even SystemExit.

    Raises TimeoutError when it has not returned by then: its thread is left alone with what it
    hangs in, and ends with the process.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)

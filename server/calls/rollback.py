"""Undoing what a failed call had done, without ever hiding why it failed."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import structlog

from mynet.server.errors import PluginTimeout

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@contextlib.contextmanager
def rollback(first: BaseException, what: str) -> Iterator[None]:
    """Run an undo step: if it fails too, that is logged and noted on the first error, not raised.

    What it leaves behind has a record, so a retry of the call or the next start finishes the undo.
    """
    try:
        yield
    except Exception as second:  # whatever it is, the caller is told of the first
        log.exception("undo failed", what=what)
        first.add_note(f"while undoing ({what}): {second}")


@contextlib.contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Run a step that comes when all that was asked for is done: a failure is logged, not raised.

    The caller would call again, and be told that there is nothing to do. The next start does it.
    """
    try:
        yield
    except Exception:  # whatever it is, what was asked for is done
        log.exception("left for the next start", what=what)


def is_under_way(error: Exception) -> bool:
    """Say whether the plugin's verb that the error is about still runs."""
    return isinstance(error, PluginTimeout) and error.pending is not None


def on_completion(error: Exception, function: Callable[[], None]) -> None:
    """Run an undo: now, or where a plugin's verb is still under way, as soon as that has ended.

    Then it gets a thread of its own: it will need the same plugin, whose threads may all be busy.
    """
    if isinstance(error, PluginTimeout) and error.pending:
        thread = threading.Thread(target=function, name="late-undo", daemon=True)
        error.pending.add_done_callback(lambda _: thread.start())
    else:
        function()

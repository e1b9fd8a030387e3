"""Rolling back a failed call without hiding why it failed."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import structlog

from mynet.server.errors import Busy, PluginTimeout

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@contextlib.contextmanager
def rollback(first: BaseException, what: str) -> Iterator[None]:
    """Run a step that rolls back; its failure is logged and noted on the first error, not raised.

    What the step leaves behind is on record, so a retry of the call or the next start removes it.
    """
    try:
        yield
    except Exception as second:  # whatever it is, the caller gets the first error
        log.exception("rollback failed", what=what)
        first.add_note(f"while rolling back ({what}): {second}")


@contextlib.contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Run a step that follows when the request is fulfilled; its failure is logged, not raised.

    A caller that got the error would call again and find nothing to do. The next start repeats the
    step.
    """
    try:
        yield
    except Exception:  # whatever it is, the request is fulfilled
        log.exception("left for the next start", what=what)


def is_under_way(error: Exception) -> bool:
    """Return whether the error is of a plugin's verb that still runs."""
    return isinstance(error, PluginTimeout) and error.pending is not None


def never_began(error: Exception) -> bool:
    """Return whether the error is of a plugin's verb that never began, so it has left nothing.

    Where a plugin hangs or has too many callers, a rollback by the same plugin would wait for it.
    """
    return isinstance(error, Busy) or (isinstance(error, PluginTimeout) and error.pending is None)


def on_completion(error: Exception, function: Callable[[], None]) -> None:
    """Run a rollback now, or when the plugin's verb that the error is of has ended.

    In the second case it gets a thread of its own. It will need the same plugin, all threads of
    which may be busy.
    """
    if isinstance(error, PluginTimeout) and error.pending:
        thread = threading.Thread(target=function, name="late-rollback", daemon=True)
        error.pending.add_done_callback(lambda _: thread.start())
    else:
        function()


@contextlib.contextmanager
def after_late_verb(function: Callable[[PluginTimeout], None]) -> Iterator[None]:
    """Run a block, and run a function when the plugin's verb that it left under way has ended."""
    try:
        yield
    except PluginTimeout as timeout:
        if timeout.pending:
            on_completion(timeout, functools.partial(function, timeout))
        raise

"""A bounded pool of threads for one plugin, so that a plugin that hangs blocks no other.

A caller waits for a verb until its deadline and then gets PLUGIN_TIMEOUT. The thread stays with the
plugin. Two verbs never run at the same time for one object, even where the caller of the first has
got its error long ago. :func:`within` is for what plugins do before and after they have a pool.
"""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, TypeVar

import structlog

from mynet.server.calls.call import Call
from mynet.server.errors import (
    NO_THREAD,
    Busy,
    PluginTimeout,
    ShuttingDown,
    is_without_thread,
)

T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

THREADS = 32  # verbs that run at once: enough to fill one group commit, or RTNL, many times
CALLERS = 96  # callers that run or wait: fewer than the daemon's threads, so that others stay free
PATIENCE: Final = 30.0  # seconds for a plugin, unless the caller sets another limit


class PluginExecutor:
    """The threads of one plugin. ``contract`` is the base of the contract's errors."""

    def __init__(self, plugin: str, contract: type[Exception]) -> None:
        self._plugin = plugin
        self._contract = contract
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix=plugin.replace(" ", "-"))
        self._callers = threading.BoundedSemaphore(CALLERS)
        # Guards `_running`, the objects for which a verb runs at this moment.
        self._guard = threading.Lock()
        self._running: set[str] = set()

    def run(self, call: Call, verb: str, subject: str, function: Callable[[], T]) -> T:
        """Run one verb for one object and return its result.

        ``subject`` names the object; "" stands for none. Raises the errors of the contract;
        PluginTimeout at the call's deadline; Busy where another verb still runs for the object or
        too many callers wait; and ShuttingDown. Any other exception is a fault of the plugin and
        becomes the contract's base error.
        """
        if call.unresponsive and self._plugin in call.unresponsive:
            raise self._no_answer(verb)
        with self._admitted(call):
            future = self._submit(subject, function)
            return self._result(call, verb, subject, future)

    @contextlib.contextmanager
    def _admitted(self, call: Call) -> Iterator[None]:
        """Count a caller while it waits. A rollback has its thread already and is not counted.

        Raises Busy where too many wait.
        """
        if call.is_rollback:
            yield
            return
        if not self._callers.acquire(blocking=False):
            raise Busy(
                f"{self._plugin} has {CALLERS} callers waiting already; call again in a moment",
                resource=self._plugin,
            )
        try:
            yield
        finally:
            self._callers.release()

    def close(self, seconds: float) -> bool:
        """Take no more verbs, wait for those that run, and return whether they ended in time."""
        ended = threading.Thread(target=self._executor.shutdown, daemon=True)
        ended.start()
        ended.join(seconds)
        return not ended.is_alive()

    def _submit(self, subject: str, function: Callable[[], T]) -> Future[T]:
        with self._guard:
            if subject in self._running:
                raise Busy(
                    f"{self._plugin} still works on {subject} for an earlier call;"
                    " call again in a moment",
                    resource=subject,
                )
            if subject:
                self._running.add(subject)
        # The thread's log lines have the request id from the caller's context.
        context, right = contextvars.copy_context(), threading.Lock()
        try:
            return self._executor.submit(context.run, self._work, subject, function, right)
        except RuntimeError as error:
            # The verb is in the queue already where no thread was started for it.
            if right.acquire(blocking=False):
                self._forget(subject)
            if is_without_thread(error):
                raise Busy(
                    f"{self._plugin}: {NO_THREAD}, and call again", resource=subject
                ) from error
            raise ShuttingDown("mynetd is stopping; call again when it is back") from error

    def _work(self, subject: str, function: Callable[[], T], right: threading.Lock) -> T:
        """Run a verb in its thread, and free its object before its caller gets the result.

        The thread needs the right to run it, which a caller that gave up takes away.
        """
        if not right.acquire(blocking=False):
            raise ShuttingDown("the caller gave up before the verb began")
        try:
            return function()
        finally:
            self._forget(subject)

    def _forget(self, subject: str) -> None:
        with self._guard:
            self._running.discard(subject)

    def _result(self, call: Call, verb: str, subject: str, future: Future[T]) -> T:
        ended, _ = wait([future], timeout=call.remaining())
        if not ended:
            pending: Future[Any] | None = future
            if future.cancel():  # it never began, so nothing else forgets it
                pending = None
                self._forget(subject)
            if call.unresponsive is not None:
                call.unresponsive.add(self._plugin)
            raise self._no_answer(verb, pending)
        try:
            return future.result()
        except self._contract:
            raise
        except BaseException as error:  # a plugin may break in any way
            log.exception("plugin broke its contract", plugin=self._plugin, verb=verb)
            raise self._contract(
                f"{self._plugin} broke in {verb}: {type(error).__name__}: {error}. This is a fault"
                " of the plugin; the daemon's log has the traceback"
            ) from error

    def _no_answer(self, verb: str, pending: Future[Any] | None = None) -> PluginTimeout:
        return PluginTimeout(
            f"{self._plugin} did not answer {verb} in time; look for what it waits for in the"
            " daemon's log, then call again",
            pending,
            resource=self._plugin,
        )


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

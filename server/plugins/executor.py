"""A bounded pool of threads for one plugin, so that a plugin that hangs blocks no other.

A caller waits for a verb until its deadline and then gets PLUGIN_TIMEOUT. The thread stays with the
plugin. Two verbs never run at the same time for one object, even where the caller of the first has
got its error long ago. Callers get the threads in turn, so that no caller waits for all verbs of
another one. :func:`within` is for what plugins do before and after they have a pool.
"""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, TypeVar

import structlog

from mynet.server.calls.call import Call
from mynet.server.calls.fair_queue import FairQueue
from mynet.server.errors import (
    NO_THREAD,
    Busy,
    PluginTimeout,
    ShuttingDown,
    is_without_thread,
)
from mynet.server.model.callers import DAEMON

T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

THREADS = 32  # verbs that run at once: enough to fill one group commit, or RTNL, many times
CALLERS = 96  # callers that run or wait: fewer than the daemon's threads, so that others stay free
PATIENCE: Final = 30.0  # seconds for a plugin, unless the caller sets another limit


@dataclass(eq=False, slots=True)
class _Verb(Generic[T]):
    """A verb that runs, or waits for a thread."""

    # The key of its caller in the queue.
    caller: str
    # The object that it works on, or "".
    subject: str
    function: Callable[[], T]
    # Whether the caller is one of at most CALLERS. The executor's lock guards it.
    is_counted: bool
    future: Future[T] = field(default_factory=Future)


class PluginExecutor:
    """The threads of one plugin. ``contract`` is the base of the contract's errors."""

    def __init__(self, plugin: str, contract: type[Exception]) -> None:
        self._plugin = plugin
        self._contract = contract
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix=plugin.replace(" ", "-"))
        # Guards `_objects`, for which verbs run or wait; `_queue`, the verbs that wait for a
        # thread; and `_callers`, the number of callers that wait for a verb.
        self._guard = threading.Lock()
        self._objects: set[str] = set()
        self._queue: FairQueue[_Verb[Any]] = FairQueue()
        self._callers = 0

    def run(self, call: Call, name: str, subject: str, function: Callable[[], T]) -> T:
        """Run a verb, of this name, for one object and return its result.

        ``subject`` names the object; "" stands for none. Raises the errors of the contract;
        PluginTimeout at the call's deadline; Busy where another verb still runs for the object or
        too many callers wait; and ShuttingDown. Any other exception is a fault of the plugin and
        becomes the contract's base error.
        """
        if call.unresponsive and self._plugin in call.unresponsive:
            raise self._no_answer(name)
        # A rollback has its thread already, and is not counted.
        caller = DAEMON.key if call.is_rollback else call.caller.key
        # The thread's log lines have the request id from the caller's context.
        work = partial(contextvars.copy_context().run, function)
        verb = _Verb(caller, subject, work, is_counted=not call.is_rollback)
        with self._queued(verb):
            self._start(verb)
            return self._result(call, name, verb)

    def close(self, seconds: float) -> bool:
        """Take no more verbs, wait for those that run, and return whether they ended in time."""
        ended = threading.Thread(target=self._executor.shutdown, daemon=True)
        ended.start()
        ended.join(seconds)
        return not ended.is_alive()

    @contextlib.contextmanager
    def _queued(self, verb: _Verb[Any]) -> Iterator[None]:
        """Put a verb into the queue, and count its caller until the block ends.

        Raises Busy where another verb works on the object. Where too many callers wait, the last
        verb of the caller with the most waiting verbs is refused, or else this one.
        """
        refused = None
        with self._guard:
            if verb.subject in self._objects:
                raise Busy(
                    f"{self._plugin} still works on {verb.subject} for an earlier call;"
                    " call again in a moment",
                    resource=verb.subject,
                )
            if verb.is_counted and self._callers >= CALLERS:
                refused = self._queue.make_room(verb.caller)
                if refused is None:
                    raise self._too_many()
                self._uncount(refused)
                self._objects.discard(refused.subject)
            self._callers += verb.is_counted
            if verb.subject:
                self._objects.add(verb.subject)
            self._queue.put(verb.caller, verb)
        if refused:
            refused.future.set_exception(self._too_many())
        try:
            yield
        finally:
            with self._guard:
                self._uncount(verb)

    def _uncount(self, verb: _Verb[Any]) -> None:
        self._callers -= verb.is_counted
        verb.is_counted = False

    def _start(self, verb: _Verb[Any]) -> None:
        """Ask a thread to take a verb from the queue. Raises Busy and ShuttingDown."""
        try:
            self._executor.submit(self._work)
        except RuntimeError as error:
            if not self._withdraw(verb):
                return  # another thread has taken the verb
            if is_without_thread(error):
                raise Busy(
                    f"{self._plugin}: {NO_THREAD}, and call again", resource=verb.subject
                ) from error
            raise ShuttingDown("mynetd is stopping; call again when it is back") from error

    def _work(self) -> None:
        """Run the next verb, and free its object before its caller gets the result.

        There is none where its caller has given up.
        """
        with self._guard:
            verb = self._queue.pop()
        if verb is None:
            return
        try:
            outcome = partial(verb.future.set_result, verb.function())
        except BaseException as error:  # noqa: BLE001 - a plugin may break in any way
            outcome = partial(verb.future.set_exception, error)
        with self._guard:
            self._objects.discard(verb.subject)
        outcome()

    def _withdraw(self, verb: _Verb[Any]) -> bool:
        """Take a verb out of the queue; return whether it was there, and now never begins."""
        with self._guard:
            if is_withdrawn := self._queue.remove(verb.caller, verb):
                self._objects.discard(verb.subject)
            return is_withdrawn

    def _result(self, call: Call, name: str, verb: _Verb[T]) -> T:
        ended, _ = wait([verb.future], timeout=call.remaining())
        if not ended:
            pending = None if self._withdraw(verb) else verb.future
            if call.unresponsive is not None:
                call.unresponsive.add(self._plugin)
            raise self._no_answer(name, pending)
        try:
            return verb.future.result()
        except (self._contract, Busy):
            raise
        except BaseException as error:  # a plugin may break in any way
            log.exception("plugin broke its contract", plugin=self._plugin, verb=name)
            raise self._contract(
                f"{self._plugin} broke in {name}: {type(error).__name__}: {error}. This is a fault"
                " of the plugin; the daemon's log has the traceback"
            ) from error

    def _too_many(self) -> Busy:
        return Busy(
            f"{self._plugin} has {CALLERS} callers waiting already; call again in a moment",
            resource=self._plugin,
        )

    def _no_answer(self, name: str, pending: Future[Any] | None = None) -> PluginTimeout:
        return PluginTimeout(
            f"{self._plugin} did not answer {name} in time; look for what it waits for in the"
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

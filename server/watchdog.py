"""A thread that tells the service manager at intervals that the daemon still answers.

It tells so only after checks of what every call needs. A daemon that hangs is ended and started
again by the service manager. No check depends on a plugin: a plugin that hangs stops its own calls
alone, and would hang after a restart, too.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait

import structlog

from mynet.server.service_manager import ServiceManager

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Check = Callable[[], object]

_ROUNDS = 3  # within the time after which the service manager ends the daemon


class Watchdog:
    """Runs the checks, by their names, as long as the daemon serves.

    A check passes if it returns or raises: each is an answer. It fails as long as it does neither.
    """

    def __init__(self, manager: ServiceManager, checks: Mapping[str, Check]) -> None:
        self._manager = manager
        self._checks = checks
        self._seconds = manager.watchdog / _ROUNDS
        self._running: dict[str, Future[None]] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin, unless the service manager does not wait for it."""
        if self._manager.watchdog:
            self._thread.start()

    def stop(self) -> None:
        """End after the round that runs."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(self._seconds):
            if hanging := self._hanging():
                log.error("does not answer: the service manager will end it", hanging=hanging)
            else:
                self._manager.answering()

    def _hanging(self) -> list[str]:
        """Run the checks at the same time; return those without an answer within a round."""
        for name, check in self._checks.items():
            if name not in self._running:
                self._running[name] = _begun(name, check)
        done, _ = wait(self._running.values(), timeout=self._seconds)
        self._running = {name: it for name, it in self._running.items() if it not in done}
        return sorted(self._running)


def _begun(name: str, check: Check) -> Future[None]:
    """Run a check in a thread of its own, which hangs if the check does."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            check()
        except Exception as error:  # noqa: BLE001 - a refusal is an answer
            log.debug("a check of the watchdog was refused", check=name, error=str(error))
        future.set_result(None)

    try:
        threading.Thread(target=run, name=f"watchdog-{name}", daemon=True).start()
    except RuntimeError:  # the host has no thread for it, and a restart would not change that
        future.set_result(None)
    return future

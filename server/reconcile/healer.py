"""Healing: what somebody damages in the kernel while the daemon serves is mended at once.

A driver tells of it (:meth:`~mynet.drivers.api.Driver.watch`); and, as notifications can be lost,
it is asked every few seconds what seems damaged (:meth:`~mynet.drivers.api.Driver.survey`). What is
suspicious is examined as :mod:`~mynet.server.reconcile.reconciler` does, under its lock. Nothing is
ever removed: an endpoint whose sandbox is gone stays until a caller disconnects it or connects it
again.
"""

import threading
import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

import structlog

from mynet.drivers.api import WATCH, Driver
from mynet.server.calls.call import Call
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.backoff import Waiting
from mynet.server.reconcile.findings import Finding, Report
from mynet.server.reconcile.reconciler import Doctor
from mynet.server.reconcile.snapshot import Listing

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EVERY: Final = 10.0  # seconds from one survey to the next, when nobody tells of anything
_SHARE: Final = 4  # surveys take one part in so many of the time, whoever asks for them
_PAUSE: Final = 1.0  # seconds between two surveys, at most, for that
_SECONDS: Final = 10.0  # that a plugin may take for one object


class Healer:
    """Heals what one driver has, in a thread of its own: a plugin that hangs holds up no other."""

    def __init__(self, doctor: Doctor, driver: Plugin[Driver]) -> None:
        self._doctor = doctor
        self._driver = driver
        # Guards `_suspects` and `_survey_at`, and wakes the thread. Never held while anything is
        # looked at: the driver's own threads come by here.
        self._changed = threading.Condition()
        self._suspects: set[str] = set()
        self._survey_at = 0.0  # in seconds of time.monotonic
        self._stopping = threading.Event()
        # Of the thread alone.
        self._waiting = Waiting()
        self._listing: Listing | None = None
        self._earliest = 0.0
        self._told: dict[str, str] = {}
        self._healed = 0
        self._thread = threading.Thread(target=self._run, name=f"healer-{driver.name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def ended(self, seconds: float) -> bool:
        """Wait for what is under way; say whether it has ended in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def alarm(self, ids: Collection[str]) -> None:
        """Have these looked at, or everything where there are none. Returns at once."""
        with self._changed:
            self._suspects.update(ids)
            if not ids:
                self._survey_at = 0.0
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._driver.run(Call.internal(_SECONDS), Driver.watch, self.alarm)
        except Exception as error:  # noqa: BLE001 - a plugin may break in any way it likes
            log.warning("nothing is told of damage", driver=self._driver.name, error=str(error))
        while self._wait():
            try:
                self._survey()
                self._heal()
            except Exception:
                log.exception("healing failed", driver=self._driver.name)

    def _wait(self) -> bool:
        """Wait until there is something to do; say whether to go on."""
        with self._changed:
            while not (self._stopping.is_set() or self._suspects):
                left = min(self._survey_due(), self._waiting.next()) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._waiting.add(self._suspects)
            self._suspects.clear()
        return not self._stopping.is_set()

    def _survey_due(self) -> float:
        """Tell when the next survey is. Holds ``_changed``."""
        return max(self._survey_at, self._earliest)

    def _survey(self) -> None:
        """Ask the driver what seems damaged, if it is time."""
        begin = time.monotonic()
        with self._changed:
            if self._survey_due() > begin:
                return
            self._survey_at = begin + EVERY
        try:
            self._listing = Listing(self._doctor.store, self._listing)
            call = Call.internal(_SECONDS)
            self._waiting.add(self._doctor.suspects(call, self._driver, self._listing))
        except Exception as error:  # noqa: BLE001 - the next survey may succeed
            self._tell_once("", f"{self._driver.name} was not surveyed: {error}", error)
        else:
            self._told.pop("", None)
        end = time.monotonic()
        self._earliest = end + min((_SHARE - 1) * (end - begin), _PAUSE)
        self._waiting.forget(end)

    def _heal(self) -> None:
        """Mend whose turn it is."""
        due = self._waiting.due(time.monotonic())
        for object_id, examine in self._doctor.examinations(due) if due else ():
            if self._stopping.is_set():
                return
            calls, tell = partial(Call.internal, _SECONDS), partial(self._tell, object_id)
            report = Report(calls, repair=True, tell=tell)
            examine(report)
            self._note(object_id, report)

    def _note(self, object_id: str, report: Report) -> None:
        """Remember how it went with one object."""
        now = time.monotonic()
        if report.left_alone or not all(finding.repaired for finding in report.findings):
            self._waiting.failed(object_id, now)
            return
        self._told.pop(object_id, None)
        if report.findings:
            self._waiting.mended(object_id, now)
        else:
            self._waiting.well(object_id)

    def _tell(self, object_id: str, finding: Finding, error: Exception | None) -> None:
        if finding.repaired:
            self._healed += 1
            log.warning(
                "healed",
                subject=finding.subject,
                problem=finding.problem,
                remedy=finding.remedy,
                total=self._healed,
            )
        else:
            self._tell_once(object_id, f"{finding.subject}: {finding.problem}", error)

    def _tell_once(self, object_id: str, problem: str, error: Exception | None) -> None:
        """Log what cannot be healed, unless that was the last that was said of it."""
        if self._told.get(object_id) != problem and not self._stopping.is_set():
            self._told[object_id] = problem
            log.error("not healed", problem=problem, exc_info=error)


def healers(doctor: Doctor, drivers: Catalog[Driver]) -> Sequence[Healer]:
    """Make a healer for each driver that can tell of damage."""
    return [
        Healer(doctor, driver)
        for driver in drivers.usable()
        if WATCH in driver.implementation.info.capabilities
    ]

"""Repairing what another program damages in the kernel while the daemon serves.

A driver raises an alarm when it notices damage (:meth:`~mynet.drivers.api.Driver.watch`). Because
notifications can be lost, each driver is also asked every few seconds what seems damaged
(:meth:`~mynet.drivers.api.Driver.survey`). The doctor then examines what seems damaged, under its
lock. Nothing is ever removed. An endpoint whose sandbox is gone stays until a caller disconnects it
or connects it again.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final

import structlog

from mynet.drivers.api import WATCH, Driver
from mynet.server.calls.call import Call
from mynet.server.model.endpoints import EndpointState
from mynet.server.model.networks import NetworkState
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.doctor import Doctor
from mynet.server.reconcile.findings import Examination, Finding
from mynet.server.reconcile.repair_queue import RepairQueue
from mynet.server.reconcile.snapshot import Snapshot

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SURVEY_INTERVAL: Final = 10.0  # seconds between surveys, without an alarm
_SURVEY_PAUSE: Final = 0.5  # seconds between surveys at least, however many alarms there are
_TIMEOUT: Final = 10.0  # seconds for a plugin to examine one object


class Healer:
    """Repairs what one driver has, in a thread of its own: a hung plugin delays no other healer."""

    def __init__(self, doctor: Doctor, driver: Plugin[Driver]) -> None:
        self._doctor = doctor
        self._driver = driver
        # Guards `_suspects` and `_survey_at`, and wakes the thread. It is not held during an
        # examination, because the driver's own threads take it.
        self._changed = threading.Condition()
        self._suspects: set[str] = set()
        self._survey_at = 0.0  # in seconds of time.monotonic
        self._stopping = threading.Event()
        # The thread alone uses the following.
        self._queue = RepairQueue()
        self._snapshot: Snapshot | None = None
        self._pause_until = 0.0
        self._logged: dict[str, str] = {}  # the last problem that was logged of an object, by id
        self._healed = 0
        self._thread = threading.Thread(target=self._run, name=f"healer-{driver.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more repairs. The one under way is completed."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def ended(self, seconds: float) -> bool:
        """Wait for the thread; return whether it has ended in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def alarm(self, ids: Collection[str]) -> None:
        """Examine these objects soon, or survey everything if there are none. Return at once."""
        with self._changed:
            self._suspects.update(ids)
            if not ids:
                self._survey_at = 0.0
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._driver.run(Call.internal(_TIMEOUT), Driver.watch, self.alarm)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            log.warning("damage is not noticed at once", driver=self._driver.name, error=str(error))
        while self._wait():
            try:
                self._survey()
                self._heal()
            except Exception:
                log.exception("healing failed", driver=self._driver.name)

    def _wait(self) -> bool:
        """Wait until there is something to do; return whether to go on."""
        with self._changed:
            while not (self._stopping.is_set() or self._suspects):
                left = min(self._survey_due(), self._queue.next_due()) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._queue.add(self._suspects)
            self._suspects.clear()
        return not self._stopping.is_set()

    def _survey_due(self) -> float:
        """Return when the next survey is due. The caller holds ``_changed``."""
        return max(self._survey_at, self._pause_until)

    def _survey(self) -> None:
        """Ask the driver what seems damaged, if a survey is due."""
        begin = time.monotonic()
        with self._changed:
            if self._survey_due() > begin:
                return
            self._survey_at = begin + SURVEY_INTERVAL
        try:
            self._snapshot = Snapshot(self._doctor.store, self._snapshot)
            self._queue.add(survey(Call.internal(_TIMEOUT), self._driver, self._snapshot))
        except Exception as error:  # noqa: BLE001 - the next survey may succeed
            self._log_once("", f"{self._driver.name} was not surveyed: {error}", error)
        else:
            self._logged.pop("", None)
        self._pause_until = time.monotonic() + _SURVEY_PAUSE

    def _heal(self) -> None:
        """Examine and repair the objects that are due."""
        due = self._queue.take_due(time.monotonic())
        for object_id, examine in examiners(self._doctor, due) if due else ():
            if self._stopping.is_set():
                return
            calls, observe = partial(Call.internal, _TIMEOUT), partial(self._log, object_id)
            examination = Examination(calls, repair=True, observe=observe)
            examine(examination)
            self._note_result(object_id, examination)

    def _note_result(self, object_id: str, examination: Examination) -> None:
        now = time.monotonic()
        if examination.unexamined or not all(finding.repaired for finding in examination.findings):
            self._queue.failed(object_id, now)
            return
        self._logged.pop(object_id, None)
        if examination.findings:
            self._queue.repaired(object_id, now)
        else:
            self._queue.undamaged(object_id)

    def _log(self, object_id: str, finding: Finding, error: Exception | None) -> None:
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
            self._log_once(object_id, f"{finding.subject}: {finding.problem}", error)

    def _log_once(self, object_id: str, problem: str, error: Exception | None) -> None:
        """Log what cannot be healed, unless it is what was last logged of the object."""
        if self._logged.get(object_id) != problem and not self._stopping.is_set():
            self._logged[object_id] = problem
            log.error("not healed", problem=problem, exc_info=error)


def healers(doctor: Doctor, drivers: Catalog[Driver]) -> Sequence[Healer]:
    """Return a healer for each driver that can notice damage."""
    return [
        Healer(doctor, driver)
        for driver in drivers.usable()
        if WATCH in driver.implementation.info.capabilities
    ]


def survey(call: Call, driver: Plugin[Driver], snapshot: Snapshot) -> Collection[str]:
    """Return the ids of a driver's networks and endpoints that seem damaged.

    Surveys of one driver never overlap, so a hung driver blocks one thread at most.
    """
    networks = snapshot.for_driver(driver.name)
    return driver.run(call, Driver.survey, networks, subject="a survey")


def examiners(
    doctor: Doctor, ids: Collection[str]
) -> Iterator[tuple[str, Callable[[Examination], None]]]:
    """Yield the id of each of these networks and endpoints, and a function that examines it.

    Networks come first, and those of the endpoints too, because endpoints need them. Objects that
    are not on record or that a call is changing are left out. An endpoint whose sandbox is gone is
    not examined, but marked: it is kept for its caller, who may connect it again.
    """
    endpoints = [
        endpoint
        for endpoint in map(doctor.store.endpoints.get, ids)
        if endpoint and endpoint.state is EndpointState.READY and endpoint.place.sandbox
    ]
    observed = doctor.sandboxes.observe(Call.internal(_TIMEOUT), endpoints, {})
    gone = {endpoint.id: why for endpoint in endpoints if (why := observed.why_gone(endpoint))}
    living = [endpoint for endpoint in endpoints if endpoint.id not in gone]
    network_ids = dict.fromkeys([*ids, *(endpoint.network_id for endpoint in living)])
    networks = {
        network.id: network
        for network in map(doctor.store.networks.get, network_ids)
        if network and network.state is NetworkState.READY
    }
    for network in networks.values():
        yield network.id, partial(doctor.examine_network, network)
    for endpoint in endpoints:
        if endpoint.id in gone:
            yield endpoint.id, partial(doctor.note_gone, endpoint, gone[endpoint.id])
    for endpoint in living:
        if its_network := networks.get(endpoint.network_id):
            yield endpoint.id, partial(doctor.examine_endpoint, its_network, endpoint, observed)

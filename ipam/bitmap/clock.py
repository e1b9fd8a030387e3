"""A clock that neither a restart of the daemon nor a change of the wall clock affects."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

SECOND = 1_000_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class BootTime:
    """A time, as CLOCK_BOOTTIME counts it (clock_gettime(2))."""

    # The id of the boot.
    boot: str
    # Nanoseconds since that boot.
    nanoseconds: int


class Clock(Protocol):
    """A source of the time; tests have their own."""

    def now(self) -> BootTime:
        """Return the current time."""


class BootClock:
    """The kernel's clock that counts from the boot, also while the host is suspended."""

    def __init__(self) -> None:
        self._boot = _BOOT_ID.read_text(encoding="ascii").strip()

    def now(self) -> BootTime:
        """Return the current time."""
        return BootTime(self._boot, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def elapsed(since: BootTime, now: BootTime) -> float:
    """Return the seconds between two times; if ``since`` is of an earlier boot, since this boot.

    How long the host was off is unknown, so that time does not count.
    """
    then = since.nanoseconds if since.boot == now.boot else 0
    return (now.nanoseconds - then) / SECOND


def cutoff(seconds: float, now: BootTime) -> tuple[int, bool]:
    """Return the time so many seconds ago, and whether that was before this boot.

    For queries that compare many times at once, as :func:`elapsed` does for one.
    """
    nanoseconds = now.nanoseconds - round(seconds * SECOND)
    return nanoseconds, nanoseconds < 0

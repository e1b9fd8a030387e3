"""Time that neither a restart nor a clock that is set can bend: the boot, and seconds in it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

SECOND = 1_000_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment: the boot it is in, and nanoseconds of CLOCK_BOOTTIME (clock_gettime(2))."""

    boot: str
    nanoseconds: int


class Clock(Protocol):
    """Tells the time; tests have clocks of their own."""

    def now(self) -> Moment:
        """Return this moment."""


class BootClock:
    """The host's clock that counts from its boot and goes on while it sleeps."""

    def __init__(self) -> None:
        self._boot = _BOOT_ID.read_text(encoding="ascii").strip()

    def now(self) -> Moment:
        """Return this moment."""
        return Moment(self._boot, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def elapsed(since: Moment, now: Moment) -> float:
    """Return the seconds since a moment; since one of an earlier boot, those since this boot.

    How long the host was off is not known, so nothing that was to rest has rested while it was.
    """
    then = since.nanoseconds if since.boot == now.boot else 0
    return (now.nanoseconds - then) / SECOND

"""The clock counts from the boot and names it."""

import time
from pathlib import Path

import pytest

from mynet.ipam.bitmap.clock import SECOND, BootClock, BootTime, elapsed


@pytest.mark.parametrize(
    ("since", "now", "seconds"),
    [
        (BootTime("one", 5 * SECOND), BootTime("one", 5 * SECOND), 0.0),
        (BootTime("one", 5 * SECOND), BootTime("one", 7 * SECOND + SECOND // 2), 2.5),
        (BootTime("one", 5 * SECOND), BootTime("two", 3 * SECOND), 3.0),
        (BootTime("one", 5 * SECOND), BootTime("two", 0), 0.0),
        (BootTime("one", 5 * SECOND), BootTime("two", 9 * SECOND), 9.0),
        (BootTime("one", 1), BootTime("one", 0), -1e-9),
    ],
)
def test_time_before_this_boot_does_not_count(
    since: BootTime, now: BootTime, seconds: float
) -> None:
    assert elapsed(since, now) == seconds


def test_the_clock_counts_from_the_boot_and_names_it() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    now = BootClock().now()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert before <= now.nanoseconds <= after
    assert now.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert BootClock().now().boot == now.boot

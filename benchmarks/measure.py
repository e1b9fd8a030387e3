"""Measuring: a benchmark is a function that yields lines, under a name that runs it again."""

import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE_KIB = resource.getpagesize() // 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One number: what was measured, how much, of what, and what it has to be, if anything."""

    what: str
    value: float
    unit: str
    goal: str = ""


Benchmark = Callable[[Path], Iterator[Line]]

BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register a benchmark; it is given an empty folder on a real disk."""

    def register(function: Benchmark) -> Benchmark:
        BENCHMARKS[name] = function
        return function

    return register


def rate(function: Callable[[int], object], number: int) -> float:
    """Return how often a second a function can be called, one call after the other."""
    start = time.perf_counter()
    for index in range(number):
        function(index)
    return number / (time.perf_counter() - start)


def rate_at_once(function: Callable[[int], object], number: int, callers: int) -> float:
    """Return how often a second ``callers`` threads together can call a function."""
    latencies, seconds = _at_once(function, number, callers)
    return len(latencies) / seconds


def latencies_at_once(
    function: Callable[[int], object], number: int, callers: int
) -> Sequence[float]:
    """Return the seconds that each call took, with so many callers at once, in order."""
    return sorted(_at_once(function, number, callers)[0])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that a share of the others does not exceed."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def memory_mib() -> float:
    """Return the memory that this process has at this moment. Source: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB / 1024


def _at_once(
    function: Callable[[int], object], number: int, callers: int
) -> tuple[list[float], float]:
    each = number // callers
    latencies: list[list[float]] = [[] for _ in range(callers)]
    ready = threading.Barrier(callers + 1)

    def run(caller: int) -> None:
        ready.wait()
        for index in range(caller * each, (caller + 1) * each):
            start = time.perf_counter()
            function(index)
            latencies[caller].append(time.perf_counter() - start)

    threads = [threading.Thread(target=run, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return [latency for part in latencies for latency in part], time.perf_counter() - start

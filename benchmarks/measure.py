"""How benchmarks measure. A benchmark is a named function that yields lines of results."""

import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

PAGE_KIB = resource.getpagesize() // 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One result."""

    # What was measured.
    what: str
    value: float
    unit: str
    # What the value should be, for people.
    goal: str = ""


Benchmark = Callable[[Path], Iterator[Line]]

BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register a benchmark under a name. It receives an empty folder on a real disk."""

    def register(function: Benchmark) -> Benchmark:
        BENCHMARKS[name] = function
        return function

    return register


def rate(function: Callable[[int], object], number: int) -> float:
    """Return the calls per second of a function that one thread calls."""
    start = time.perf_counter()
    for index in range(number):
        function(index)
    return number / (time.perf_counter() - start)


def rate_at_once(function: Callable[[int], object], number: int, callers: int) -> float:
    """Return the calls per second of a function that ``callers`` threads call at once."""
    latencies, seconds = _at_once(function, number, callers)
    return len(latencies) / seconds


def latencies_at_once(
    function: Callable[[int], object], number: int, callers: int
) -> Sequence[float]:
    """Return the seconds of each call, sorted, with ``callers`` threads at once."""
    return sorted(_at_once(function, number, callers)[0])


def latency_and_rate(
    what: str, function: Callable[[int], object], number: int, callers: int
) -> Iterator[Line]:
    """Yield the latency of a call, and the calls per second of all callers together."""
    latencies, seconds = _at_once(function, number, callers)
    for share in (0.5, 0.99):
        value = quantile(sorted(latencies), share) * 1e3
        yield Line(f"{what}, p{share * 100:g}", value, "ms")
    yield Line(what, len(latencies) / seconds, "/s")


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that a share of the sorted values does not exceed."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def memory_mib() -> float:
    """Return the resident memory of this process. Source: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB / 1024


def _at_once(
    function: Callable[[int], object], number: int, callers: int
) -> tuple[list[float], float]:
    """Return the seconds of each call, and of all together. Raises what a call raises."""
    share = number // callers
    ready = threading.Barrier(callers + 1)

    def run(caller: int) -> list[float]:
        latencies = []
        ready.wait()
        for index in range(caller * share, (caller + 1) * share):
            start = time.perf_counter()
            function(index)
            latencies.append(time.perf_counter() - start)
        return latencies

    with ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(run, caller) for caller in range(callers)]
        ready.wait()
        start = time.perf_counter()
        wait(running)
        seconds = time.perf_counter() - start
    return [latency for future in running for latency in future.result()], seconds

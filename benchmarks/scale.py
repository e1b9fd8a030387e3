"""The time of calls beside 2,000 networks, and on a bridge with 500 endpoints."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.measure import Line, benchmark
from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Sandbox, Testbed

NETWORKS, ENDPOINTS = 2000, 500
SAMPLES = 50
PORTS = [PortMapping(container_port=80)]
_WITHIN = "within 2x of the first"


@benchmark("scale")
def scale(folder: Path) -> Iterator[Line]:
    """Call an almost empty host and a full host in turn; the results are medians of 50 calls."""
    with ExitStack() as stack:
        hosts = [stack.enter_context(_host(folder / name)) for name in ("empty", "full")]
        _fill(hosts[1])
        what = "Connect beside {} networks", ("no other", f"{NETWORKS:,}")
        yield from _compare(
            what, hosts, lambda host, n: host.connect(f"c{n}", ports=PORTS), _WITHIN
        )
        what = "CreateNetwork beside {} networks", what[1]
        yield from _compare(what, hosts, lambda host, n: host.create(f"r{n}", f"10.200.{n}.0/24"))
        what = "Connect, the {} on a bridge", ("first 50", f"last 50 of {ENDPOINTS}")
        on_green = lambda host, n: host.connect(f"c{n}", network="green")  # noqa: E731
        yield from _compare(what, hosts, on_green, _WITHIN)


@contextmanager
def _host(folder: Path) -> Iterator[Daemon]:
    """Yield a daemon on a host of its own, with unconnected sandboxes."""
    folder.mkdir()
    testbed = Testbed(folder)
    try:
        daemon = Daemon(testbed, f"--state-dir={folder}/state")
        daemon.create("blue")
        daemon.create("green", "172.20.0.0/16")
        for number in range(SAMPLES):
            Sandbox(testbed, f"c{number}")
        yield daemon
        daemon.stop()
    finally:
        testbed.close()


def _fill(host: Daemon) -> None:
    """Make the networks, and all endpoints of a bridge but the last 50, without sandboxes."""
    create = lambda n: host.create(f"n{n}", f"10.{n >> 8}.{n & 255}.0/24")  # noqa: E731
    connect = lambda n: host.connect(f"e{n}", network="green", netns_name="")  # noqa: E731
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(create, range(NETWORKS)))
        list(callers.map(connect, range(ENDPOINTS - SAMPLES)))


def _compare(
    what: tuple[str, Sequence[str]],
    hosts: Sequence[Daemon],
    call: Callable[[Daemon, int], object],
    goal: str = "",
) -> Iterator[Line]:
    """Make each call on both hosts in turn, so that other load delays both alike."""
    times: list[list[float]] = [[] for _ in hosts]
    for number in range(SAMPLES):
        for host, taken in zip(hosts, times, strict=True):
            start = time.perf_counter()
            call(host, number)
            taken.append(time.perf_counter() - start)
    words, places = what
    for place, taken, should in zip(places, times, ("", goal), strict=True):
        yield Line(words.format(place), median(taken) * 1e3, "ms", should)

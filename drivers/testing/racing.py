"""Claims about concurrent calls, and about close."""

import threading
from contextlib import closing
from functools import partial
from pathlib import Path

from mynet.drivers.testing.bench import Bench, at_once, require, require_whole
from mynet.drivers.testing.samples import SampleCall

_THREADS = 8
_ROUNDS = 8


def connect_and_disconnect_run_concurrently(bench: Bench) -> None:
    """Connect endpoints of two networks concurrently, and disconnect them concurrently."""
    networks = [bench.network(number) for number in (1, 2)]
    endpoints = [bench.endpoint(networks[number % 2], number) for number in range(1, _THREADS + 1)]
    at_once(bench.create, networks)
    at_once(bench.connect, endpoints)
    for endpoint in endpoints:
        require_whole(bench, endpoint)
    at_once(partial(bench.driver.disconnect, SampleCall()), endpoints)
    for endpoint in endpoints:
        problems = bench.driver.check(SampleCall(), endpoint)
        require(problems or not bench.makes_links, f"{endpoint.id} outlives disconnect")


def close_releases_descriptors_and_threads(bench: Bench) -> None:
    """Use and close many drivers, and count what they have left together."""
    endpoint = bench.endpoint(bench.network())
    bench.networks.append(endpoint.network)
    bench.endpoints.append(endpoint)
    before = _open_descriptors(), threading.active_count()
    for _ in range(_ROUNDS):
        with closing(bench.make()) as driver:
            if bench.watches:
                driver.watch(SampleCall(), lambda _: None)
            driver.create(SampleCall(), endpoint.network)
            driver.connect(SampleCall(), endpoint)
            driver.disconnect(SampleCall(), endpoint)
            driver.delete(SampleCall(), endpoint.network)
    after = _open_descriptors(), threading.active_count()
    for what, old, new in zip(("file descriptors", "threads"), before, after, strict=True):
        require(new - old < _ROUNDS, f"{_ROUNDS} closed drivers left {new - old} {what}")


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))

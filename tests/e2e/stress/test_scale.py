"""Among many networks, endpoints and ports a call takes about as long as among few.

A host with many and a host with few are called in turn. What other programs take of the machine
makes some calls longer, so the shortest ones are compared: what a call itself costs is in each.
Where the machine is busy all the time, the comparison is made again: growth is in each of them.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.support.matrix import matrix

PORTS_OF_EACH = 25  # that an endpoint publishes
PORTS = [PortMapping(container_port=80)]
COMPARISONS = 4


@pytest.fixture(scope="module", params=matrix([((40, 120),), ((150, 400),)], short=2))
def hosts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Daemon, Daemon]]:
    """A host with one network, and one with many networks, endpoints and published ports."""
    networks, endpoints = request.param
    with ExitStack() as ending, ThreadPoolExecutor(8) as callers:
        testbeds = [Testbed(tmp_path_factory.mktemp(name)) for name in ("little", "much")]
        for testbed in testbeds:
            ending.callback(testbed.close)
        little, much = daemons = [Daemon(testbed) for testbed in testbeds]
        for daemon in daemons:
            ending.callback(daemon.stop)
            daemon.create("blue", "10.88.0.0/16")
            Sandbox(daemon.testbed, "probe")
        create = lambda number: much.create(f"n{number}", f"10.89.{number}.0/24")  # noqa: E731

        def connect(number: int) -> None:
            """Connect without a sandbox, because to make those would take longest."""
            ports = PortMapping(
                host_port=10_000 + PORTS_OF_EACH * number, container_port=1, count=PORTS_OF_EACH
            )
            much.connect(f"c{number}", netns_name="", ports=[ports])

        list(callers.map(create, range(networks)))
        list(callers.map(connect, range(endpoints)))
        yield little, much


def grows_less(
    than: float,
    hosts: tuple[Daemon, Daemon],
    rounds: int,
    call: Callable[[Daemon], object],
    undo: Callable[[Daemon], object],
) -> bool:
    """Return whether the ratio of the times is below a limit, in one of several comparisons."""
    return any(growth(hosts, rounds, call, undo) < than for _ in range(COMPARISONS))


def growth(
    hosts: tuple[Daemon, Daemon],
    rounds: int,
    call: Callable[[Daemon], object],
    undo: Callable[[Daemon], object],
) -> float:
    """Return the ratio of the shortest times of a call: on the host with many to that with few."""
    seconds: dict[Daemon, list[float]] = {daemon: [] for daemon in hosts}
    with ThreadPoolExecutor(len(hosts)) as callers:
        for _ in range(rounds):
            for daemon in hosts:
                begin = time.perf_counter()
                call(daemon)
                seconds[daemon].append(time.perf_counter() - begin)
            list(callers.map(undo, hosts))
    little, much = (min(seconds[daemon]) for daemon in hosts)
    return much / little


def test_connect_takes_about_as_long(hosts: tuple[Daemon, Daemon]) -> None:
    connect = lambda daemon: daemon.connect("probe", ports=PORTS)  # noqa: E731
    assert grows_less(1.5, hosts, 30, connect, lambda daemon: daemon.disconnect("probe"))


def test_creating_a_network_takes_at_most_twice_as_long(hosts: tuple[Daemon, Daemon]) -> None:
    create = lambda daemon: daemon.create("red", "10.77.0.0/24")  # noqa: E731
    assert grows_less(2, hosts, 15, create, lambda daemon: daemon.delete("red"))

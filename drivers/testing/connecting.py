"""Claims about endpoints that are connected and disconnected."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import DriverError, SandboxNotFound
from mynet.drivers.testing.bench import (
    Bench,
    connected,
    only_driver_errors,
    require,
    require_whole,
    twice,
)
from mynet.drivers.testing.samples import SampleCall


def disconnecting_what_is_gone_is_success(bench: Bench) -> None:
    """Before there was a network, before it was connected, and twice after."""
    network = bench.network()
    endpoint = bench.endpoint(network)
    twice(bench.driver.disconnect, endpoint)
    bench.create(network)
    twice(bench.driver.disconnect, endpoint)
    bench.connect(endpoint)
    twice(bench.driver.disconnect, endpoint)


def connecting_twice_is_connecting_once(bench: Bench) -> None:
    """After each of them the kernel is what the endpoint says."""
    endpoint = connected(bench)
    require_whole(bench, endpoint)
    bench.connect(endpoint)
    require_whole(bench, endpoint)


def a_disconnected_endpoint_is_missed(bench: Bench) -> None:
    """By a driver that makes a link: check has sentences, as it must have eyes."""
    endpoint = connected(bench)
    bench.driver.disconnect(SampleCall(), endpoint)
    problems = bench.driver.check(SampleCall(), endpoint)
    if bench.makes_links:
        require(problems, "check finds nothing wrong with an endpoint that was disconnected")
    for problem in problems:
        require(problem.strip(), f"check answered {problem!r}, which is no sentence")


def names_are_free_after_disconnecting(bench: Bench) -> None:
    """Another endpoint takes them at once."""
    endpoint = connected(bench)
    for round_number in range(3):
        bench.driver.disconnect(SampleCall(), endpoint)
        endpoint = replace(endpoint, id=f"again-{round_number}")
        bench.connect(endpoint)
        require_whole(bench, endpoint)
    bench.driver.disconnect(SampleCall(), endpoint)


def disconnecting_works_when_the_network_is_gone(bench: Bench) -> None:
    """Take away the endpoint after the network, as after a Delete with force."""
    endpoint = connected(bench)
    bench.driver.delete(SampleCall(), endpoint.network)
    twice(bench.driver.disconnect, endpoint)


def a_lost_sandbox_is_said_to_be_lost(bench: Bench) -> None:
    """Connect refuses, disconnect and check do without it."""
    network = bench.network()
    lost = Sandbox("/proc/0/ns/net", 1)
    endpoint = replace(bench.endpoint(network), sandbox=lost, gateways=())
    bench.create(network)
    with only_driver_errors():
        try:
            bench.connect(endpoint)
        except SandboxNotFound:
            pass
        else:
            require(not bench.makes_links, "connect made a link in a sandbox that is not there")
    bench.driver.check(SampleCall(), endpoint)
    twice(bench.driver.disconnect, endpoint)


def an_endpoint_without_its_network_fails_cleanly(bench: Bench) -> None:
    """Whatever connect then does, it raises a DriverError or nothing; disconnect undoes it."""
    endpoint = bench.endpoint(bench.network())
    with only_driver_errors(), suppress(DriverError):
        bench.connect(endpoint)
    twice(bench.driver.disconnect, endpoint)


CLAIMS: Sequence[Callable[[Bench], None]] = (
    disconnecting_what_is_gone_is_success,
    connecting_twice_is_connecting_once,
    a_disconnected_endpoint_is_missed,
    names_are_free_after_disconnecting,
    disconnecting_works_when_the_network_is_gone,
    a_lost_sandbox_is_said_to_be_lost,
    an_endpoint_without_its_network_fails_cleanly,
)

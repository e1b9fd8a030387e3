"""Claims about ports; nothing is asked of a driver without that capability."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mynet.drivers.testing.bench import Bench, connected, require, require_whole, twice
from mynet.drivers.testing.samples import SampleCall, sample_ports


def ports_are_published_and_missed(bench: Bench) -> None:
    """By a driver with the capability: connecting publishes them, and check has eyes for them."""
    if not bench.publishes:
        return
    without = connected(bench)
    endpoint = replace(without, ports=sample_ports())
    problems = bench.driver.check(SampleCall(), endpoint)
    require(problems, "check finds nothing wrong with ports that were never published")
    bench.connect(endpoint)
    bench.connect(endpoint)
    require_whole(bench, endpoint)
    twice(bench.driver.disconnect, endpoint)
    bench.connect(without)
    problems = bench.driver.check(SampleCall(), endpoint)
    require(problems, "the ports of an endpoint that was disconnected are published still")


def updating_an_endpoint_changes_its_ports(bench: Bench) -> None:
    """To others, to none, and back; twice is once, and one disconnect still ends it all."""
    if not bench.publishes:
        return
    without = connected(bench)
    few, all_of_them = (replace(without, ports=sample_ports()[:n]) for n in (1, None))
    for before, after in ((without, few), (few, all_of_them), (all_of_them, few), (few, without)):
        twice(bench.driver.update_endpoint, after)
        require_whole(bench, after)
        if len(before.ports) > len(after.ports):
            problems = bench.driver.check(SampleCall(), before)
            require(problems, "ports that were taken away by update_endpoint are published still")
    bench.driver.update_endpoint(SampleCall(), few)
    twice(bench.driver.disconnect, few)
    bench.connect(without)
    problems = bench.driver.check(SampleCall(), few)
    require(problems, "ports that came by update_endpoint outlive the endpoint")


def restoring_publishes_the_ports_it_is_told_of(bench: Bench) -> None:
    """And no others: the endpoints come with their network."""
    if not bench.publishes:
        return
    endpoint = replace(connected(bench), ports=sample_ports())
    bench.connect(endpoint)
    bench.driver.restore(SampleCall(), [endpoint.network])
    problems = bench.driver.check(SampleCall(), endpoint)
    require(problems, "ports that restore was not told of are published still")
    bench.driver.restore(SampleCall(), [replace(endpoint.network, endpoints=(endpoint,))])
    require_whole(bench, endpoint)


CLAIMS: Sequence[Callable[[Bench], None]] = (
    ports_are_published_and_missed,
    updating_an_endpoint_changes_its_ports,
    restoring_publishes_the_ports_it_is_told_of,
)

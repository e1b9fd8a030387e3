"""Claims about what is there already: after a restart, after a reboot, when it changes."""

from collections.abc import Callable, Sequence
from contextlib import closing

from mynet.drivers.api import NetworkUpdate
from mynet.drivers.testing.bench import Bench, connected, require, require_whole, twice
from mynet.drivers.testing.samples import SampleCall


def networks_outlive_the_driver(bench: Bench) -> None:
    """Find, check and end what the driver of an earlier daemon made."""
    endpoint = connected(bench)
    bench.driver.close()
    with closing(bench.make()) as again:
        again.restore(SampleCall(), [endpoint.network])
        problems = list(again.check(SampleCall(), endpoint))
        require(not problems, f"after a restart check says: {problems}")
        again.disconnect(SampleCall(), endpoint)
        again.delete(SampleCall(), endpoint.network)


def restoring_makes_what_is_not_there(bench: Bench) -> None:
    """As after a reboot; twice, and with nothing to restore."""
    network = bench.network()
    bench.networks.append(network)
    bench.driver.restore(SampleCall(), [])
    bench.driver.restore(SampleCall(), [network])
    bench.driver.restore(SampleCall(), [network])
    endpoint = bench.endpoint(network)
    bench.connect(endpoint)
    require_whole(bench, endpoint)


def updating_twice_is_updating_once(bench: Bench) -> None:
    """Keep what is there, and make no endpoint that is not; one delete still ends it all."""
    endpoint = connected(bench)
    other = bench.endpoint(endpoint.network, 2)
    twice(bench.driver.update, NetworkUpdate(endpoint.network, (endpoint, other)))
    require_whole(bench, endpoint)
    problems = bench.driver.check(SampleCall(), other)
    require(problems or not bench.makes_links, "update made an endpoint that was not there")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    networks_outlive_the_driver,
    restoring_makes_what_is_not_there,
    updating_twice_is_updating_once,
)

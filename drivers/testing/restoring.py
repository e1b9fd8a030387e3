"""Claims about restore and update."""

from contextlib import closing
from dataclasses import replace

from mynet.drivers.api import NetworkUpdate
from mynet.drivers.testing.bench import Bench, connected, require, require_whole, twice
from mynet.drivers.testing.samples import SampleCall


def networks_outlive_the_driver(bench: Bench) -> None:
    """Restore, check and delete what the driver of an earlier daemon made."""
    endpoint = connected(bench)
    bench.driver.close()
    with closing(bench.make()) as again:
        again.restore(SampleCall(), [replace(endpoint.network, endpoints=(endpoint,))])
        problems = list(again.check(SampleCall(), endpoint))
        require(not problems, f"after a restart, check reports: {problems}")
        again.disconnect(SampleCall(), endpoint)
        again.delete(SampleCall(), endpoint.network)


def restore_makes_missing_networks(bench: Bench) -> None:
    """Restore nothing, and twice a network that does not exist, as after a reboot."""
    network = bench.network()
    bench.networks.append(network)
    bench.driver.restore(SampleCall(), [])
    bench.driver.restore(SampleCall(), [network])
    bench.driver.restore(SampleCall(), [network])
    endpoint = bench.endpoint(network)
    bench.connect(endpoint)
    require_whole(bench, endpoint)


def update_twice_is_update_once(bench: Bench) -> None:
    """Update with an existing and a missing endpoint; the missing one is not made."""
    endpoint = connected(bench)
    other = bench.endpoint(endpoint.network, 2)
    twice(bench.driver.update, NetworkUpdate(endpoint.network, (endpoint, other)))
    require_whole(bench, endpoint)
    problems = bench.driver.check(SampleCall(), other)
    require(problems or not bench.makes_links, "update made an endpoint that did not exist")

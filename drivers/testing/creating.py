"""Claims about create, delete and check_network."""

from mynet.drivers.testing.bench import Bench, require, twice
from mynet.drivers.testing.samples import SampleCall


def delete_succeeds_without_a_network(bench: Bench) -> None:
    """Delete a network before create, and twice after it."""
    network = bench.network()
    twice(bench.driver.delete, network)
    bench.create(network)
    twice(bench.driver.delete, network)


def create_twice_is_create_once(bench: Bench) -> None:
    """Create a network twice and delete it once; clearing up finds nothing left."""
    network = bench.network()
    bench.create(network)
    bench.create(network)
    bench.driver.delete(SampleCall(), network)


def check_network_accepts_what_create_made(bench: Bench) -> None:
    """Expect no differences of a network that was just created."""
    network = bench.network()
    bench.create(network)
    differences = list(bench.driver.check_network(SampleCall(), network))
    require(not differences, f"after create, check_network reports: {differences}")

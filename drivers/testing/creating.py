"""Claims about networks that are made and deleted."""

from collections.abc import Callable, Sequence

from mynet.drivers.testing.bench import Bench, require, twice
from mynet.drivers.testing.samples import SampleCall


def deleting_what_is_gone_is_success(bench: Bench) -> None:
    """Before it was ever made, and twice after."""
    network = bench.network()
    twice(bench.driver.delete, network)
    bench.create(network)
    twice(bench.driver.delete, network)


def creating_twice_is_creating_once(bench: Bench) -> None:
    """And one delete ends it."""
    network = bench.network()
    bench.create(network)
    bench.create(network)
    bench.driver.delete(SampleCall(), network)


def a_network_that_was_made_is_whole(bench: Bench) -> None:
    """Until it is deleted, check_network has no sentence."""
    network = bench.network()
    bench.create(network)
    differences = list(bench.driver.check_network(SampleCall(), network))
    require(not differences, f"check_network says of a network that was made: {differences}")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    deleting_what_is_gone_is_success,
    creating_twice_is_creating_once,
    a_network_that_was_made_is_whole,
)

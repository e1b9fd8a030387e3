"""Claims about opening and closing subnets."""

from mynet.ipam.api import API_VERSION, IPNetwork
from mynet.ipam.errors import SubnetInUse, SubnetNotFound
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH


def info_is_the_same_every_time(bench: Bench) -> None:
    """Require a name and the API version of the contract, also after a restart."""
    info = bench.backend.info
    require(info.name, "info.name is empty")
    require_equal(info.api_version, API_VERSION, "info.api_version")
    require_equal(bench.backend.info, info, "info, asked again")
    bench.restart()
    require_equal(bench.backend.info, info, "info of the backend made again")


def opening_an_open_subnet_changes_nothing(bench: Bench) -> None:
    """Open a subnet again, as the daemon does after a crash."""
    for subnet in map(bench.open, BOTH):
        held = bench.allocate(subnet, "a")
        bench.open(subnet)
        require_equal(bench.allocations(subnet), [held], f"{subnet}, opened again, has")
        require_equal(bench.usage(subnet).allocated, 1, f"allocated of {subnet}, opened again")


def a_subnet_that_is_not_open_is_not_found(bench: Bench) -> None:
    """Call every verb on its addresses. A query for its allocations finds none."""
    for subnet in BOTH:
        _require_not_found(bench, subnet)
        bench.close(subnet)


def a_closed_subnet_is_forgotten(bench: Bench) -> None:
    """Require that if it is opened again, it has no allocations. Other subnets keep theirs."""
    for subnet, other in (BOTH, BOTH[::-1]):
        bench.open(other)
        kept = bench.allocate(other, "a")
        bench.open(subnet)
        held = bench.allocate(subnet, "a")
        bench.release(subnet, held.address)
        bench.close(subnet)
        _require_not_found(bench, subnet)
        bench.close(subnet)
        bench.open(subnet)
        require_equal(bench.usage(subnet).allocated, 0, f"allocated of {subnet}, opened anew")
        require_equal(bench.allocations(), [kept], "the allocations of the other subnet")
        bench.clear(subnet)
        bench.clear(other)


def a_subnet_with_allocations_cannot_be_closed(bench: Bench) -> None:
    """Require that it can be closed when the last address is released."""
    for subnet in map(bench.open, BOTH):
        first, second = bench.allocate(subnet, "a"), bench.allocate(subnet)
        for held in (first, second):
            with bench.refusing(SubnetInUse, subnet):
                bench.close(subnet)
            bench.release(subnet, held.address)
        bench.close(subnet)


def _require_not_found(bench: Bench, subnet: IPNetwork) -> None:
    for call in (
        lambda: bench.allocate(subnet, "a"),
        lambda: bench.allocate(subnet, "a", address=subnet[7]),
        lambda: bench.allocate_batch(subnet, ["a", ""]),
        lambda: bench.release(subnet, subnet[7]),
        lambda: bench.usage(subnet),
        lambda: bench.parts(subnet, subnet.max_prefixlen),
    ):
        with bench.refusing(SubnetNotFound, subnet):
            call()
    require_equal(bench.allocations(subnet), [], f"{subnet}, which is not open, has")
